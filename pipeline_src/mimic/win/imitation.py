"""The imitation net: a thin student with a pair of linear maps after each block (Zhou et al., section 3).

The first map, M1, takes a block's output to the width of the teacher's, with which it is compared; the
second, M2, takes it back. Nothing stands between them, so that both are merged into what follows: the student
is then what it was, with other weights.

notation: c, c' channels of a student's and of the teacher's block
"""

import torch
from torch import nn

from mimic.cli import InputError
from mimic.win.cut import cut, shared_modules
from mimic.win.merging import consumers_of, merged_weight


class Pair(nn.Module):
    """M1 and M2 after a block: 1x1 convolutions, or linear layers after a block that gives vectors.

    At the start M2 M1 is the identity where the teacher is not the thinner one: the columns of M1 are
    orthonormal and M2 is its transpose (Reading: the paper does not give the start).

    Parameters
    ----------
    thin, wide : int
        Channels c and c'.
    is_image : bool
        Whether the block gives images (n, c, height, width), rather than vectors (..., c).
    goes_back : bool
        Without, M1 is all there is.
    """

    def __init__(self, thin, wide, is_image, goes_back=True):
        super().__init__()
        self.up, self.down = (
            nn.Conv2d(a, b, 1, bias=False) if is_image else nn.Linear(a, b, bias=False)
            for a, b in ((thin, wide), (wide, thin))
        )
        matrix = nn.init.orthogonal_(torch.empty(wide, thin))
        with torch.no_grad():
            self.up.weight.copy_(matrix.view_as(self.up.weight))
            self.down.weight.copy_(matrix.T.reshape(self.down.weight.shape))
        if not goes_back:
            self.down = None

    def forward(self, x):
        """M2 M1 x, or M1 x where that is all."""
        x = self.up(x)
        return x if self.down is None else self.down(x)

    def matrix(self):
        """The pair's map as one float64 matrix, (c, c), or (c', c) where M1 is all."""
        up, *down = (layer.weight.detach().double().flatten(1) for layer in self.children())
        return down[0] @ up if down else up


class ImitationNet(nn.Module):
    """A student with its pairs.

    Parameters
    ----------
    student : torch.nn.Module
        Trained in place.
    teacher : torch.nn.Module
        Gives the widths of the pairs; not kept.
    student_blocks, teacher_blocks : sequence of str
        Modules whose outputs are compared, one of the teacher for each of the student.
    image_shape : tuple of int
        Channels, height and width.
    pairs : bool
        Without, the blocks must be as wide as the teacher's.
    teachers_classifier : bool
        After the last block comes M1 alone, and the last layer of the teacher, which is then part of the
        imitation net and trained on with it; else M1, M2 and the student's own.

    Raises
    ------
    InputError
        If a net cannot be cut, a block's images have another size than the teacher's, widths differ where
        there are no pairs, or a pair could not be merged.
    """

    def __init__(
        self,
        student,
        teacher,
        student_blocks,
        teacher_blocks,
        image_shape,
        pairs=True,
        teachers_classifier=False,
    ):
        super().__init__()
        if len(student_blocks) != len(teacher_blocks):
            raise InputError(
                f"expected as many blocks of the teacher as of the student, got {len(teacher_blocks)} and "
                f"{len(student_blocks)}"
            )
        self.blocks = tuple(student_blocks)
        self._student = (student,)  # in a tuple: its segments hold all of its parameters already
        self.segments = nn.ModuleList(cut(student, student_blocks, "student"))
        shared = shared_modules(self.segments)
        if shared:
            raise InputError(
                f"student: {shared[0]} belongs to several blocks: no block can be trained for itself"
            )
        for segment, name in zip(self.segments[1:], student_blocks, strict=True):
            if pairs:
                consumers_of(segment, name)
        wide_segments = cut(teacher, teacher_blocks, "teacher")
        shapes = [output_shapes(segments, image_shape) for segments in (self.segments, wide_segments)]
        for thin, wide, name in zip(*shapes, student_blocks, strict=False):
            _check_shapes(thin, wide, name, pairs)
        widths = [(*map(_channels, both), len(both[0]) == 3) for both in zip(*shapes, strict=True)]
        self.pairs = nn.ModuleList(
            Pair(*width, goes_back=i < self.n_blocks - 1 or not teachers_classifier)
            for i, width in enumerate(widths[: self.n_blocks])
            if pairs
        ).to(next(self.segments.parameters()))
        self.classifier = None
        if teachers_classifier:
            self._take_classifier(wide_segments[-1], teacher_blocks[-1])

    def _take_classifier(self, wide_tail, block):
        """Let the teacher's last layer stand in the place of the student's."""
        names = []
        for tail, of, last in (
            (self.segments[-1], "student", self.blocks[-1]),
            (wide_tail, "teacher", block),
        ):
            found = consumers_of(tail, last, of)
            layers = [
                module
                for module in tail.modules()
                if next(module.parameters(recurse=False), None) is not None
            ]
            if len(found) != 1 or layers != [found[0].module] or not isinstance(found[0].module, nn.Linear):
                raise InputError(
                    f"{of}: the teacher's classifier is taken only where one linear layer alone has weights "
                    f"after {last}; train the student's own instead"
                )
            names.append(found[0])
        own, wide = names
        if own.module.out_features != wide.module.out_features:
            raise InputError(
                f"student: expected {wide.module.out_features} outputs of {own.name}, as the teacher has, "
                f"got {own.module.out_features}"
            )
        self.classifier = own.name
        taken = nn.Linear(wide.module.in_features, wide.module.out_features, wide.module.bias is not None)
        taken.load_state_dict(wide.module.state_dict())
        self.segments[-1].set_submodule(own.name, taken.to(wide.module.weight))

    @property
    def n_blocks(self):
        """Number of blocks that imitate."""
        return len(self.blocks)

    def forward(self, images):
        """Logits (n, n_classes)."""
        x = images
        for i in range(self.n_blocks):
            x = self.between(i, self.segments[i](x))
        return self.segments[-1](x)

    def between(self, i, x):
        """What the segment after block `i` gets."""
        return self.pairs[i](x) if len(self.pairs) else x

    def compared(self, images, n_blocks):
        """What is compared with the teacher's block: block `n_blocks` (from 1), at its width."""
        x = images
        for i in range(n_blocks - 1):
            x = self.between(i, self.segments[i](x))
        x = self.segments[n_blocks - 1](x)
        return self.pairs[n_blocks - 1].up(x) if len(self.pairs) else x

    def parts_of(self, n_blocks):
        """Modules that `compared` uses: all that is trained while block `n_blocks` imitates."""
        parts = list(self.segments[:n_blocks])
        if len(self.pairs):
            parts += [*self.pairs[: n_blocks - 1], self.pairs[n_blocks - 1].up]
        return parts

    @torch.no_grad()
    def merged(self):
        """The student's own state, with all pairs merged.

        Returns
        -------
        dict of str to tensor
            Keys, shapes and dtypes of the student's ``state_dict``: it does what this net does.
        """
        (student,) = self._student
        state = {name: tensor.clone() for name, tensor in student.state_dict().items()}
        for i, block in enumerate(self.blocks):
            if not len(self.pairs) and (self.classifier is None or i < self.n_blocks - 1):
                continue
            for consumer in consumers_of(self.segments[i + 1], block):
                layer = consumer.module
                weight = merged_weight(layer, self.pairs[i].matrix()) if len(self.pairs) else layer.weight
                state[f"{consumer.name}.weight"] = weight.to(layer.weight).clone()
                if layer.bias is not None:
                    state[f"{consumer.name}.bias"] = layer.bias.clone()
        return state


class Prefix(nn.Module):
    """The part of an imitation net that is trained while a block imitates, as a net of its own."""

    def __init__(self, imitation, n_blocks):
        super().__init__()
        self.parts = nn.ModuleList(imitation.parts_of(n_blocks))
        self._imitation, self._n_blocks = (imitation,), n_blocks

    def forward(self, images):
        """What is compared with the teacher's block."""
        return self._imitation[0].compared(images, self._n_blocks)


class TeacherBlocks(nn.Module):
    """The first blocks of a teacher, frozen; always in evaluation mode, so that not one bit of it changes."""

    def __init__(self, teacher, blocks, n_blocks):
        super().__init__()
        self.segments = nn.ModuleList(cut(teacher, blocks, "teacher")[:n_blocks])
        self.requires_grad_(False)
        self.eval()

    def train(self, mode=True):
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images):
        """Output of the last of the blocks."""
        for segment in self.segments:
            images = segment(images)
        return images


def output_shapes(segments, image_shape):
    """Shapes of the segments' outputs for one image, without the batch."""
    shapes, modes = [], [segment.training for segment in segments]
    first = next(segments[0].parameters())
    x = torch.zeros((2, *image_shape), device=first.device, dtype=first.dtype)
    with torch.no_grad():
        for segment in segments:
            segment.eval()
        for segment in segments:
            x = segment(x)
            shapes.append(tuple(x.shape[1:]))
        for segment, mode in zip(segments, modes, strict=True):
            segment.train(mode)
    return shapes


def _channels(shape):
    return shape[0] if len(shape) == 3 else shape[-1]


def _check_shapes(thin, wide, name, pairs):
    if len(thin) not in (1, 2, 3):
        raise InputError(
            f"student: {name} gives a tensor of {1 + len(thin)} axes, expected images or vectors"
        )
    places = [shape[1:] if len(shape) == 3 else shape[:-1] for shape in (thin, wide)]
    if len(thin) != len(wide) or places[0] != places[1]:
        raise InputError(
            f"student: {name} gives outputs of shape {thin}, the teacher's block {wide}: expected "
            "the same but for the channels"
        )
    if not pairs and _channels(thin) != _channels(wide):
        raise InputError(
            f"student: {name} has {_channels(thin)} channels, the teacher's block {_channels(wide)}: "
            "without pairs both must be equal"
        )

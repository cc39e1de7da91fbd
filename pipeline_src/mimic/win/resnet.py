"""ResNets of any width out of torchvision's bottleneck blocks (Zhou et al., section 4.1).

Names of parameters and buffers are torchvision's: the whole width is its ``resnet50``, twice as wide 3x3
convolutions are its ``wide_resnet50_2``.
"""

import torch
from torch import nn

from mimic.torchvision_import import import_torchvision

_blocks = import_torchvision("models.resnet")

#: Bottleneck blocks of the four stages by depth: 50 to 152 are the paper's family, 14 and 26 fit a processor.
STAGES = {14: (1, 1, 1, 1), 26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
#: Modules whose outputs a thin net imitates: the stages, between which the resolution changes.
BLOCKS = ("layer1", "layer2", "layer3", "layer4")
_PLANES = (64, 128, 256, 512)


class ResNet(nn.Module):
    """A bottleneck ResNet.

    Parameters
    ----------
    depth : int
        A key of `STAGES`.
    divide : int
        All channels but the images' are divided by it: 2 is the paper's ResNet50-1/2.
    widen : int
        The 3x3 convolutions have so many times the channels: 2 and 4 are the paper's teachers.
    stem : str
        ``imagenet``: 7x7 convolution of stride 2 and max-pool; ``cifar``: 3x3 convolution, for images of
        32x32 (Reading: the paper has ImageNet only).
    n_classes, n_channels : int

    Raises
    ------
    ValueError
        If `divide` does not divide the 64 channels of the first stage.
    """

    def __init__(self, depth, divide=1, widen=1, stem="imagenet", n_classes=1000, n_channels=3):
        super().__init__()
        if _PLANES[0] % divide:
            raise ValueError(f"divide: expected a divisor of {_PLANES[0]}, got {divide}")
        self._inplanes = _PLANES[0] // divide
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(n_channels, self._inplanes, 7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv2d(n_channels, self._inplanes, 3, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(self._inplanes)
        self.relu = nn.ReLU(inplace=True)
        for i, n_blocks in enumerate(STAGES[depth]):
            stride = 1 if i == 0 else 2
            setattr(self, BLOCKS[i], self._stage(_PLANES[i] // divide, n_blocks, stride, 64 * widen))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(self._inplanes, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _stage(self, planes, n_blocks, stride, base_width):
        width = planes * _blocks.Bottleneck.expansion
        downsample = None
        if stride != 1 or self._inplanes != width:
            downsample = nn.Sequential(_blocks.conv1x1(self._inplanes, width, stride), nn.BatchNorm2d(width))
        blocks = [
            _blocks.Bottleneck(self._inplanes, planes, stride, downsample, base_width=base_width),
            *(_blocks.Bottleneck(width, planes, base_width=base_width) for _ in range(n_blocks - 1)),
        ]
        self._inplanes = width
        return nn.Sequential(*blocks)

    def forward(self, images):
        """Logits (n, n_classes) of normalised images (n, channels, height, width)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))

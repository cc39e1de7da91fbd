import os
import random
import struct

import pytest
import safetensors.torch
import torch
from torch.nn.functional import cross_entropy

from mimic.artifact import digest_json
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.training import checkpoint as module
from mimic.training.checkpoint import Checkpoint, Damaged, from_bytes, to_bytes
from mimic.training.devices import choose_device
from mimic.training.loop import EpochRecord, Optimiser, State, Training, fit_together


def key_of(**facts):
    return digest_json(facts)


KEY = key_of(seed=1)
HISTORY = [EpochRecord(1, 0.1, 1 / 3, 1e-300, 0.1 + 0.2, 2 / 3, 1e5 / 7)]
DEVICE = choose_device("float32", "off", 1)


def small_state():
    """A net of two weights, with what stands for a random state."""
    return State(
        {
            "weights.a": torch.tensor([[1.5, -0.0]]),
            "momentum.a": torch.tensor([[2.0**-149, 1 / 3]]),
            "loss": torch.tensor(1 / 3, dtype=torch.float64),
            "random_state": torch.arange(5, dtype=torch.uint8),
        },
        HISTORY,
        12,
        0.1,
    )


def same(state, other):
    plain = (state.history, state.seen, state.epoch_seconds) == (
        other.history,
        other.seen,
        other.epoch_seconds,
    )
    names = list(state.tensors)
    return (
        plain
        and sorted(names) == sorted(other.tensors)
        and all(
            state.tensors[n].dtype == other.tensors[n].dtype
            and state.tensors[n].shape == other.tensors[n].shape
            and state.tensors[n].numpy().tobytes() == other.tensors[n].numpy().tobytes()
            for n in names
        )
    )


def test_a_state_comes_back_bit_by_bit():
    state, seconds = from_bytes(to_bytes(small_state(), KEY, 7.25), KEY)
    assert same(state, small_state())
    assert seconds == 7.25


def test_channels_last_tensors_come_back_in_the_order_of_their_shape():
    image = torch.arange(24.0).reshape(1, 2, 3, 4)
    state = State({"weights.a": image.contiguous(memory_format=torch.channels_last)}, [], 0, 0.0)
    assert torch.equal(from_bytes(to_bytes(state, KEY, 0.0), KEY)[0].tensors["weights.a"], image)


def test_numbers_of_a_history_keep_every_digit():
    draw = random.Random(0)
    floats = [struct.unpack("<d", struct.pack("<Q", draw.getrandbits(63)))[0] for _ in range(3000)]
    floats = [value for value in floats if value < 1e308]
    history = [EpochRecord(i + 1, *([value] * 6)) for i, value in enumerate(floats)]
    state, _ = from_bytes(to_bytes(State({}, history, 0, 0.0), KEY, 0.0), KEY)
    assert state.history == history


def test_every_flipped_bit_is_found_or_changes_nothing():
    data = to_bytes(small_state(), KEY, 7.25)
    found = 0
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            try:
                state, seconds = from_bytes(bytes(flipped), KEY)
            except Damaged:
                found += 1
                continue
            assert same(state, small_state()), (position, bit)
            assert seconds == 7.25, (position, bit)
    assert found > 0.95 * 8 * len(data)


def test_every_truncation_is_found():
    data = to_bytes(small_state(), KEY, 7.25)
    for length in range(len(data)):
        with pytest.raises(Damaged):
            from_bytes(data[:length], KEY)
    with pytest.raises(Damaged):
        from_bytes(data + b"\0", KEY)


def with_header(text):
    """A file with a right digest and such a header."""
    tensors = {"header": torch.frombuffer(bytearray(text), dtype=torch.uint8)}
    digest = torch.frombuffer(bytearray.fromhex(module._digest(tensors)), dtype=torch.uint8)
    return safetensors.torch.save({**tensors, "digest": digest})


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"format": "mimic.checkpoint/1", "key": "k", "history": [], "seen": -1, "epoch_seconds": 0, '
        b'"seconds": 0}',
        b'{"format": "mimic.checkpoint/1", "key": "k", "history": [1], "seen": 0, "epoch_seconds": 0, '
        b'"seconds": 0}',
        b'{"format": "mimic.checkpoint/9", "key": "k", "history": [], "seen": 0, "epoch_seconds": 0, '
        b'"seconds": 0}',
    ],
)
def test_a_header_of_another_kind_is_refused_in_a_line(text):
    with pytest.raises(Damaged) as error:
        from_bytes(with_header(text), "k")
    assert "\n" not in str(error.value)


def test_types_that_numpy_does_not_have_are_refused():
    with pytest.raises(Damaged):
        from_bytes(safetensors.torch.save({"header": torch.zeros(2, dtype=torch.bfloat16)}), KEY)
    tensors = {name: torch.zeros(2, dtype=torch.uint8) for name in ("header", "digest")}
    tensors["weights"] = torch.zeros(2, dtype=torch.bfloat16)
    with pytest.raises(Damaged):
        from_bytes(safetensors.torch.save(tensors), KEY)


def test_the_file_of_another_training_is_told_apart_from_a_damaged_one():
    with pytest.raises(Damaged, match=r"^of another training$"):
        from_bytes(to_bytes(small_state(), key_of(seed=2), 0.0), KEY)


def test_a_key_depends_on_every_fact_and_not_on_their_order():
    facts = {"seed": 1, "settings": {"rate": 0.1, "layers": [1, 2]}}
    assert key_of(**facts) == key_of(settings={"layers": [1, 2], "rate": 0.1}, seed=1)
    others = [
        {**facts, "seed": 2},
        {**facts, "settings": {"rate": 0.1, "layers": [2, 1]}},
        {**facts, "more": None},
        {**facts, "seed": "1"},
    ]
    assert len({key_of(**facts), *(key_of(**other) for other in others)}) == 5


class Net:
    """As much of a training as a `Checkpoint` needs."""

    @property
    def epochs_done(self):
        return len(self.restored.history)

    def __init__(self):
        self.restored = None

    def state(self):
        return small_state()

    def restore(self, state):
        self.restored = state


@pytest.fixture
def keeping(tmp_path):
    """Factory of checkpoints in one folder; `said` is what they had to say."""

    def make(key=KEY, every_seconds=0.0):
        made = Checkpoint(tmp_path / "trial", key, every_seconds, make.said.append, make.resumed.append)
        return made

    make.said, make.resumed = [], []
    make.path = tmp_path / "trial" / "checkpoint.safetensors"
    return make


def test_what_is_saved_is_resumed_and_removed(keeping):
    first = keeping()
    first.save(Net())
    second, net = keeping(), Net()
    second.resume(net)
    assert same(net.restored, small_state())
    assert keeping.said == ["resumed at epoch 2, after 12 of its images"]
    assert keeping.resumed == [1]
    second.remove()
    assert list(keeping.path.parent.iterdir()) == []
    second.remove()


def test_seconds_go_on_where_they_were(keeping, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("mimic.training.checkpoint.time.perf_counter", lambda: now[0])
    first = keeping()
    now[0] = 107.0
    first.save(Net())
    now[0] = 1000.0
    second = keeping()
    second.resume(Net())
    now[0] = 1002.0
    assert second.seconds() == 9.0


def test_without_a_file_nothing_is_said(keeping):
    net = Net()
    keeping().resume(net)
    assert (net.restored, keeping.said) == (None, [])


def _flipped(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _linked(path):
    path.rename(path.with_name("precious"))
    path.symlink_to("precious")


def _folder(path):
    path.unlink()
    path.mkdir()
    (path / "precious").write_text("x")


SPOILT = {
    "flipped": (_flipped, "bytes do not match its digest"),
    "truncated": (lambda path: os.truncate(path, 100), "damaged"),
    "empty": (lambda path: os.truncate(path, 0), "damaged"),
    "huge": (lambda path: os.truncate(path, 2**40), "expected at most"),
    "link": (_linked, "not a regular file"),
    "folder": (_folder, "not a regular file"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_file_that_cannot_be_used_costs_one_line(keeping, kind):
    spoil, reason = SPOILT[kind]
    keeping().save(Net())
    spoil(keeping.path)
    net, again = Net(), keeping()
    again.resume(net)
    assert net.restored is None
    (line,) = keeping.said
    assert line.startswith(f"{keeping.path}: ignored, training starts afresh: ")
    assert reason in line
    again.save(net)
    again.remove()
    precious = {
        "link": keeping.path.with_name("precious"),
        "folder": keeping.path / "precious",
    }.get(kind)
    left = [] if precious is None else [precious]
    assert [path for path in keeping.path.parent.rglob("*") if path.is_file()] == left
    if kind == "link":
        assert from_bytes(precious.read_bytes(), KEY)


def test_another_training_s_file_is_ignored_and_overwritten(keeping):
    keeping(key_of(seed=2)).save(Net())
    net, own = Net(), keeping()
    own.resume(net)
    assert net.restored is None
    assert keeping.said == [f"{keeping.path}: ignored, training starts afresh: of another training"]
    own.save(net)
    assert from_bytes(keeping.path.read_bytes(), KEY)


def test_half_a_file_of_a_killed_process_is_removed_in_the_end(keeping):
    keeping().save(Net())
    part = keeping.path.with_name(f".{keeping.path.name}.part")
    part.write_bytes(b"half")
    net, checkpoint = Net(), keeping()
    checkpoint.resume(net)
    assert net.restored is not None
    checkpoint.remove()
    assert list(keeping.path.parent.iterdir()) == []


def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_the_old_one(keeping, monkeypatch):
    keeping().save(Net())
    before = keeping.path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mimic.artifact.os.fsync", full)
    with pytest.raises(OSError, match="No space left") as error:
        keeping().save(Net())
    assert error.value.filename == str(keeping.path)
    assert [path.name for path in keeping.path.parent.iterdir()] == [keeping.path.name]
    assert keeping.path.read_bytes() == before


@pytest.mark.parametrize(
    ("every", "cost", "expected"),
    [
        (0.0, 3.0, [1, 2, 3, 4, 5, 6]),
        (20.0, 0.0, [3, 5]),  # epochs of ten seconds: 20 s after the start, 20 s after the first save
        (20.0, 0.25, [3, 6]),  # a save of 0.25 s is worth 25 s of training
    ],
)
def test_a_save_waits_for_its_time_and_for_what_the_last_one_cost(
    keeping, monkeypatch, every, cost, expected
):
    now, saved = [0.0], []
    monkeypatch.setattr("mimic.training.checkpoint.time.perf_counter", lambda: now[0])
    kept = keeping(every_seconds=every)

    class Slow(Net):
        def state(self):
            now[0] += cost
            saved.append(epoch)
            return super().state()

    for epoch in range(1, 7):
        now[0] = 10.0 * (epoch - 1) + 1e-6 * epoch
        kept.save_if_due(Slow())
    assert saved == expected


def test_several_nets_have_no_checkpoint(keeping, dataset, training):
    images, labels = (torch.from_numpy(part["train"]) for part in (dataset.images, dataset.labels))
    trainings = [Training(new_net(mlp_architecture([2], 3), 1.0, 1), Optimiser(0.1, 0.9, 0.0))] * 2
    with pytest.raises(ValueError, match="unpack"):
        fit_together(
            trainings,
            lambda epoch: (images, labels),
            cross_entropy,
            training(),
            (images, labels),
            DEVICE,
            keeping(),
        )


def test_a_save_that_takes_long_makes_the_next_one_wait(keeping, monkeypatch):
    """A hundredth of the time at most: after a save of two seconds the next is due in two hundred."""
    clock = {"now": 0.0}
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock["now"])
    checkpoint, write, saves = keeping(every_seconds=20.0), module.to_bytes, []

    def slow(*arguments):
        clock["now"] += 2.0
        saves.append(clock["now"])
        return write(*arguments)

    monkeypatch.setattr(module, "to_bytes", slow)
    for now, expected in ((19.9, 0), (20.0, 1), (50.0, 1), (221.9, 1), (222.0, 2)):
        clock["now"] = now
        checkpoint.save_if_due(Net(), within_epoch=True)
        assert len(saves) == expected, now

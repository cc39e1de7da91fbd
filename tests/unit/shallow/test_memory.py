import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimic.cli import InputError
from mimic.config.shallow import ShallowTraining
from mimic.shallow.grid import Shape
from mimic.shallow.memory import bytes_of_image, bytes_of_net, divide

VALUES = {
    "n_epochs": 1,
    "rho": 0.9,
    "momentum": 0.9,
    "betas": (0.9, 0.999),
    "epsilon": 1e-7,
    "precision": "float32",
}


@given(
    n_layers=st.integers(1, 40),
    n_filters=st.integers(1, 40),
    batch_norm=st.booleans(),
    n_nets=st.integers(1, 500),
    batch_size=st.integers(1, 600),
    memory_mb=st.integers(64, 20_000),
    on_cpu=st.booleans(),
    parallel=st.booleans(),
)
def test_a_stack_fits_into_its_memory_or_is_refused(
    n_layers, n_filters, batch_norm, n_nets, batch_size, memory_mb, on_cpu, parallel
):
    shape = Shape((3, 32, 32), 10, n_layers, n_filters, 3, batch_norm)
    training = ShallowTraining(batch_size=batch_size, memory_mb=memory_mb, **VALUES)
    least = batch_size if batch_norm else 1
    needed = bytes_of_net(shape) + least * bytes_of_image(shape)
    if needed > memory_mb * 1e6:
        with pytest.raises(InputError, match="memory_mb: expected at least"):
            divide(shape, n_nets, training, on_cpu, parallel)
        return
    found = divide(shape, n_nets, training, on_cpu, parallel)
    assert 1 <= found.nets <= n_nets
    assert 1 <= found.images <= batch_size
    assert found.images == batch_size or not batch_norm
    taken = found.nets * (bytes_of_net(shape) + found.images * bytes_of_image(shape))
    assert taken <= memory_mb * 1e6


def test_what_does_not_fit_says_what_would():
    shape = Shape((3, 32, 32), 10, 32, 32, 5, True)
    training = ShallowTraining(batch_size=512, memory_mb=3000, **VALUES)
    with pytest.raises(InputError) as error:
        divide(shape, 4, training, on_cpu=True, parallel=False)
    needed = -(-(bytes_of_net(shape) + 512 * bytes_of_image(shape)) // 1_000_000)
    assert f"expected at least {needed:,} for a net of 32 layers of 32 filters of 5x5" in str(error.value)
    assert "with batch_norm on batches of 512, got 3,000" in str(error.value)
    enough = training.model_copy(update={"memory_mb": needed})
    assert divide(shape, 4, enough, on_cpu=True, parallel=False).nets == 1

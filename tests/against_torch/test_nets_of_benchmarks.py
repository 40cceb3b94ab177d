"""The benchmark's convolutional nets in JAX take the same training steps as in PyTorch."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

REASON = "is not installed: nothing is compared"
torch = pytest.importorskip("torch", reason=f"PyTorch {REASON}")
jax = pytest.importorskip("jax", reason=f"JAX {REASON}")
pytest.importorskip("optax", reason=f"optax {REASON}")

from benchmarks.nets import NETS, Net, residual  # noqa: E402
from benchmarks.workloads import conv  # noqa: E402

pytestmark = pytest.mark.torch


def small(name: str, *inputs: int) -> Net:
    return dataclasses.replace(NETS[name], inputs=inputs, batch=3)


def down_and_up(torch: Any) -> Any:
    nn = torch.nn

    class DownAndUp(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(2, 6, 3, 1, 1, groups=2)
            self.grow = nn.ConvTranspose2d(6, 4, 2, 2)
            self.last = nn.Conv2d(10, 3, 1)

        def forward(self, x: Any) -> Any:
            x = self.first(x)
            below = nn.functional.relu(nn.functional.max_pool2d(x, 2))
            return self.last(torch.cat([x, self.grow(below)], 1))

    return DownAndUp()


# Between them, all layers, both optimizers and both kinds of labels.
QUICK = {
    "CNN": small("CNN 1-32-64, 28x28", 1, 28, 28),
    "1-d": small("1-d, 6 x 64, length 512", 8, 33),
    "residual": Net(lambda nn: residual(nn, (8, 12), 1, pool=True), (3, 30, 30), 4, "SGD"),
    "down and up": Net(down_and_up, (2, 6, 10), 3, "SGD", 3, dense=True),
}
WHOLE = {name: dataclasses.replace(net, batch=8) for name, net in NETS.items()}


@pytest.fixture(autouse=True, scope="module")
def settings() -> Iterator[None]:
    """One thread for PyTorch, and no time for optimizations."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    torch.set_num_threads(threads)


def both(net: Net) -> tuple[list[float], list[float]]:
    """The losses of three steps in JAX and in PyTorch, from the same weights."""
    (x, y), state = conv.data(net), conv.weights(net)
    _, step = conv.training_step(torch, net, lambda model: model)
    theirs = conv.running(step, torch.from_numpy(x), torch.from_numpy(y))
    return conv.jax_running(net, state, x, y).check(), theirs.check()


@pytest.mark.parametrize("net", QUICK.values(), ids=QUICK)
def test_same_losses(net: Net) -> None:
    ours, theirs = both(net)
    np.testing.assert_allclose(ours, theirs, 1e-3)
    assert len(set(theirs)) == 3


@pytest.mark.slow
@pytest.mark.parametrize("net", WHOLE.values(), ids=WHOLE)
def test_same_losses_at_full_size(net: Net) -> None:
    np.testing.assert_allclose(*both(net), 1e-3)

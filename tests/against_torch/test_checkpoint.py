"""`utils.checkpoint` beside PyTorch's: gradients, and what is seen of the second call."""

from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def net(lib: Any) -> Any:
    made = lib.nn.Sequential(
        lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Tanh(), lib.nn.Linear(4, 2)
    )
    with lib.no_grad():
        for k, p in enumerate(made.parameters()):
            p.copy_(lib.arange(float(p.numel())).reshape(p.shape) / 10 - 0.3 + k * 0.1)
    return made


def state(lib: Any, made: Any, x: Any) -> list[Any]:
    found = [x.grad, *(p.grad for p in made.parameters()), *made.buffers()]
    return [t.tolist() for t in found]


def trained(lib: Any, reentrant: bool) -> Any:
    from torch.utils import checkpoint as theirs

    checkpoint = zincir.utils.checkpoint if lib is zincir else theirs
    made, calls = net(lib), []
    x = lib.arange(15.0).reshape(5, 3).div(7).requires_grad_()

    def run(x: Any) -> Any:
        calls.append(lib.is_grad_enabled())
        return made(x), x * 2

    for _ in range(2):
        a, b = checkpoint.checkpoint(run, x, use_reentrant=reentrant)
        (a.square().sum() + b.sum()).backward()
    checkpoint.checkpoint_sequential(made, 2, x, use_reentrant=reentrant).sum().backward()
    return calls, state(lib, made, x)


@pytest.mark.parametrize("reentrant", [True, False])
def test_training(reentrant: bool) -> None:
    (calls, ours), (their_calls, theirs) = trained(zincir, reentrant), trained(torch, reentrant)
    assert calls == their_calls
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)

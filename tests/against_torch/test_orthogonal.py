"""Orthogonal parametrizations beside PyTorch: values from one state, gradients, assignments."""

from typing import Any

import numpy as np
import pytest

import zincir
from zincir.nn.utils import parametrizations

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

CASES = [
    (shape, kind, trivial)
    for shape in ((4, 4), (5, 3), (3, 5))
    for kind in ("matrix_exp", "cayley", "householder", None)
    for trivial in (True, False)
    if trivial or kind == "householder"
]


def made(lib: Any, shape: tuple[int, int], kind: Any, trivial: bool) -> Any:
    layer = lib.nn.Linear(shape[1], shape[0], bias=False).double()
    tool = lib.nn.utils.parametrizations.orthogonal
    return tool(layer, orthogonal_map=kind, use_trivialization=trivial)


@pytest.mark.parametrize(("shape", "kind", "trivial"), CASES)
def test_values_and_gradients(shape: tuple[int, int], kind: Any, trivial: bool) -> None:
    torch.manual_seed(0)
    theirs, mine = made(torch, shape, kind, trivial), made(zincir, shape, kind, trivial)
    assert repr(theirs) == repr(mine)
    with torch.no_grad():
        original = theirs.parametrizations.weight.original
        original += 0.1 * torch.randn_like(original).tril(-1)
    mine.load_state_dict({k: v.numpy().copy() for k, v in theirs.state_dict().items()})
    weights = np.random.default_rng(0).standard_normal(shape)
    for lib, net in ((torch, theirs), (zincir, mine)):
        (net.weight * lib.from_numpy(weights)).sum().backward()
    pairs = [
        (mine.weight, theirs.weight),
        (mine.parametrizations.weight.original.grad, original.grad),
    ]
    for a, b in pairs:
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-9, 1e-11)


@pytest.mark.parametrize(("shape", "kind", "trivial"), CASES)
def test_what_is_assigned(shape: tuple[int, int], kind: Any, trivial: bool) -> None:
    layer = made(zincir, shape, kind, trivial)
    first = layer.weight
    one = first @ first.mT if shape[0] <= shape[1] else first.mT @ first
    np.testing.assert_allclose(one.detach().numpy(), np.eye(min(shape)), atol=1e-12)
    wanted = zincir.linalg.qr(zincir.randn(max(shape), min(shape)).double()).Q
    wanted = wanted.mT.clone() if shape[0] < shape[1] else wanted
    layer.weight = wanted
    np.testing.assert_allclose(layer.weight.detach().numpy(), wanted.numpy(), atol=1e-12)


def test_refused() -> None:
    with pytest.raises(zincir.errors.ArgumentError, match="matrix"):
        parametrizations.orthogonal(zincir.nn.Linear(2, 2), "bias")
    with pytest.raises(zincir.errors.ArgumentError, match="has to be one of"):
        parametrizations.orthogonal(zincir.nn.Linear(2, 2), orthogonal_map="euler")

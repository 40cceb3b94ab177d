"""Lazy layers beside PyTorch's: looks, states and shapes, before and after the first call."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:Lazy modules are a new feature"),
]

CASES: tuple[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]], ...] = (
    ("LazyLinear", (4,), {}, (3, 6)),
    ("LazyLinear", (4, False), {}, (2, 3, 5)),
    ("LazyConv1d", (5, 3, 2, 1), {}, (2, 6, 7)),
    ("LazyConv2d", (6, (3, 2)), {"groups": 2, "bias": False}, (1, 4, 5, 7)),
    ("LazyConv2d", (4, 3, 1, "same"), {"padding_mode": "circular"}, (3, 5, 7)),
    ("LazyConv3d", (2, (1, 2, 2)), {"dilation": 2}, (1, 3, 2, 5, 4)),
    ("LazyConvTranspose1d", (5, 3, 2, 1, 1), {}, (2, 6, 4)),
    ("LazyConvTranspose2d", (4, 3, 2), {"groups": 2, "dilation": 2}, (6, 2, 3)),
    ("LazyConvTranspose3d", (3, 2), {"bias": False}, (1, 2, 2, 1, 2)),
    ("LazyBatchNorm1d", (), {}, (4, 6)),
    ("LazyBatchNorm2d", (1e-3, None), {"bias": False}, (2, 3, 3, 2)),
    ("LazyBatchNorm3d", (1e-5, 0.1, False), {}, (2, 3, 1, 3, 2)),
    ("LazyInstanceNorm1d", (), {}, (2, 3, 5)),
    ("LazyInstanceNorm2d", (1e-5, 0.1, True, False), {}, (2, 3, 4, 5)),
    ("LazyInstanceNorm3d", (1e-5, 0.2, False, True), {}, (2, 3, 2, 1, 5)),
)
cases = pytest.mark.parametrize(("name", "given", "options", "shape"), CASES)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait by spinning, and starve whoever else is at work on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def alike(ours: Any, theirs: Any) -> None:
    assert repr(ours) == repr(theirs)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    for name, value in other.items():
        if isinstance(value, torch.nn.parameter.UninitializedTensorMixin):
            assert repr(mine[name]) == repr(value)
        else:
            assert mine[name].shape == tuple(value.shape)


@cases
def test_before_at_and_after_the_first_call(
    name: str, given: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    ours = getattr(nn, name)(*given, **options)
    theirs = getattr(torch.nn, name)(*given, **options)
    alike(ours, theirs)
    data = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x, y = zincir.from_numpy(data), torch.from_numpy(data)
    ours(x), theirs(y)
    alike(ours, theirs)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()})
    for _ in range(2):
        want = theirs(y)
        np.testing.assert_allclose(ours(x).detach().numpy(), want.detach().numpy(), 1e-4, 1e-5)
    ours.eval(), theirs.eval()
    np.testing.assert_allclose(ours(x).detach().numpy(), theirs(y).detach().numpy(), 1e-4, 1e-5)


@cases
def test_loading_what_pytorch_saved(
    name: str, given: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    ours = getattr(nn, name)(*given, **options)
    theirs, saved = (getattr(torch.nn, name)(*given, **options) for _ in range(2))
    data = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x, y = zincir.from_numpy(data), torch.from_numpy(data)
    saved(y)
    state = saved.state_dict()
    theirs.load_state_dict(state)
    ours.load_state_dict({k: v.numpy().copy() for k, v in state.items()})
    if state:
        alike(ours, theirs)  # still lazy, with shapes
        assert ours.has_uninitialized_params() is theirs.has_uninitialized_params() is False
    want = saved(y)  # PyTorch's lazy norms that were loaded do not learn num_features
    np.testing.assert_allclose(ours(x).detach().numpy(), want.detach().numpy(), 1e-4, 1e-5)
    alike(ours, saved)


def test_uninitialized_tensors_look_alike() -> None:
    for name in ("UninitializedParameter", "UninitializedBuffer"):
        ours, theirs = getattr(nn, name)(), getattr(torch.nn, name)()
        assert repr(ours) == repr(theirs)
        assert ours.requires_grad is theirs.requires_grad
        for t in (ours, theirs):
            with pytest.raises(RuntimeError):
                assert t.shape
            with pytest.raises(ValueError):
                t + 1
            t.materialize((2, 3))
        assert ours.shape == tuple(theirs.shape)
        assert type(ours).__name__ == type(theirs).__name__

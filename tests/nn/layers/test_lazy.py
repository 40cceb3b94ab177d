"""Every lazy layer becomes the ordinary one that its name says, with the same parameters."""

import inspect
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn

# Name, arguments without the number of channels, options, input with 6 channels (or features).
CASES: tuple[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]], ...] = (
    ("Linear", (4,), {}, (3, 6)),
    ("Linear", (4, False), {}, (2, 0, 6)),
    ("Linear", (4,), {"dtype": zincir.float64}, (6,)),
    ("Conv1d", (5, 3, 2, 1), {}, (2, 6, 7)),
    ("Conv1d", (4, 1), {"groups": 2}, (6, 7)),
    ("Conv2d", (40, 3, 1, "same", 2), {"padding_mode": "reflect"}, (1, 6, 5, 7)),
    ("Conv2d", (6, (3, 2)), {"groups": 6, "bias": False}, (6, 5, 7)),
    ("Conv3d", (2, (1, 2, 2)), {}, (1, 6, 2, 3, 3)),
    ("ConvTranspose1d", (5, 3, 2, 1, 1), {}, (2, 6, 4)),
    ("ConvTranspose2d", (4, 3, 2), {"groups": 2, "dilation": 2}, (6, 2, 3)),
    ("ConvTranspose3d", (3, 2), {"bias": False}, (1, 6, 2, 1, 2)),
    ("BatchNorm1d", (), {}, (4, 6)),
    ("BatchNorm1d", (1e-3, 0.2), {"bias": False}, (4, 6, 2)),
    ("BatchNorm2d", (1e-5, None, False), {}, (2, 6, 3, 2)),
    ("BatchNorm3d", (), {"track_running_stats": False}, (2, 6, 1, 3, 2)),
    ("BatchNorm2d", (1e-5, 0.1, False, False), {}, (2, 6, 3, 2)),
    ("InstanceNorm1d", (1e-5, 0.1, True, True), {}, (6, 5)),
    ("InstanceNorm2d", (1e-5, 0.1, False, False), {}, (6, 3, 5)),
    ("InstanceNorm2d", (1e-5, 0.1, True, False), {"bias": False}, (2, 6, 3, 5)),
    ("InstanceNorm3d", (1e-5, 0.1, False, True), {}, (2, 6, 2, 1, 5)),
)
cases = pytest.mark.parametrize(("name", "given", "options", "shape"), CASES)


def test_every_lazy_layer_has_a_case() -> None:
    lazy = {name for name in vars(nn) if name.startswith("Lazy")}
    assert lazy == {f"Lazy{name}" for name, *_ in CASES}


@cases
def test_becomes_the_ordinary_layer(
    name: str, given: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    zincir.manual_seed(0)
    plain = getattr(nn, name)(6, *given, **options)
    zincir.manual_seed(0)
    layer = getattr(nn, f"Lazy{name}")(*given, **options)
    assert isinstance(layer, getattr(nn, name))
    described = repr(plain).replace("in_features=6", "in_features=0").replace("(6,", "(0,", 1)
    assert repr(layer) == f"Lazy{described}"
    assert list(layer.state_dict()) == list(plain.state_dict())
    dtype = options.get("dtype", zincir.float32)
    x = zincir.randn(shape, dtype=dtype, generator=zincir.Generator().manual_seed(1))
    np.testing.assert_allclose(layer(x).detach().numpy(), plain(x).detach().numpy(), 1e-4, 1e-5)
    assert type(layer) is type(plain)
    assert repr(layer) == repr(plain)
    assert set(vars(layer)) == set(vars(plain))
    for key, value in plain.state_dict().items():
        mine = layer.state_dict()[key]
        assert (mine.shape, mine.dtype) == (value.shape, value.dtype)
        np.testing.assert_allclose(mine.numpy(), value.numpy(), 1e-5, 1e-6)
    for p, q in zip(layer.parameters(), plain.parameters(), strict=True):
        assert p._order == q._order


@cases
def test_arguments_are_those_of_the_ordinary_layer(
    name: str, given: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    plain, lazy = (
        list(inspect.signature(getattr(nn, n)).parameters.values()) for n in (name, f"Lazy{name}")
    )
    defaults = {p.name: p.default for p in lazy}
    if name.startswith("InstanceNorm"):  # as in PyTorch
        assert defaults.pop("affine") is defaults.pop("track_running_stats") is True
    assert [p.name for p in lazy] == [p.name for p in plain[1:]]
    assert [p.kind for p in lazy] == [p.kind for p in plain[1:]]
    assert defaults == {p.name: p.default for p in plain[1:] if p.name in defaults}

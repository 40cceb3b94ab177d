"""Pooling, unpooling, unfold and fold beside PyTorch's: values, places, gradients."""

from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

SHAPES = {
    1: [(2, 3, 11)],
    2: [(2, 3, 9, 7), (1, 6, 5)],
    3: [(2, 5, 6, 7)],
}


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def ties(*shape: int) -> np.ndarray:
    """Few different numbers, infinities and NaNs among them."""
    x = np.random.default_rng(0).integers(-2, 4, shape).astype(float)
    x[x == -2] = -np.inf
    x[x == 3] = np.where(np.arange((x == 3).sum()) % 3 == 0, np.nan, 2.0)
    return x


def agree(name: str, x: np.ndarray, *args: Any, **options: Any) -> None:
    """One function in both libraries: everything it returns, and the gradient of its input."""
    answers = []
    for library in (zincir, torch):
        given = library.from_numpy(x.copy())
        if x.dtype.kind == "f":
            given.requires_grad_(True)
        found = getattr(library.nn.functional, name)(given, *args, **options)
        y, *where = found if isinstance(found, tuple) else (found,)
        if x.dtype.kind == "f":
            (y * library.from_numpy(numbers(*y.shape, seed=9))).sum().backward()
            where.append(given.grad)
        answers.append([t.detach().numpy() for t in (y, *where)])
    for mine, other in zip(*answers, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, 1e-9, 1e-12)


WINDOWS: list[tuple[Any, Any, Any, Any, bool]] = [
    (2, None, 0, 1, False),
    (2, 2, 1, 1, True),
    (3, 2, 1, 1, False),
    (3, 1, 1, 1, False),
    (2, 3, 0, 1, True),
    (2, 1, 1, 2, False),
    (3, 2, 1, 2, True),
    (4, 3, 2, 1, True),
    (4, 1, 2, 1, False),
    ((3, 2, 1), (1, 2, 2), (1, 0, 0), (1, 1, 1), True),
    (1, 2, 0, 1, False),
    (5, 6, 2, 1, True),
]


def cut(rank: int, window: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(v[:rank] if isinstance(v, tuple) else v for v in window)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_max_pool(rank: int, window: tuple[Any, ...]) -> None:
    *args, ceil_mode = cut(rank, window)
    for shape in SHAPES[rank]:
        for x in (numbers(*shape), ties(*shape)):
            options = {"ceil_mode": ceil_mode, "return_indices": True}
            agree(f"max_pool{rank}d", x, *args, **options)


@pytest.mark.parametrize("window", [w for w in WINDOWS if w[3] in (1, (1, 1, 1))], ids=str)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_avg_and_lp_pool(rank: int, window: tuple[Any, ...]) -> None:
    kernel, stride, padding, _, ceil_mode = cut(rank, window)
    for shape in SHAPES[rank]:
        x = numbers(*shape)
        agree(f"avg_pool{rank}d", x, kernel, stride, padding, ceil_mode)
        if padding:
            agree(f"avg_pool{rank}d", x, kernel, stride, padding, ceil_mode, False)
        else:
            agree(f"lp_pool{rank}d", x, 2, kernel, stride, ceil_mode)


def test_other_divisors_and_norms() -> None:
    x = numbers(2, 3, 9, 7)
    agree("avg_pool2d", x, 3, 2, 1, True, False, -3)
    agree("avg_pool3d", x, 2, None, 0, False, True, 5)
    agree("lp_pool1d", abs(x[0]), 3.5, 2, 3, True)
    agree("lp_pool2d", abs(x), 3.5, 3, 2, True)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_empty_and_unbatched(rank: int) -> None:
    for shape in ((0, 2, 8, 8, 8)[: rank + 2], (3, 6, 8, 7)[: rank + 1]):
        for window in ((2,), (3, 2, 1)):
            agree(f"max_pool{rank}d", numbers(*shape), *window, return_indices=True)
            agree(f"avg_pool{rank}d", numbers(*shape), *window)
        agree(f"max_pool{rank}d", numbers(*shape), 2, 1, 1, 2)
        agree(f"lp_pool{rank}d", numbers(*shape), 2, 2)
        for size in (1, 3):
            agree(f"adaptive_max_pool{rank}d", numbers(*shape), size, return_indices=True)
            agree(f"adaptive_avg_pool{rank}d", numbers(*shape), size)


@pytest.mark.parametrize("size", [1, 2, 12, (None, 2, 3), (4, None, 1)], ids=str)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_adaptive_pool(rank: int, size: Any) -> None:
    if rank == 1 and isinstance(size, tuple):
        size = (4,)
    size = size[:rank] if isinstance(size, tuple) else size
    for shape in SHAPES[rank]:
        agree(f"adaptive_avg_pool{rank}d", numbers(*shape), size)
        for x in (numbers(*shape), ties(*shape)):
            agree(f"adaptive_max_pool{rank}d", x, size, return_indices=True)


def test_infinities_and_integers() -> None:
    x = numbers(2, 3, 7, 7)
    x[0, 0, 3, 3], x[1, 1, 2, 2] = np.inf, np.nan
    agree("adaptive_avg_pool2d", x, 3)
    agree("avg_pool2d", x, 3, 2, 1)
    agree("max_pool2d", np.full((1, 4, 4), -np.inf), 2, 2, 1, 3, return_indices=True)
    for kind in ("i4", "i8", "u1"):
        whole = np.random.default_rng(0).integers(0, 9, (2, 3, 6, 7)).astype(kind)
        agree("max_pool2d", whole, 3, 2, 1, return_indices=True)
    agree("avg_pool2d", np.random.default_rng(0).integers(-9, 9, (2, 3, 6, 7)), 3, 2, 1)


@pytest.mark.parametrize(
    "window",
    [
        (6,),
        (12,),
        (7, 1, 3),
        ((12, 2), (1, 2)),
        ((1, 11), 1),
        ((5, 1), (1, 3)),
        (5, 1, 2),
        (5, 2, 2, 2),
    ],
)
def test_large_windows(window: tuple[Any, ...]) -> None:
    agree("max_pool2d", ties(2, 3, 12, 12), *window, return_indices=True)
    if len(window) < 4:
        agree("avg_pool2d", numbers(2, 3, 12, 12), *window)


def test_large_windows_in_space() -> None:
    agree("max_pool3d", ties(2, 6, 5, 7), (3, 2, 5), (2, 1, 3), (1, 0, 2), return_indices=True)
    agree("max_pool3d", ties(2, 6, 5, 7), (1, 5, 5), (2, 1, 1), return_indices=True)
    agree("avg_pool3d", numbers(2, 6, 5, 7), (1, 5, 5), (2, 1, 1))


def test_layouts() -> None:
    """Inputs whose axes lie in another order, and single precision."""
    for name, args in (("max_pool2d", (3, 2, 1)), ("avg_pool2d", (3, 2, 1)), ("unfold", (2,))):
        x = numbers(2, 9, 8, 3).astype("f")
        ours = getattr(zincir.nn.functional, name)(
            zincir.from_numpy(x).permute(0, 3, 1, 2)[..., ::2], *args
        )
        theirs = getattr(torch.nn.functional, name)(
            torch.from_numpy(x).permute(0, 3, 1, 2)[..., ::2], *args
        )
        assert ours.dtype is zincir.float32
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_max_unpool(rank: int) -> None:
    for shape in (
        (2, 2, 9, 8, 5)[: rank + 2],
        (3, 6, 4, 7)[: rank + 1],
        (0, 2, 4, 6, 4)[: 2 + rank],
    ):
        x = torch.from_numpy(numbers(*shape))
        y, where = getattr(torch.nn.functional, f"max_pool{rank}d")(x, 2, return_indices=True)
        whole = not any(n % 2 for n in shape[-rank:])
        for size in [shape[-rank:], *([None] if whole else []), *([shape] * (x.ndim == rank + 2))]:
            answers = []
            for library in (zincir, torch):
                given = library.from_numpy(y.numpy().copy()).requires_grad_(True)
                at = library.from_numpy(where.numpy().copy())
                unpool = getattr(library.nn.functional, f"max_unpool{rank}d")
                back = unpool(given, at, 2, output_size=size)
                (back * library.from_numpy(numbers(*back.shape, seed=9))).sum().backward()
                answers.append((back.detach().numpy(), given.grad.numpy()))
            for mine, other in zip(*answers, strict=True):
                np.testing.assert_array_equal(mine, other)


COLUMNS: list[tuple[Any, ...]] = [
    (2, 1, 0, 1),
    (3, 1, 1, 1),
    ((2, 3), (2, 1), (1, 2), (1, 2)),
    (3, 2, 2, 3),
    (2, 1, 3, 2),
]


@pytest.mark.parametrize("options", COLUMNS, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (3, 5, 8), (0, 3, 7, 6)], ids=str)
def test_unfold_and_fold(shape: tuple[int, ...], options: tuple[Any, ...]) -> None:
    agree("unfold", numbers(*shape), *options)
    columns = torch.nn.functional.unfold(torch.zeros(shape), *options)
    agree("fold", numbers(*columns.shape), shape[-2:], *options)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("MaxPool2d", (3, 2, 1)),
        ("AvgPool1d", (3, 2)),
        ("AvgPool3d", ((1, 2, 2),)),
        ("LPPool2d", (2, 3, None, True)),
        ("AdaptiveAvgPool2d", ((3, None),)),
        ("AdaptiveMaxPool3d", (2,)),
        ("MaxUnpool1d", (3, 2, 1)),
        ("Unfold", ((2, 3),)),
        ("Fold", ((4, 5), 2)),
    ],
)
def test_layers_look_alike(name: str, args: tuple[Any, ...]) -> None:
    ours, theirs = (str(getattr(library.nn, name)(*args)) for library in (zincir, torch))
    if name == "MaxUnpool1d":
        theirs = theirs.replace("(3,)", "3").replace("(2,)", "2").replace("(1,)", "1")
    assert ours == theirs

"""What cuts, turns and looks at memory by strides shares it where PyTorch does."""

from typing import Any

import pytest

import zincir
from zincir.errors import ArgumentError, GradientError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

VIEWS: dict[str, Any] = {
    "unfold apart": lambda x: x.unfold(1, 2, 2),
    "unfold first": lambda x: x.unfold(0, 2, 3),
    "unfold whole": lambda x: x.unfold(1, 4, 1),
    "tensor_split": lambda x: x.tensor_split(3, dim=1)[1],
    "tensor_split places": lambda x: x.tensor_split((1, 3), dim=1)[1],
    "hsplit": lambda x: x.hsplit(2)[1],
    "vsplit": lambda x: x.vsplit([1])[1],
    "unsafe_split": lambda x: x.unsafe_split(1)[0],
    "as_strided": lambda x: x.as_strided((2, 2), (4, 1), 1),
    "as_strided of a view": lambda x: x[1:].as_strided((2, 2), (1, 3)),
    "diagonal": lambda x: x.as_strided((3,), (5,)),
}
COPIES: dict[str, Any] = {
    "rot90": lambda x: x.rot90(),
    "rot90 back": lambda x: x.rot90(-1, (1, 0)),
    "fliplr": lambda x: x.fliplr(),
    "diag_embed": lambda x: x.diag_embed(1, 0, 2),
    "select_scatter": lambda x: x.select_scatter(x[0] * 2, 0, 1),
    "diagonal_scatter": lambda x: x.diagonal_scatter(x[:, 0] * 2, -1 + 1),
    "slice_scatter": lambda x: x.slice_scatter(x[:, :2] * 2, 1, 0, 4, 2),
}


def both(call: Any) -> tuple[Any, Any, Any, Any]:
    """A tensor, and what is made of it, in both libraries."""
    mine = zincir.arange(12.0).reshape(3, 4).clone()
    its = torch.arange(12.0).reshape(3, 4).clone()
    return mine, call(mine), its, call(its)


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_written_through(name: str) -> None:
    mine, ours, its, theirs = both(VIEWS[name])
    assert ours.tolist() == theirs.tolist()
    assert ours.stride() == theirs.stride()
    ours.mul_(10)
    theirs.mul_(10)
    assert mine.tolist() == its.tolist()
    mine.add_(1)
    its.add_(1)
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_not(name: str) -> None:
    mine, ours, its, theirs = both(COPIES[name])
    assert ours.tolist() == theirs.tolist()
    ours.mul_(10)
    theirs.mul_(10)
    assert mine.tolist() == its.tolist()


@pytest.mark.parametrize("name", [*VIEWS, *COPIES])
def test_gradients(name: str) -> None:
    call = {**VIEWS, **COPIES}[name]
    grads = []
    for library in (zincir, torch):
        x = library.arange(12.0).reshape(3, 4).clone().requires_grad_()
        try:
            y = call(x)
        except GradientError:
            assert name == "as_strided of a view"
            return
        (y * library.arange(float(y.numel())).reshape(y.shape)).sum().backward()
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


def test_overlapping_windows_cannot_be_written() -> None:
    x = zincir.arange(4.0)
    windows = x.unfold(0, 3, 1)
    with pytest.raises(ArgumentError, match="several of its elements are one"):
        windows.mul_(windows)
    x.unfold(0, 2, 1).fill_(7)
    assert x.tolist() == [7] * 4


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.unsqueeze_(1),
        lambda x: x.t_(),
        lambda x: x.transpose_(0, 1),
        lambda x: x.squeeze_(),
        lambda x: x.resize_(2, 2),
        lambda x: x.as_strided_((2, 2), (1, 2)),
        lambda x: x.fill_diagonal_(9),
    ],
)
def test_shapes_change_in_place(change: Any) -> None:
    mine, its = zincir.arange(6.0).reshape(2, 3).clone(), torch.arange(6.0).reshape(2, 3).clone()
    assert change(mine) is mine
    change(its)
    assert mine.shape == tuple(its.shape)
    assert mine.tolist() == its.tolist()
    mine.add_(1)
    its.add_(1)
    assert mine.tolist() == its.tolist()


def test_what_requires_grad_keeps_its_shape() -> None:
    x = zincir.ones(2, 1, requires_grad=True)
    with pytest.raises(GradientError, match="squeeze_: not of a tensor that requires grad"):
        x.squeeze_()
    with pytest.raises(GradientError, match="cannot resize variables that require grad"):
        x.resize_(3)
    y = zincir.ones(4)
    seen = y[1:]
    with pytest.raises(ArgumentError, match="shared with another"):
        y.resize_(2)
    assert seen.shape == (3,)

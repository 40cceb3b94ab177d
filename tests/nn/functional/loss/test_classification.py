"""Cross-entropy: gradients of any order, wrong labels and arguments, large scores."""

from collections.abc import Callable

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.autograd import gradcheck, gradgradcheck
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError
from zincir.graph.walk import toposort

F = nn.functional


def doubles(*shape: int, seed: int = 0) -> zincir.Tensor:
    x = np.random.default_rng(seed).standard_normal(shape)
    return zincir.from_numpy(x).requires_grad_()


def check_twice(loss: Callable[[zincir.Tensor], zincir.Tensor], x: zincir.Tensor) -> None:
    """First and second derivatives beside finite differences."""
    assert gradcheck(lambda x: loss(x).reshape(1), (x,))
    assert gradgradcheck(lambda x: loss(x).reshape(1), (x,))


def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot() -> None:
    x, labels = doubles(4, 3), zincir.tensor([0, 2, 1, 1])
    F.cross_entropy(x, labels).backward()
    expected = (F.softmax(x.detach(), 1) - F.one_hot(labels, 3)) / 4
    np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), 1e-12)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"reduction": "sum"}])
def test_cross_entropy_to_the_second_order(options: dict[str, object]) -> None:
    labels = zincir.tensor([0, 2, -100])
    weight = zincir.tensor([0.5, 2.0, 1.0], dtype=zincir.float64)
    for factors in (None, weight):
        loss = nn.CrossEntropyLoss(factors, **options)  # type: ignore[arg-type]
        check_twice(lambda x, loss=loss: loss(x, labels), doubles(3, 3))


def test_large_scores_do_not_overflow() -> None:
    x = zincir.tensor([[1e4, -1e4], [-1e30, 1e30]], requires_grad=True)
    loss = F.cross_entropy(x, zincir.tensor([1, 1]), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [2e4, 0.0]
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("dtype", [zincir.int64, zincir.int32, zincir.uint8])
def test_labels_out_of_range(known: bool, dtype: object) -> None:
    labels = zincir.tensor([0, 1, 3, 7], dtype=dtype)
    labels = labels if known else labels + 0
    x = zincir.zeros(4, 3)
    with pytest.raises(IndexOutOfRange) as error:
        F.cross_entropy(x, labels).item()
    lines = str(error.value).splitlines()
    assert lines[0] == "label: value 3 at position 2 is out of range"
    assert "test_classification.py:" in lines[1]
    assert lines[2] == "  expected  0 <= value < 3"


def test_negative_labels() -> None:
    with pytest.raises(IndexOutOfRange, match="value -1 at position 0"):
        F.cross_entropy(zincir.zeros(2, 3), zincir.tensor([-1, 0]))
    assert F.cross_entropy(zincir.zeros(2, 3), zincir.tensor([-1, 0]), ignore_index=-1).item() > 1


@pytest.mark.parametrize("known", [True, False])
def test_ignored_rows(known: bool) -> None:
    x = doubles(3, 4)
    labels = zincir.tensor([1, -100, 3])
    loss = F.cross_entropy(x, labels if known else labels + 0)
    loss.backward()
    assert loss.item() == pytest.approx(F.cross_entropy(x[::2], labels[::2]).item())
    assert x.grad[1].abs().sum().item() == 0.0
    per_row = F.cross_entropy(x, labels, reduction="none")
    assert per_row[1].item() == 0.0
    with pytest.raises(IndexOutOfRange, match="value 9 at position 2"):
        F.cross_entropy(x, zincir.tensor([1, -100, 9])).item()


def test_a_batch_without_labels_is_nan_as_in_pytorch() -> None:
    labels = zincir.tensor([-100, -100])
    assert np.isnan(F.cross_entropy(zincir.zeros(2, 3), labels).item())


def test_labels_of_known_values_cost_no_check_in_the_program() -> None:
    x, labels = zincir.zeros(4, 3), zincir.tensor([0, 1, 2, 1])
    graph = toposort([F.cross_entropy(x, labels)._node])
    names = [node.op.name for node in graph]
    assert "take" not in names
    assert len(names) <= 20
    assert "take" not in [n.op.name for n in toposort([F.cross_entropy(x, labels + 0)._node])]


@pytest.mark.parametrize(
    ("shape", "target", "error", "text"),
    [
        ((4, 3), zincir.zeros(4), DTypeError, "labels are not integers"),
        ((4, 3), zincir.zeros(4, 1), DTypeError, "target.long()"),
        ((4, 3), zincir.zeros(4, 2), ShapeError, "probabilities (4, 3)"),
        ((4, 3), zincir.tensor([True] * 4), DTypeError, "got       bool (4,)"),
        ((4, 3), zincir.tensor([[1]] * 4), ShapeError, "target.squeeze(-1)"),
        ((4, 3), zincir.tensor([[1, 0, 0]] * 4), ShapeError, "target.argmax(-1)"),
        ((4, 3), zincir.tensor([1] * 5), ShapeError, "labels (4,), for 3 classes"),
        ((4, 3, 2), zincir.tensor([1] * 4), ShapeError, "labels (4, 2), for 3 classes"),
        ((), zincir.tensor(1), ShapeError, "the input has no classes"),
    ],
)
def test_wrong_targets(
    shape: tuple[int, ...], target: zincir.Tensor, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        nn.CrossEntropyLoss()(zincir.zeros(shape), target)
    assert text in str(raised.value)
    assert "test_classification.py:" in str(raised.value)


def test_wrong_arguments() -> None:
    x, labels = zincir.zeros(2, 3), zincir.tensor([0, 1])
    with pytest.raises(
        ShapeError, match=r"weight does not fit the classes\n.*\n  expected  \(3,\)"
    ):
        F.cross_entropy(x, labels, zincir.ones(2))
    with pytest.raises(ArgumentError, match="label_smoothing is out of range"):
        F.cross_entropy(x, labels, label_smoothing=1.5)
    with pytest.raises(ArgumentError, match="'mean', 'sum' or 'none'"):
        F.cross_entropy(x, labels, reduction="avg")
    with pytest.raises(ArgumentError, match="'mean', 'sum' or 'none'"):
        F.mse_loss(x, x, reduction="avg")
    with pytest.raises(DTypeError, match="cross_entropy: input: needs a floating tensor"):
        F.cross_entropy(labels, labels)
    with pytest.raises(DTypeError, match="cross_entropy: target: not a tensor"):
        F.cross_entropy(x, [0, 1])
    with pytest.raises(ArgumentError, match="beta is negative"):
        F.smooth_l1_loss(x, x, beta=-1.0)
    with pytest.raises(ArgumentError, match="delta is not positive"):
        F.huber_loss(x, x, delta=0.0)


def test_weights_follow_the_module() -> None:
    loss = nn.CrossEntropyLoss(zincir.tensor([1.0, 2.0])).double()
    assert loss.weight.dtype is zincir.float64
    assert list(loss.state_dict()) == ["weight"]

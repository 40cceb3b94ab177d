"""Functions of layers: numbers worked out by hand, and every error."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError

F = nn.functional


def test_linear_says_what_does_not_fit() -> None:
    with pytest.raises(ShapeError) as error:
        nn.Linear(784, 10)(zincir.ones(32, 100))
    lines = str(error.value).splitlines()
    assert lines[0] == "linear: input has 100 features, weight takes 784"
    assert lines[1].startswith("  where     Linear (")
    assert lines[3] == "  got       input (32, 100) float32, weight (10, 784) float32, bias (10,)"
    assert lines[4].startswith("  try       Linear(in_features=100, ...)")
    with pytest.raises(ShapeError, match=r"nn\.Flatten"):
        nn.Linear(784, 10)(zincir.ones(32, 1, 28, 28))
    with pytest.raises(ShapeError, match="weight or bias has a wrong shape"):
        F.linear(zincir.ones(2, 3), zincir.ones(4, 3), zincir.ones(5))
    with pytest.raises(
        DTypeError, match=r"linear: input is float64, weight is float32[\s\S]*float\("
    ):
        nn.Linear(3, 4)(zincir.ones(2, 3, dtype=zincir.float64))
    with pytest.raises(DTypeError, match="linear: input: not a tensor"):
        nn.Linear(3, 4)(np.ones((2, 3)))


@pytest.mark.parametrize("value", [-1, 2.5, True, "3"])
def test_sizes_of_layers(value: object) -> None:
    with pytest.raises(ArgumentError, match="Linear: in_features is not a size"):
        nn.Linear(value, 3)


def test_dropout() -> None:
    zincir.manual_seed(0)
    x = zincir.ones(200, 100, requires_grad=True)
    y = F.dropout(x, 0.3)
    kept = y.detach().numpy() != 0
    assert kept.mean() == pytest.approx(0.7, abs=0.01)
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.7, 1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy() != 0, kept)
    assert (F.dropout(x, 0.3).detach().numpy() != y.detach().numpy()).any()
    zincir.manual_seed(0)
    np.testing.assert_array_equal(F.dropout(x, 0.3).detach().numpy(), y.detach().numpy())
    assert F.dropout(x, 0.3, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 1.0).abs().sum().item() == 0.0
    layer = nn.Dropout(0.9)
    assert layer.eval()(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_probabilities(p: float) -> None:
    with pytest.raises(ArgumentError, match="p is not a probability\n"):
        F.dropout(zincir.ones(1), p)
    with pytest.raises(ArgumentError, match="Dropout: p is not a probability"):
        nn.Dropout(p)


def test_a_dropout_of_everything_warns() -> None:
    with pytest.warns(UserWarning, match="learns nothing"):
        nn.Dropout(1.0)


def test_layer_norm_shapes() -> None:
    with pytest.raises(ShapeError, match=r"the last axes[\s\S]*try       LayerNorm\(5\)"):
        nn.LayerNorm(4)(zincir.ones(3, 5))
    with pytest.raises(ShapeError, match=r"weight and bias \(5,\)"):
        F.layer_norm(zincir.ones(3, 5), (5,), zincir.ones(4))


def test_embedding_errors() -> None:
    words = nn.Embedding(5, 2)
    with pytest.raises(DTypeError, match=r"not made of row numbers[\s\S]*x.long\(\)"):
        words(zincir.ones(3))
    with pytest.raises(IndexOutOfRange, match="index: value 5 at position 1"):
        words(zincir.tensor([0, 5])).detach().tolist()
    with pytest.raises(ArgumentError, match=r"padding_idx: there is no such row\n.*\n.*-5 <="):
        nn.Embedding(5, 2, padding_idx=5)
    with pytest.raises(ShapeError, match="weight is not a table"):
        F.embedding(zincir.tensor([1]), zincir.ones(3))


def test_an_index_out_of_range_inside_a_sum() -> None:
    with pytest.raises(IndexOutOfRange, match="index: value 5 at position 1"):
        nn.Embedding(5, 2)(zincir.tensor([0, 5])).sum().item()


def test_embedding_padding_and_pretrained() -> None:
    words = nn.Embedding(5, 2, padding_idx=-1)
    assert words.weight[4].tolist() == [0.0, 0.0]
    words(zincir.tensor([4, 0, 0])).sum().backward()
    assert words.weight.grad.tolist() == [[2.0, 2.0]] + [[0.0, 0.0]] * 4
    frozen = nn.Embedding.from_pretrained(zincir.tensor([[1.0], [2.0]]))
    assert frozen(zincir.tensor([1])).tolist() == [[2.0]]
    assert not frozen.weight.requires_grad


def test_one_hot_errors() -> None:
    with pytest.raises(IndexOutOfRange, match="label: value 3 at position 1"):
        F.one_hot(zincir.tensor([0, 3]), 3)
    with pytest.raises(DTypeError, match="one_hot: labels are not integers"):
        F.one_hot(zincir.ones(2))


def test_similarity_needs_the_same_axes() -> None:
    with pytest.raises(ShapeError, match="different numbers of axes"):
        F.cosine_similarity(zincir.ones(2), zincir.ones(1, 2), dim=0)
    x = zincir.zeros(1, 2, requires_grad=True)
    F.cosine_similarity(x, zincir.ones(1, 2)).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_activation_arguments() -> None:
    with pytest.raises(ArgumentError, match="gelu: unknown approximation"):
        F.gelu(zincir.ones(1), "quick")
    with pytest.raises(ArgumentError, match="min_val is above max_val"):
        F.hardtanh(zincir.ones(1), 1.0, -1.0)
    with pytest.raises(ArgumentError, match=r"softmax: the dimension[\s\S]*dim=-1"):
        F.softmax(zincir.ones(2, 2))
    with pytest.raises(ShapeError, match="even size"):
        F.glu(zincir.ones(3))
    with pytest.raises(ShapeError, match=r"PReLU\(num_parameters=4\)"):
        F.prelu(zincir.ones(2, 4), zincir.ones(3))
    with pytest.raises(DTypeError, match=r"gelu: input: needs a floating tensor[\s\S]*x.float\(\)"):
        F.gelu(zincir.tensor([1]))


def test_in_place_activations() -> None:
    x = zincir.tensor([-1.0, 2.0])
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "elu", "hardswish", "softplus", "mish"])
def test_nan_is_never_hidden(name: str) -> None:
    assert np.isnan(getattr(F, name)(zincir.tensor([float("nan")])).item())


def test_prelu_of_a_number() -> None:
    y = nn.PReLU()(zincir.tensor(-4.0))
    assert (y.shape, y.item()) == ((), -1.0)


def test_looks_of_one_axis() -> None:
    assert repr(nn.AvgPool1d(3, 2, 1)) == "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))"
    assert nn.AvgPool1d(2)(zincir.tensor([[1.0, 3.0, 5.0, 7.0]])).tolist() == [[2.0, 6.0]]

"""Every layer: shapes, gradients, state, modes, looks and copies. A row in the table is enough."""

import copy
import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError


@dataclass(frozen=True)
class Case:
    """How a layer is made, what goes in, and the shape that comes out."""

    name: str
    arguments: tuple[Any, ...] = ()
    input: tuple[int, ...] = (3, 4)
    output: tuple[int, ...] = (3, 4)
    options: dict[str, Any] = field(default_factory=dict)
    classes: int = 0
    """If not 0, the input is made of integers below this number."""

    def layer(self) -> nn.Module:
        return getattr(nn, self.name)(*self.arguments, **self.options).double()

    def data(self, seed: int = 0) -> zincir.Tensor:
        random = np.random.default_rng(seed)
        if self.classes:
            return zincir.from_numpy(random.integers(0, self.classes, self.input))
        return zincir.from_numpy(random.standard_normal(self.input)).requires_grad_()

    def __str__(self) -> str:
        made = [*map(repr, self.arguments), *(f"{k}={v!r}" for k, v in self.options.items())]
        return f"{self.name}({', '.join(made)})"


# One row for each way a layer can be made that matters.
LAYER_CASES = (
    Case("Linear", (4, 5), (3, 4), (3, 5)),
    Case("Linear", (4, 5), (2, 3, 4), (2, 3, 5)),
    Case("Linear", (4, 5, False), (4,), (5,)),
    Case("Identity"),
    Case("Unflatten", (1, (2, 2)), (3, 4), (3, 2, 2)),
    Case("Flatten", (), (2, 3, 4), (2, 12)),
    Case("Flatten", (0, 1), (2, 3, 4), (6, 4)),
    Case("Conv1d", (3, 4, 2), (2, 3, 5), (2, 4, 4)),
    Case("Conv2d", (2, 4, 3), (2, 2, 5, 4), (2, 4, 3, 2)),
    Case("Conv2d", (2, 4, 3, 2, 1, 1, 2), (2, 5, 4), (4, 3, 2)),
    Case("Conv2d", (2, 3, (2, 3), 1, "same"), (1, 2, 3, 4), (1, 3, 3, 4), {"bias": False}),
    Case("Conv2d", (2, 3, 3, 1, 1), (1, 2, 3, 4), (1, 3, 3, 4), {"padding_mode": "reflect"}),
    Case("Conv3d", (2, 3, (1, 2, 2)), (1, 2, 2, 3, 3), (1, 3, 2, 2, 2)),
    Case("ConvTranspose1d", (3, 4, 2), (2, 3, 5), (2, 4, 6)),
    Case("ConvTranspose2d", (4, 2, 3, 2, 1, 1), (2, 4, 2, 3), (2, 2, 4, 6)),
    Case("ConvTranspose2d", (4, 2, 3), (4, 2, 3), (2, 4, 5), {"groups": 2, "bias": False}),
    Case("ConvTranspose3d", (2, 3, 2), (1, 2, 2, 1, 2), (1, 3, 3, 2, 3)),
    Case("LayerNorm", (4,)),
    Case("LayerNorm", ((3, 4),), (2, 3, 4), (2, 3, 4)),
    Case("LayerNorm", (4,), options={"bias": False}),
    Case("LayerNorm", (4,), options={"elementwise_affine": False}),
    Case("RMSNorm", (4,)),
    Case("RMSNorm", ((3, 4),), (2, 3, 4), (2, 3, 4), {"elementwise_affine": False, "eps": 0.1}),
    Case("GroupNorm", (2, 4)),
    Case("GroupNorm", (1, 4), (2, 4, 3, 2), (2, 4, 3, 2), {"bias": False}),
    Case("BatchNorm1d", (4,)),
    Case("BatchNorm1d", (4,), (3, 4, 2), (3, 4, 2), {"momentum": None, "affine": False}),
    Case("BatchNorm2d", (4,), (2, 4, 3, 2), (2, 4, 3, 2)),
    Case("BatchNorm3d", (4,), (2, 4, 3, 2, 1), (2, 4, 3, 2, 1), {"track_running_stats": False}),
    Case("SyncBatchNorm", (4,), (2, 4, 3), (2, 4, 3)),
    Case("InstanceNorm1d", (4,), (2, 4, 3), (2, 4, 3), {"affine": True}),
    Case("InstanceNorm2d", (4,), (2, 4, 3, 2), (2, 4, 3, 2), {"track_running_stats": True}),
    Case("InstanceNorm2d", (4,), (4, 3, 2), (4, 3, 2)),
    Case("InstanceNorm3d", (4,), (2, 4, 3, 2, 1), (2, 4, 3, 2, 1)),
    Case("LocalResponseNorm", (3,), (2, 4, 3), (2, 4, 3)),
    Case("Embedding", (6, 2), (3, 4), (3, 4, 2), classes=6),
    Case("Embedding", (6, 2, 1), (5,), (5, 2), classes=6),
    Case("RNNCell", (4, 5), (3, 4), (3, 5)),
    Case("RNNCell", (4, 5, False, "relu"), (4,), (5,)),
    Case("GRUCell", (4, 5), (3, 4), (3, 5)),
    Case("EmbeddingBag", (6, 2), (3, 4), (3, 2), classes=6),
    Case("EmbeddingBag", (6, 2), (3, 4), (3, 2), {"mode": "max"}, classes=6),
    Case("Dropout", (0.25,)),
    Case("Dropout1d", (0.25,)),
    Case("Dropout2d", (0.25,), (2, 4, 3, 2), (2, 4, 3, 2)),
    Case("Dropout3d", (0.25,), (2, 4, 3, 2, 1), (2, 4, 3, 2, 1)),
    Case("AlphaDropout", (0.25,)),
    Case("FeatureAlphaDropout", (0.25,)),
    Case("StochasticDepth", (0.25, "row")),
    Case("ReLU"),
    Case("ReLU6"),
    Case("LeakyReLU", (0.2,)),
    Case("PReLU"),
    Case("PReLU", (4,), (3, 4, 2), (3, 4, 2)),
    Case("ELU", (0.5,)),
    Case("SELU"),
    Case("GELU"),
    Case("GELU", ("tanh",)),
    Case("SiLU"),
    Case("Mish"),
    Case("Sigmoid"),
    Case("Tanh"),
    Case("LogSigmoid"),
    Case("Softplus", (2.0,)),
    Case("Softsign"),
    Case("Hardswish"),
    Case("Hardsigmoid"),
    Case("CELU", (0.7,)),
    Case("Hardshrink", (0.4,)),
    Case("Softshrink", (0.4,)),
    Case("Tanhshrink"),
    Case("Threshold", (0.1, -2.0)),
    Case("RReLU", (0.2, 0.4)),
    Case("Softmin", (1,)),
    Case("Softmax2d", (), (2, 3, 4), (2, 3, 4)),
    Case("Hardtanh", (-2.0, 0.5)),
    Case("Softmax", (1,)),
    Case("LogSoftmax", (0,)),
    Case("GLU", (), (3, 4), (3, 2)),
    Case("ZeroPad1d", ((1, 2),), (2, 3, 4), (2, 3, 7)),
    Case("ZeroPad2d", ((2, 1, 0, 1),), (2, 3, 4), (2, 4, 7)),
    Case("ZeroPad3d", (1,), (1, 2, 3, 4), (1, 4, 5, 6)),
    Case("ConstantPad1d", ((1, 2), -1.5), (2, 3, 4), (2, 3, 7)),
    Case("ConstantPad2d", ((2, 1, 0, 1), -1.5), (2, 3, 4), (2, 4, 7)),
    Case("ConstantPad3d", (1, -1.5), (1, 2, 3, 4), (1, 4, 5, 6)),
    Case("ReflectionPad1d", ((1, 2),), (2, 3, 4), (2, 3, 7)),
    Case("ReflectionPad2d", ((2, 1, 0, 1),), (2, 3, 4), (2, 4, 7)),
    Case("ReflectionPad3d", (1,), (1, 2, 3, 4), (1, 4, 5, 6)),
    Case("ReplicationPad1d", ((1, 2),), (2, 3, 4), (2, 3, 7)),
    Case("ReplicationPad2d", ((2, 1, 0, 1),), (2, 3, 4), (2, 4, 7)),
    Case("ReplicationPad3d", (1,), (1, 2, 3, 4), (1, 4, 5, 6)),
    Case("CircularPad1d", ((1, 2),), (2, 3, 4), (2, 3, 7)),
    Case("CircularPad2d", ((2, 1, 0, 1),), (2, 3, 4), (2, 4, 7)),
    Case("CircularPad3d", (1,), (1, 2, 3, 4), (1, 4, 5, 6)),
    Case("PixelShuffle", (2,), (2, 8, 3, 2), (2, 2, 6, 4)),
    Case("PixelUnshuffle", (2,), (2, 2, 6, 4), (2, 8, 3, 2)),
    Case("ChannelShuffle", (3,), (2, 6, 2), (2, 6, 2)),
    Case("Upsample", (None, 2), (1, 2, 3), (1, 2, 6)),
    Case("Upsample", ((4, 2), None, "bilinear"), (1, 2, 3, 3), (1, 2, 4, 2)),
    Case("UpsamplingNearest2d", (None, 2), (1, 2, 3, 2), (1, 2, 6, 4)),
    Case("UpsamplingBilinear2d", (5,), (1, 2, 3, 2), (1, 2, 5, 5)),
    Case("MaxPool1d", (2,), (2, 3, 5), (2, 3, 2)),
    Case("MaxPool2d", (2,), (2, 3, 4, 5), (2, 3, 2, 2)),
    Case("MaxPool2d", (3, 2, 1), (3, 4, 5), (3, 2, 3)),
    Case("MaxPool2d", (2, 1, 1, 2), (1, 4, 5), (1, 4, 5), options={"ceil_mode": True}),
    Case("MaxPool3d", (2, 1), (2, 3, 2, 3), (2, 2, 1, 2)),
    Case("AvgPool1d", (3, 2, 1), (2, 3, 5), (2, 3, 3), options={"count_include_pad": False}),
    Case("AvgPool2d", (2,), (2, 3, 4, 5), (2, 3, 2, 2)),
    Case("AvgPool2d", (3, 2, 1), (3, 4, 5), (3, 3, 3), options={"ceil_mode": True}),
    Case("AvgPool3d", (2, 1), (2, 3, 2, 3), (2, 2, 1, 2), options={"divisor_override": 3}),
    Case("LPPool1d", (2, 2), (2, 3, 5), (2, 3, 2)),
    Case("LPPool2d", (4, 2, 1), (3, 4, 5), (3, 3, 4)),
    Case("LPPool3d", (2, 2), (2, 3, 2, 3), (2, 1, 1, 1)),
    Case("AdaptiveAvgPool1d", (2,), (2, 3, 5), (2, 3, 2)),
    Case("AdaptiveAvgPool2d", ((3, None),), (2, 3, 4, 5), (2, 3, 3, 5)),
    Case("AdaptiveAvgPool2d", (1,), (3, 4, 5), (3, 1, 1)),
    Case("AdaptiveAvgPool3d", ((1, 2, 3),), (2, 2, 4, 3), (2, 1, 2, 3)),
    Case("AdaptiveMaxPool1d", (2,), (2, 3, 5), (2, 3, 2)),
    Case("AdaptiveMaxPool2d", ((3, None),), (2, 3, 4, 5), (2, 3, 3, 5)),
    Case("AdaptiveMaxPool3d", ((1, 2, 3),), (2, 2, 4, 3), (2, 1, 2, 3)),
    Case("RotaryPositions", (), (3, 4), (3, 4)),
    Case("Unfold", (2, 1, 1, 2), (2, 3, 4, 5), (2, 12, 9)),
    Case("Fold", ((4, 5), 2), (2, 8, 12), (2, 2, 4, 5)),
)

# What is exported and is not a layer with one input, or has one before it has parameters (lazy
# layers: tests/nn/layers/test_lazy.py).
ELSEWHERE = {
    "Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict",
    "CrossEntropyLoss", "NLLLoss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss",
    "BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "NLLLoss2d", "PoissonNLLLoss", "GaussianNLLLoss",
    "HingeEmbeddingLoss", "MarginRankingLoss", "SoftMarginLoss", "MultiMarginLoss",
    "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "CosineEmbeddingLoss",
    "TripletMarginLoss", "TripletMarginWithDistanceLoss", "SigmoidFocalLoss", "DiceLoss",
    "CTCLoss", "QuantileLoss", "LinearCrossEntropyLoss", "AdaptiveLogSoftmaxWithLoss",
    "Bilinear", "PairwiseDistance", "CosineSimilarity", "FractionalMaxPool2d",
    "FractionalMaxPool3d", "MultiheadAttention", "Transformer", "TransformerEncoder",
    "TransformerDecoder",
    "TransformerDecoderLayer", "TransformerEncoderLayer", "SinusoidalPositions",
    "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
    "RNN", "LSTM", "GRU", "LSTMCell", "RNNBase", "RNNCellBase",
}  # fmt: skip

cases = pytest.mark.parametrize("case", LAYER_CASES, ids=str)


def takes_a_type(case: Case) -> bool:
    return "dtype" in inspect.signature(getattr(nn, case.name)).parameters


typed = pytest.mark.parametrize("case", [c for c in LAYER_CASES if takes_a_type(c)], ids=str)


def test_every_layer_has_a_case() -> None:
    exported = {
        name
        for name, value in vars(nn).items()
        if inspect.isclass(value) and issubclass(value, nn.Module)
    }
    lazy = {name for name in exported if name.startswith("Lazy")}
    assert exported - ELSEWHERE - lazy == {case.name for case in LAYER_CASES}


@cases
def test_shape(case: Case) -> None:
    y = case.layer()(case.data())
    assert y.shape == case.output
    assert y.dtype is zincir.float64


@cases
def test_gradients(case: Case) -> None:
    """Along a random direction in all parameters (and the input): as by finite differences."""
    layer, x = case.layer().eval(), case.data()
    random = np.random.default_rng(1)
    moved = [*layer.parameters(), *([] if case.classes else [x])]
    weights = zincir.from_numpy(random.standard_normal(case.output))

    def value() -> float:
        return (layer(x) * weights).sum().item()

    if not moved:
        return
    (layer(x) * weights).sum().backward()
    assert all(t.grad is not None and t.grad.shape == t.shape for t in moved)
    directions = [random.standard_normal(t.shape) for t in moved]
    slope = sum(float((t.grad.numpy() * d).sum()) for t, d in zip(moved, directions, strict=True))
    step, ends = 1e-6, []
    for sign in (1.0, -2.0):
        with zincir.no_grad():
            for t, d in zip(moved, directions, strict=True):
                t += zincir.from_numpy(np.asarray(sign * step * d))
        ends.append(value())
    if case.options.get("padding_idx", case.arguments[2:3] == (1,)) and case.name == "Embedding":
        return  # The padding row has a slope and by intention no gradient
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-7)


@cases
def test_state_round_trip(case: Case) -> None:
    one, two, x = case.layer().eval(), case.layer().eval(), case.data()
    state = {name: value.numpy().copy() for name, value in one.state_dict().items()}
    keys = two.load_state_dict(state)
    assert keys == ([], [])
    np.testing.assert_array_equal(one(x).detach().numpy(), two(x).detach().numpy())
    assert list(two.state_dict()) == [n for n, _ in (*one.named_parameters(), *one.named_buffers())]


@cases
def test_evaluation_is_the_same_every_time(case: Case) -> None:
    layer, x = case.layer(), case.data()
    assert layer.training
    layer.eval()
    np.testing.assert_array_equal(layer(x).detach().numpy(), layer(x).detach().numpy())
    assert layer.train().training


@cases
def test_looks(case: Case) -> None:
    text = repr(case.layer())
    assert text.startswith(f"{case.name}(")
    assert "\n" not in text


@cases
def test_copies_are_independent(case: Case) -> None:
    layer, x = case.layer().eval(), case.data()
    other = copy.deepcopy(layer)
    before = layer(x).detach().numpy().copy()
    np.testing.assert_array_equal(other(x).detach().numpy(), before)
    with zincir.no_grad():
        for p in other.parameters():
            p.zero_()
    np.testing.assert_array_equal(layer(x).detach().numpy(), before)
    assert repr(other) == repr(layer)


@cases
def test_single_precision(case: Case) -> None:
    layer, x = case.layer().eval(), case.data().detach()
    expected = layer(x).detach().numpy()
    layer.float()
    y = layer(x if case.classes else x.float())
    assert y.dtype is zincir.float32
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-5, 1e-6)


@typed
def test_device_and_dtype(case: Case) -> None:
    kind = getattr(nn, case.name)
    options = {**case.options, "device": "cpu", "dtype": zincir.float64}
    layer = kind(*case.arguments, **options)
    held = [*layer.parameters(), *(b for b in layer.buffers() if b.dtype.is_floating_point)]
    assert all(p.dtype is zincir.float64 for p in held)
    with pytest.raises(ArgumentError, match="no device") as error:
        kind(*case.arguments, **{**options, "device": "cuda"})
    assert "test_layers.py:" in str(error.value)
    # Both come one after the other, as in PyTorch, so that they can be given by their places.
    names = list(inspect.signature(kind).parameters)
    assert names[names.index("device") + 1] == "dtype"

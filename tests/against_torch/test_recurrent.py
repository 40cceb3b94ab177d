"""Recurrent layers, cells and packed sequences beside PyTorch's: values and all gradients."""

from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

FEATURES, HIDDEN = 3, 4


def pair(name: str, *arguments: Any, dtype: str = "float64", **options: Any) -> tuple[Any, Any]:
    """A layer in both libraries, with the same weights."""
    theirs = getattr(torch.nn, name)(*arguments, **options).to(getattr(torch, dtype))
    ours = getattr(zincir.nn, name)(*arguments, **options).to(getattr(zincir, dtype))
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({k: zincir.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    return ours, theirs


def flat(x: Any) -> list[Any]:
    if isinstance(x, list | tuple):
        return [leaf for item in x for leaf in flat(item)]
    return [] if x is None else [x]


def answers(library: Any, layer: Any, run: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The outputs of `run(layer, *tensors)`, the gradients of all tensors and of all weights."""
    tensors = [library.from_numpy(array.copy()).requires_grad_() for array in arrays]
    outputs = flat(run(layer, *tensors))
    loss = 0.0
    for i, y in enumerate(x for x in outputs if x.is_floating_point()):
        weights = np.random.default_rng(i).normal(size=tuple(y.shape)).astype(arrays[0].dtype)
        loss = loss + (y * y.cos() * library.from_numpy(weights)).sum()
    loss.backward()
    found = [*outputs, *[t.grad for t in tensors], *[p.grad for p in layer.parameters()]]
    return [x.detach().numpy() for x in found]


def agree(layers: tuple[Any, Any], run: Any, arrays: list[np.ndarray], tol: float = 1e-11) -> None:
    ours = answers(zincir, layers[0], run, arrays)
    theirs = answers(torch, layers[1], run, arrays)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(mine, other, tol, tol)


def normal(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


def start(name: str, layers: int, batch: tuple[int, ...] = (2,), projected: int = 0, **of: Any):
    """First states: of an LSTM two."""
    shapes = [(layers, *batch, projected or HIDDEN), (layers, *batch, HIDDEN)]
    return [normal(*shape, seed=i, **of) for i, shape in enumerate(shapes[: 1 + (name == "LSTM")])]


def with_states(layer: Any, x: Any, *states: Any) -> Any:
    return layer(x, states if len(states) == 2 else states[0])


OPTIONS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"num_layers": 3, "bias": False},
]
CASES = [(name, options) for name in ("RNN", "LSTM", "GRU") for options in OPTIONS]
CASES += [("RNN", {"nonlinearity": "relu", "num_layers": 2})]
CASES += [("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True})]
CASES += [("LSTM", {"proj_size": 1, "bias": False})]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_layers(name: str, options: dict[str, Any]) -> None:
    layers = pair(name, FEATURES, HIDDEN, **options)
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    x = normal(*((2, 5) if options.get("batch_first") else (5, 2)), FEATURES)
    states = start(name, count, projected=options.get("proj_size", 0))
    agree(layers, with_states, [x, *states])
    agree(layers, lambda layer, x: layer(x), [x])


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_float32(name: str) -> None:
    layers = pair(name, FEATURES, HIDDEN, num_layers=2, bidirectional=True, dtype="float32")
    states = start(name, 4, dtype="float32")
    agree(layers, with_states, [normal(6, 2, FEATURES, dtype="float32"), *states], 3e-5)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_sequence_without_a_batch(name: str, batch_first: bool) -> None:
    layers = pair(name, FEATURES, HIDDEN, bidirectional=True, batch_first=batch_first)
    agree(layers, with_states, [normal(5, FEATURES), *start(name, 2, ())])
    agree(layers, with_states, [normal(1, FEATURES), *start(name, 2, ())])


@pytest.mark.parametrize("batch", [0, 1])
def test_sizes_at_the_edge(batch: int) -> None:
    agree(pair("GRU", FEATURES, HIDDEN), lambda layer, x: layer(x), [normal(2, batch, FEATURES)])


@pytest.mark.parametrize(("name", "options"), CASES[:2] + CASES[3:5] + CASES[9:11] + CASES[-2:])
@pytest.mark.parametrize("in_order", [True, False])
def test_packed_sequences(name: str, options: dict[str, Any], in_order: bool) -> None:
    layers = pair(name, FEATURES, HIDDEN, **options)
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    lengths = [5, 3, 3, 1] if in_order else [3, 1, 5, 3]

    def run(layer: Any, x: Any, *states: Any) -> Any:
        library = zincir if isinstance(x, zincir.Tensor) else torch
        rnn = library.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=in_order)
        outputs, last = with_states(layer, packed, *states)
        assert isinstance(outputs, rnn.PackedSequence)
        padded, found = rnn.pad_packed_sequence(outputs, padding_value=0.5, total_length=7)
        return [outputs.data, outputs.batch_sizes, padded, found, last]

    states = start(name, count, (4,), projected=options.get("proj_size", 0))
    agree(layers, run, [normal(6, 4, FEATURES), *states])


CELLS = [
    ("RNNCell", {}, 1),
    ("RNNCell", {"nonlinearity": "relu", "bias": False}, 1),
    ("LSTMCell", {}, 2),
    ("LSTMCell", {"bias": False}, 2),
    ("GRUCell", {}, 1),
    ("GRUCell", {"bias": False}, 1),
]


@pytest.mark.parametrize(("name", "options", "states"), CELLS)
def test_cells(name: str, options: dict[str, Any], states: int) -> None:
    layers = pair(name, FEATURES, HIDDEN, **options)
    for batch in ((2,), ()):
        carried = [normal(*batch, HIDDEN, seed=i) for i in range(states)]
        agree(layers, with_states, [normal(*batch, FEATURES), *carried])
        agree(layers, lambda layer, x: layer(x), [normal(*batch, FEATURES)])


@pytest.mark.parametrize("name", ["rnn_tanh_cell", "rnn_relu_cell", "gru_cell", "lstm_cell"])
def test_cells_as_functions(name: str) -> None:
    rows = {"gru_cell": 3, "lstm_cell": 4}.get(name, 1) * HIDDEN
    arrays = [normal(rows, n, seed=n) for n in (FEATURES, HIDDEN)]
    arrays += [normal(rows, seed=n) for n in (8, 9)]
    states = [normal(2, HIDDEN, seed=i) for i in range(1 + (name == "lstm_cell"))]
    found = []
    for library in (zincir, torch):
        x, ih, hh, a, b, *hx = map(library.from_numpy, [normal(2, FEATURES), *arrays, *states])
        function = getattr(library, name)
        carried = tuple(hx) if len(hx) == 2 else hx[0]
        found.append(flat([function(x, carried, ih, hh, a, b), function(x, carried, ih, hh)]))
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), 1e-12)


def test_the_loop_over_a_cell_is_the_layer() -> None:
    layer, cell = zincir.nn.LSTM(FEATURES, HIDDEN), zincir.nn.LSTMCell(FEATURES, HIDDEN)
    for name, value in cell.named_parameters():
        with zincir.no_grad():
            value.copy_(getattr(layer, f"{name}_l0"))
    x = zincir.from_numpy(normal(9, 2, FEATURES, dtype="float32"))
    outputs, (_, c) = layer(x)
    state, rows = None, []
    for step in x:
        state = cell(step, state)
        rows.append(state[0])
    np.testing.assert_allclose(zincir.stack(rows).detach().numpy(), outputs.detach().numpy(), 1e-6)
    np.testing.assert_allclose(state[1].detach().numpy(), c[0].detach().numpy(), 1e-6)
    zincir.stack(rows).square().sum().backward()
    outputs.square().sum().backward()
    for name, value in cell.named_parameters():
        expected = getattr(layer, f"{name}_l0").grad.numpy()
        np.testing.assert_allclose(value.grad.numpy(), expected, 2e-5, 1e-6)


def test_gradients_of_gradients() -> None:
    layers = pair("LSTM", 2, 2, bidirectional=True)
    found = []
    for library, layer in zip((zincir, torch), layers, strict=True):
        x = library.from_numpy(normal(3, 2, 2)).requires_grad_()
        outputs, _ = layer(x)
        (g,) = library.autograd.grad(outputs.square().sum(), x, create_graph=True)
        g.square().sum().backward()
        found.append([x.grad.numpy(), *[p.grad.numpy() for p in layer.parameters()]])
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, 1e-10, 1e-12)


@pytest.mark.parametrize("bf", [0, 1])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("value", [0, 7])
def test_pad_sequence(bf: bool, side: str, value: float) -> None:
    rows = [normal(n, 2) for n in (3, 1, 4)]
    mine, other = (
        library.nn.utils.rnn.pad_sequence(
            [library.from_numpy(row) for row in rows], bool(bf), value, padding_side=side
        ).numpy()
        for library in (zincir, torch)
    )
    np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_packing_and_back(shape: tuple[int, ...]) -> None:
    rows = [np.arange(n * np.prod(shape, dtype=int)).reshape(n, *shape) for n in (2, 4, 1, 4)]
    found = []
    for library in (zincir, torch):
        rnn = library.nn.utils.rnn
        packed = rnn.pack_sequence([library.from_numpy(row) for row in rows], enforce_sorted=False)
        padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1)
        back = rnn.unpack_sequence(packed)
        apart = rnn.unpad_sequence(padded, lengths, batch_first=True)
        found.append([x.numpy() for x in (*packed, padded, lengths, *back, *apart)])
    for mine, other in zip(*found, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)


MISFITS = [
    ("input", lambda nn, one: nn.LSTM(3, 4)(one(5, 2, 2))),
    ("input", lambda nn, one: nn.GRU(3, 4)(one(5, 2, 2, 3))),
    ("hx", lambda nn, one: nn.GRU(3, 4)(one(5, 2, 3), one(2, 2, 4))),
    ("hx", lambda nn, one: nn.LSTM(3, 4)(one(5, 2, 3), (one(1, 2, 4), one(1, 2, 3)))),
    ("hx", lambda nn, one: nn.RNN(3, 4)(one(5, 3), one(1, 1, 4))),
    ("float64", lambda nn, one: nn.RNN(3, 4)(one(5, 2, 3).double())),
    ("steps", lambda nn, one: nn.RNN(3, 4)(one(0, 2, 3))),
    ("hidden_size", lambda nn, one: nn.LSTM(3, 0)),
    ("num_layers", lambda nn, one: nn.LSTM(3, 4, 0)),
    ("bias", lambda nn, one: nn.LSTM(3, 4, bias=1)),
    ("dropout", lambda nn, one: nn.GRU(3, 4, dropout=1.5)),
    ("proj_size", lambda nn, one: nn.LSTM(3, 4, proj_size=4)),
    ("nonlinearity", lambda nn, one: nn.RNN(3, 4, nonlinearity="sin")),
    ("nonlinearity", lambda nn, one: nn.RNNCell(3, 4, nonlinearity="sin")(one(2, 3))),
    ("dimensions", lambda nn, one: nn.LSTMCell(3, 4)(one(1, 2, 3))),
    ("fit", lambda nn, one: nn.GRUCell(3, 4)(one(2, 3), one(3, 4))),
    ("lengths", lambda nn, one: nn.utils.rnn.pack_padded_sequence(one(3, 2), [1, 3])),
    ("lengths", lambda nn, one: nn.utils.rnn.pack_padded_sequence(one(3, 2), [3, 0])),
    ("lengths", lambda nn, one: nn.utils.rnn.pack_padded_sequence(one(3, 2), [3])),
    ("fit", lambda nn, one: nn.utils.rnn.pad_sequence([one(3, 2), one(3, 3)])),
    ("fit", lambda nn, one: nn.utils.rnn.pad_sequence([])),
]


@pytest.mark.parametrize(("word", "make"), MISFITS)
def test_what_is_refused(word: str, make: Any) -> None:
    """By both libraries, and with an error that code which catches PyTorch's catches too."""
    with pytest.raises((RuntimeError, ValueError, TypeError)) as theirs:
        make(torch.nn, torch.ones)
    with pytest.raises(Exception, match=word) as ours:
        make(zincir.nn, zincir.ones)
    assert isinstance(ours.value, type(theirs.value))


def test_dropout_between_layers_alone() -> None:
    layer = zincir.nn.GRU(3, 4, num_layers=2, dropout=1.0)
    rest = zincir.nn.GRU(3, 4, num_layers=2)
    rest.load_state_dict(layer.state_dict())
    x = zincir.from_numpy(normal(5, 2, 3, dtype="float32"))
    with zincir.no_grad():
        rest.weight_ih_l1.zero_()
    np.testing.assert_array_equal(layer(x)[0].detach().numpy(), rest(x)[0].detach().numpy())
    layer.eval()
    assert not np.allclose(layer(x)[0].detach().numpy(), rest(x)[0].detach().numpy())
    with pytest.warns(UserWarning, match="between layers"):
        zincir.nn.GRU(3, 4, dropout=0.5)

"""bfloat16: what is rounded, how, and that everything else stays float32."""

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings

import zincir
from random_graphs import data, graphs, made_by
from zincir import nn, settings
from zincir.compiler import compile_graph, program_cache
from zincir.compiler.options import Options, Terms
from zincir.compiler.program_cache import find_program, runnable
from zincir.compiler.rewrite.precision import precision
from zincir.compiler.snapshot import Graph, snapshot
from zincir.errors import ArgumentError
from zincir.evaluate import evaluate, numbers, run
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.interpret import interpret
from zincir.nn import functional as F
from zincir.operations.bfloat import bfloat16, bfloat16_p, pair_p
from zincir.operations.contraction import matmul
from zincir.runtime import native
from zincir.runtime.buffer import allocate


@pytest.fixture(autouse=True)
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed needs no instruction that is not everywhere: test it everywhere."""
    monkeypatch.setattr(native.Target, "multiplies_bfloat16", True)
    monkeypatch.setattr(native.Target, "pairs_bfloat16", False)


@pytest.fixture
def chosen(terms: Terms, monkeypatch: pytest.MonkeyPatch) -> None:
    """`zincir.compile` takes the test's terms."""
    monkeypatch.setattr(native.Target, "pairs_bfloat16", terms == "pairs")


def nearest(bits: np.ndarray) -> np.ndarray:
    """The bfloat16 next to each number, found by looking at both neighbours."""
    low = bits & np.uint32(0xFFFF0000)
    high = (low + np.uint32(0x10000)).view(np.float32).astype(np.float64)
    high = np.where(np.isinf(high), np.copysign(2.0**128, high), high)
    x, below = (b.view(np.float32).astype(np.float64) for b in (bits, low))
    under, over = abs(x - below), abs(high - x)
    even = (bits >> np.uint32(16)) % 2 == 0
    return np.where((under < over) | ((under == over) & even), below, high).astype(np.float32)


@pytest.mark.parametrize("low", [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
def test_every_upper_half_is_rounded_to_the_nearest(low: int) -> None:
    bits = np.arange(1 << 16, dtype=np.uint32) * np.uint32(1 << 16) + np.uint32(low)
    x = bits.view(np.float32)
    node = bfloat16(data(x))
    (twin,) = interpret([node])
    evaluate([node])
    found, real = node.value.array, np.isfinite(x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found[real], nearest(bits)[real])
    np.testing.assert_array_equal(found[~real], x[~real])  # NaN and infinity
    np.testing.assert_array_equal(twin, found)


PAIRS = pytest.param("pairs", marks=pytest.mark.skipif(
    "+avx512bf16" not in native.target().features.split(",") or native.target().vector_bytes < 64,
    reason="the processor has no products of pairs",
))  # fmt: skip
TERMS = ["rounded", PAIRS]


# --- which values ---------------------------------------------------------------------------


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def compiled(outputs: list[Node], terms: Terms, threads: int = 1) -> list[np.ndarray]:
    taken = snapshot(outputs)
    made = compile_graph(taken.graph(), Options(threads, terms=terms, force_all_threads=True))
    buffers = [allocate(node.shape, node.dtype) for node in outputs]
    run(runnable(made), taken.leaves, numbers(taken.numbers), buffers)
    return [np.array(buffer.array) for buffer in buffers]


def reference(outputs: list[Node], terms: Terms, *, double: bool) -> list[np.ndarray]:
    taken = snapshot(outputs)
    graph = precision(taken.graph(), Options(terms=terms))
    given = [node.value.array for node in taken.leaves]
    given += [np.asarray(value, dtype.numpy) for value, dtype in taken.numbers]
    return interpret(graph.outputs, dict(zip(graph.inputs, given, strict=True)), double=double)


def with_gradients(function: Any, *inputs: np.ndarray) -> list[Node]:
    """A result, and its gradients for a given one of the result."""
    xs = [zincir.from_numpy(x).requires_grad_() for x in inputs]
    y = function(*xs)
    y.backward(zincir.from_numpy(array(*y.shape, seed=9)))
    return [y._node, *[x.grad._node for x in xs]]


PRODUCTS = {
    "linear": (lambda x, w, b: F.linear(x, w, b), (7, 5), (3, 5), (3,)),
    "transposed": (lambda x, y: x.transpose(0, 1) @ y, (6, 17), (6, 33)),
    "steps and parts": (lambda x, y: x[::2, 1:] @ y[3:, ::3], (9, 8), (10, 7)),
    "a row of many": (lambda x, y: x[5:6] @ y, (20, 8), (8, 3)),
    "batches": (lambda x, y: x @ y.expand(3, 4, 2), (3, 5, 4), (4, 2)),
    "vectors": (lambda x, y: x @ y, (9,), (9,)),
    "one": (lambda x, y: x @ y, (1, 1), (1, 1)),
    "none": (lambda x, y: x @ y, (0, 4), (4, 3)),
    "of itself": (lambda x: x @ x.T @ x.relu(), (5, 5)),
    "2d": (lambda x, w: F.conv2d(x, w, padding=1), (2, 3, 9, 9), (5, 3, 3, 3)),
    "strided": (lambda x, w: F.conv2d(x, w, stride=2, padding=1), (2, 4, 9, 8), (6, 4, 3, 3)),
    "groups": (lambda x, w: F.conv2d(x, w, groups=2), (1, 4, 6, 5), (6, 2, 2, 3)),
    "single channels": (
        lambda x, w: F.conv2d(x, w, padding=1, groups=16),
        (2, 16, 6, 6),
        (16, 1, 3, 3),
    ),
    "1d, spread": (lambda x, w: F.conv1d(x, w, dilation=2), (3, 16, 21), (32, 16, 5)),
    "even": (lambda x, w: F.linear(x, w).relu(), (40, 34), (18, 34)),
    "even channels": (lambda x, w: F.conv2d(x, w, padding=1), (8, 16, 9, 9), (18, 16, 3, 3)),
    "even, strided": (lambda x, w: F.conv2d(x, w, stride=2), (8, 8, 9, 8), (16, 8, 3, 2)),
    "even groups": (lambda x, w: F.conv2d(x, w, groups=2), (10, 32, 6, 5), (24, 16, 2, 3)),
    "even batches": (lambda x, y: x[:, 1:] @ y, (2, 4, 9, 10), (2, 3, 10, 8)),
    "back": (lambda x, w: F.conv_transpose2d(x, w, stride=2), (2, 4, 5, 4), (4, 3, 3, 3)),
    "none of a batch": (lambda x, w: F.conv2d(x, w), (0, 3, 5, 5), (2, 3, 3, 3)),
}


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_and_their_gradients(name: str, terms: Terms) -> None:
    function, *shapes = PRODUCTS[name]
    outputs = with_gradients(function, *[array(*s, seed=i) for i, s in enumerate(shapes)])
    exact = reference(outputs, terms, double=True)
    plain = interpret(outputs, double=True)
    one, two = compiled(outputs, terms), compiled(outputs, terms, threads=2)
    for found, other, wanted in zip(one, two, exact, strict=True):
        # Only what follows a product of a product may be rounded the other way.
        near = 1e-2 if name == "of itself" else 1e-5
        np.testing.assert_allclose(found, wanted, near, near * 20)
        np.testing.assert_array_equal(other, found)
    if plain[0].size > 1:
        assert abs(plain[0] - exact[0]).max() > 1e-4 * abs(plain[0]).max()


@pytest.mark.parametrize("terms", TERMS)
@hypothesis_settings(max_examples=40, deadline=None)
@given(graphs())
def test_random_graphs(terms: Terms, outputs: list[Node]) -> None:
    one, two = compiled(outputs, terms), compiled(outputs, terms, threads=2)
    for value, other, wanted in zip(one, two, reference(outputs, terms, double=False), strict=True):
        np.testing.assert_array_equal(other, value)
        # A last bit may decide how an operand is rounded.
        np.testing.assert_allclose(value, wanted, 3e-2, 3e-2 * max(1, abs(wanted).max(initial=0)))


def roundings(graph: Graph) -> list[Node]:
    return [n for n in toposort(made_by("long reductions", graph).outputs) if n.op is bfloat16_p]


def graph_of(*tensors: zincir.Tensor, terms: Terms = "rounded") -> Graph:
    graph = snapshot([t._node for t in tensors]).graph()
    return precision(graph, Options(terms=terms))


def test_a_value_is_rounded_once_for_all_products_and_views() -> None:
    x, v, w = (zincir.from_numpy(array(*s)) for s in ((8, 6), (5, 6), (4, 5)))
    hidden = F.linear(x, v.requires_grad_()).relu()
    F.linear(hidden, w.requires_grad_()).square().sum().backward()
    assert v.grad is not None
    assert w.grad is not None
    found = roundings(graph_of(v.grad, w.grad))
    # x, v, the hidden values, w, and the gradients of both results
    assert len(found) == 6
    assert {n.inputs[0].op.kind for n in found} <= {Kind.SOURCE, Kind.POINTWISE}


def test_pairs_are_made_behind_views_where_their_axis_is_whole() -> None:
    x, v, w = (zincir.from_numpy(array(*s)) for s in ((16, 12), (24, 12), (10, 24)))
    hidden = F.linear(x, v.requires_grad_()).relu()
    F.linear(hidden, w.requires_grad_()).square().sum().backward()
    assert v.grad is not None
    assert w.grad is not None
    order = toposort(made_by("long reductions", graph_of(v.grad, w.grad, terms="pairs")).outputs)
    shapes = [n.shape for n in order if n.op is pair_p]
    # x and hidden over their features and over the batch, v, w, and both results' gradients over
    # the batch; the hidden gradient is a product over 10 features, of which there are 5 pairs.
    assert sorted(shapes) == sorted(
        [(16, 6), (24, 6), (16, 12), (10, 12), (8, 10), (8, 24), (16, 5), (5, 24), (8, 24), (8, 12)]
    )
    assert not [n for n in order if n.op is bfloat16_p]


@pytest.mark.parametrize("terms", ["rounded", "pairs"])
def test_weights_stored_in_the_order_of_their_gradients_are_rounded_so(terms: Terms) -> None:
    layer = nn.Conv2d(16, 32, 3, padding=1, bias=False)
    x, y = (zincir.from_numpy(array(2, n, 6, 6)) for n in (16, 32))
    layer.weight.detach().numpy()
    (layer(x.requires_grad_()) * y).sum().backward()
    assert x.grad is not None
    graph = graph_of(layer(x), x.grad, terms=terms)
    (weight,) = graph.arranged
    order = toposort(made_by("long reductions", graph).outputs)
    readers = {n.op.kind for n in order if weight in n.inputs}
    assert readers == ({Kind.POINTWISE} if terms == "rounded" else {Kind.VIEW})
    made = [n for n in order if n.op in (bfloat16_p, pair_p) and _reads(n, weight)]
    assert len(made) == (1 if terms == "rounded" else 2)


def _reads(node: Node, leaf: Node) -> bool:
    return any(x is leaf or (x.op.kind is Kind.VIEW and x.inputs[0] is leaf) for x in node.inputs)


def test_few_or_odd_terms_and_single_channels_are_not_paired() -> None:
    outputs = [
        zincir.ones(5, 9).exp() @ zincir.ones(9, 4).exp(),
        zincir.ones(5, 6).exp() @ zincir.ones(6, 4).exp(),
        F.conv2d(zincir.ones(2, 8, 5, 5).exp(), zincir.ones(8, 1, 3, 3).exp(), groups=8),
        F.conv2d(zincir.ones(2, 3, 5, 5).exp(), zincir.ones(8, 3, 3, 3).exp()),
    ]
    order = toposort(graph_of(*outputs, terms="pairs").outputs)
    assert not [n for n in order if n.op is pair_p]
    assert len([n for n in order if n.op is bfloat16_p]) == 8


def test_a_small_view_of_a_large_value_is_rounded_alone() -> None:
    table, w = zincir.from_numpy(array(1000, 8)).exp(), zincir.from_numpy(array(8, 3))
    assert {n.shape for n in roundings(graph_of(table[20:30] @ w))} == {(10, 8), (8, 3)}
    assert {n.shape for n in roundings(graph_of(table[:500] @ w))} == {(1000, 8), (8, 3)}


def test_what_is_no_product_of_float32_stays() -> None:
    x = zincir.from_numpy(array(4, 4))
    double = x.double() @ x.double()
    whole = (x * 9).long() @ (x * 9).long()
    sums = (x * x).sum() + x.softmax(0).sum()
    assert not roundings(graph_of(double, whole, sums))


# --- zincir.compile -------------------------------------------------------------------------


def network(*, images: bool) -> nn.Module:
    zincir.manual_seed(1)
    if not images:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def trainer(model: nn.Module, precision: str | None) -> Any:
    optimizer = zincir.optim.Adam(model.parameters(), lr=4e-3)

    def step(x: zincir.Tensor, y: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return zincir.compile(step, precision=precision)


def accuracy(precision: str | None, *, images: bool) -> float:
    x, y, unseen, labels = zincir.data.load_digits(seed=0)
    model = network(images=images)
    step = trainer(model, precision)
    order = np.random.default_rng(0)
    for _ in range(8):
        for rows in order.permutation(len(x))[: len(x) // 64 * 64].reshape(-1, 64):
            step(x[rows], y[rows])
    model.eval()
    with zincir.no_grad():
        guess = model(zincir.from_numpy(unseen)).argmax(1)
    assert all(p.dtype is zincir.float32 for p in model.parameters())
    return float((guess.numpy() == labels).mean())


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("images", [False, True])
def test_training_on_digits_gets_as_far_as_with_float32(images: bool, chosen: None) -> None:
    single = accuracy(None, images=images)
    assert single > 0.93
    assert accuracy("bf16", images=images) > single - 0.01


def trained(precision: str | None) -> list[bytes]:
    model = network(images=True)
    step = trainer(model, precision)
    rng = np.random.default_rng(3)
    for _ in range(2):
        step(rng.normal(size=(4, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 4))
    return [p.detach().numpy().tobytes() for p in model.parameters()]


@pytest.fixture
def threads() -> Iterator[None]:
    before = zincir.get_num_threads()
    yield
    zincir.set_num_threads(before)


@pytest.mark.parametrize("terms", TERMS)
def test_both_precisions_live_side_by_side_on_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: None, chosen: None
) -> None:
    seen: list[int] = []
    passes = program_cache.compile_graph
    monkeypatch.setattr(program_cache, "compile_graph", lambda *a: (seen.append(1), passes(*a))[1])
    zincir.set_num_threads(1)
    with settings.using(cache_dir=tmp_path / "cache", verify=False):
        first = {p: trained(p) for p in (None, "bf16")}
        assert first[None] != first["bf16"]
        made = len(seen)
        assert {p: trained(p) for p in ("bf16", None)} == first
        assert len(seen) == made
        zincir.set_num_threads(2)
        assert trained("bf16") == first["bf16"]


def test_terms_are_part_of_the_name_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = data(array(3, 5)), data(array(5, 4))
    taken = snapshot([matmul(x, y)])
    (exact,) = reference([matmul(x, y)], "rounded", double=True)
    monkeypatch.setattr(program_cache, "_SMALLEST", 0)
    with settings.using(cache_dir=tmp_path / "cache", verify=False):
        for terms in (None, "rounded", None, "rounded"):
            out = allocate((3, 4), taken.leaves[0].dtype)
            run(find_program(taken, Options(terms=terms)), taken.leaves, numbers([]), [out])
            assert np.allclose(out.array, exact, 1e-6, 1e-6) is (terms is not None)


def products(precision: str | None, inner: str | None = None) -> Any:
    def double(x: zincir.Tensor) -> zincir.Tensor:
        return x @ x

    return zincir.compile(zincir.compile(double, precision=inner), precision=precision)


X = array(6, 6)
EXACT, ROUNDED = X @ X, (r := interpret([bfloat16(data(X))])[0]) @ r


def test_the_outermost_function_decides() -> None:
    for outer, inner, wanted in (
        ("bf16", None, ROUNDED),
        (None, "bf16", EXACT),
        ("bf16", "bf16", ROUNDED),
    ):
        np.testing.assert_allclose(products(outer, inner)(X_tensor()).numpy(), wanted, 1e-5, 1e-5)


def X_tensor() -> zincir.Tensor:
    return zincir.from_numpy(X)


def test_a_copy_has_the_precision_of_the_original() -> None:
    again = copy.copy(products("bf16"))
    np.testing.assert_allclose(again(X_tensor()).numpy(), ROUNDED, 1e-5, 1e-5)


def test_a_result_to_be_differentiated_is_float32() -> None:
    w = zincir.from_numpy(X).requires_grad_()
    y = zincir.compile(lambda x: w @ x, precision="bf16")(X_tensor())
    np.testing.assert_allclose(y.detach().numpy(), EXACT, 1e-5, 1e-5)
    y.sum().backward()
    assert w.grad is not None


def test_an_unknown_precision() -> None:
    with pytest.raises(ArgumentError) as caught:
        zincir.compile(lambda x: x, precision="fp8")
    lines = str(caught.value).splitlines()
    assert lines[0] == "zincir.compile: unknown precision"
    assert "test_precision.py" in lines[1]
    assert lines[2:] == ["  expected  'bf16', or None for float32", "  got       'fp8'"]


def test_a_cpu_without_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with settings.using(target="generic"):
        function = products("bf16")
        with pytest.warns(RuntimeWarning, match="bf16") as caught:
            found = function(X_tensor())
        np.testing.assert_allclose(found.numpy(), EXACT, 1e-5, 1e-5)
        assert caught[0].filename == __file__
        assert str(caught[0].message).splitlines() == [
            'zincir.compile(precision="bf16"): not on this machine; float32 is used',
            "  expected  a CPU with products of bfloat16 (avx512_bf16, amx_bf16)",
            "  got       x86-64" if native.target().arch == "x86_64" else "  got       generic",
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(zincir.from_numpy(array(3, 3)))  # once is enough


@pytest.mark.parametrize(
    ("arch", "cpu", "features", "multiplies", "pairs"),
    [
        ("x86_64", "sapphirerapids", "+avx512f,+avx512bf16", True, False),
        ("x86_64", "sapphirerapids", "+amx-bf16,+amx-tile", True, False),
        ("x86_64", "znver4", "+avx512f,+avx512bf16", True, True),
        ("x86_64", "znver5", "+avx512bf16", True, True),
        ("x86_64", "znver3", "+avx2,-avx512bf16,-amx-bf16", False, False),
        ("x86_64", "x86-64", "", False, False),
        ("aarch64", "apple-m2", "+neon,+bf16", True, False),
        ("aarch64", "generic", "+neon", False, False),
    ],
)
def test_which_machines_multiply(
    monkeypatch: pytest.MonkeyPatch,
    arch: str,
    cpu: str,
    features: str,
    multiplies: bool,
    pairs: bool,
) -> None:
    monkeypatch.undo()
    machine = native.Target("", arch, cpu, features, 64, 32)
    assert machine.multiplies_bfloat16 is multiplies
    assert machine.pairs_bfloat16 is pairs

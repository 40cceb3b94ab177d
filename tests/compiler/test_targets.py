"""The same generator serves processors with narrower vectors."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings

from random_graphs import compiled, data, graphs
from zincir import evaluate, settings
from zincir.compiler import compile_graph, stages
from zincir.compiler.options import Options
from zincir.compiler.program_cache import runnable
from zincir.compiler.snapshot import snapshot
from zincir.graph.node import Node
from zincir.interpret import interpret
from zincir.operations import elementwise as el
from zincir.operations.contraction import matmul
from zincir.runtime import native
from zincir.runtime.buffer import allocate
from zincir.types import float32

RELAXED = hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("target", ["avx2", "generic"])
def test_random_graphs_on_narrower_vectors(target: str):
    @RELAXED
    @given(graphs(float32))
    def check(outputs: list[Node]) -> None:
        with settings.using(target=target):
            got = compiled(outputs, 2)
        for node, a, b in zip(outputs, got, interpret(outputs, double=True), strict=True):
            scale = max(1.0, float(np.abs(b).max(initial=0.0)))
            np.testing.assert_allclose(a, b, rtol=3e-5, atol=3e-5 * scale, err_msg=repr(node))

    check()


@pytest.mark.parametrize(("target", "bytes"), [("avx2", 32), ("generic", 16)])
def test_targets_have_their_widths(target: str, bytes: int):
    with settings.using(target=target):
        assert native.target().vector_bytes == bytes


def test_products_have_the_same_bits_on_every_width():
    rng = np.random.default_rng(0)
    x, y = (data(rng.normal(size=s).astype(np.float32)) for s in ((37, 65), (65, 43)))
    wide = compiled([matmul(x, y)], 1)[0]
    with settings.using(target="avx2"):
        narrow = compiled([matmul(x, y)], 1)[0]
    assert wide.tobytes() == narrow.tobytes()


def test_elementwise_functions_have_the_same_bits_on_every_width():
    x = data(np.linspace(-5, 5, 101).astype(np.float32))
    outputs = [el.exp(x), el.tanh(x), el.sin(x), el.erf(x), el.sigmoid(x)]
    wide = compiled(outputs, 1)
    with settings.using(target="avx2"):
        narrow = compiled(outputs, 1)
    assert [a.tobytes() for a in wide] == [a.tobytes() for a in narrow]


def test_one_process_keeps_programs_of_several_targets_apart():
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=s).astype(np.float32) for s in ((5, 7), (7, 3))]
    before = set(evaluate._programs)
    for target in (None, "avx2"):
        with settings.using(target=target):
            y = matmul(*map(data, arrays)) * 3.0
            evaluate.evaluate([y])
            np.testing.assert_allclose(y.value.array, arrays[0] @ arrays[1] * 3, 1e-5)
    assert len(set(evaluate._programs) - before) == 2


def narrower(bytes: int) -> native.Target:
    """This machine, as if its vectors were shorter and fewer."""
    return replace(native.target(), vector_bytes=bytes, vector_registers=16)


@pytest.mark.parametrize("bytes", [16, 32])
def test_the_target_is_an_argument(bytes: int):
    rng = np.random.default_rng(2)
    x, y = (data(rng.normal(size=s).astype(np.float32)) for s in ((37, 65), (65, 43)))
    taken = snapshot([el.tanh(matmul(x, y)) * 2.0])
    results: list[np.ndarray] = []
    for target in (native.target(), narrower(bytes)):
        options = Options(2, target=target)
        assert f"lanes={target.vector_bytes // 4} " in stages(taken.graph(), options)["lower"]
        made = compile_graph(taken.graph(), options)
        assert made.assembly.code.target is target
        out = allocate((37, 43), float32)
        evaluate.run(runnable(made), taken.leaves, evaluate.numbers(taken.numbers), [out])
        results.append(np.array(out.array))
    assert results[0].tobytes() == results[1].tobytes()


def test_programs_of_two_targets_have_two_names():
    one, other = Options(), Options(target=narrower(16))
    assert one.key != other.key


def test_passes_do_not_ask_which_machine_this_is():
    """But for the default of `Options`."""
    compiler = Path(sys.modules["zincir.compiler"].__file__ or "").parent
    asking = [p.name for p in compiler.rglob("*.py") if "native.target()" in p.read_text("utf-8")]
    assert asking == []

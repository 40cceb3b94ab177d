"""Broken plans are refused, with a message that names the kernel and the user's line."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from random_graphs import compiled, data, made_by
from zincir.compiler import compile_graph
from zincir.compiler.fuse import copy_elision
from zincir.compiler.options import Options
from zincir.compiler.schedule.launch import BatchTiled
from zincir.compiler.schedule.plan import Plan
from zincir.compiler.schedule.plan_verify import verify_plan
from zincir.compiler.snapshot import snapshot
from zincir.errors import CompileError
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.interpret import interpret
from zincir.operations import arithmetic as ar, elementwise as el, movement as mv
from zincir.operations.contraction import matmul
from zincir.operations.convolution import convolution
from zincir.operations.indexing import scatter, take

PASS = {
    "chain": sys.modules["zincir.compiler.schedule.batch_tiling"],
    "fuse": sys.modules["zincir.compiler.fuse.groups"],
    "plan": sys.modules["zincir.compiler.schedule.plan"],
}


def array(*shape: int) -> Node:
    rng = np.random.default_rng(sum(shape))
    return data(rng.uniform(-1, 1, shape).astype(np.float32))


def planned(outputs: list[Node], donations: dict[int, int] | None = None) -> Plan:
    made = made_by("plan", snapshot(outputs).graph(), Options(2, donations or {}))
    verify_plan(made)
    return made


def refused(made: Plan, match: str) -> None:
    with pytest.raises(CompileError, match=match) as error:
        verify_plan(made)
    assert "where" not in match
    assert "missing" in match or "test_plan_verify.py:" in str(error.value)


def layers() -> list[Node]:
    """Three products, one behind another, with temporaries between them."""
    x = array(6, 7)
    for n in (9, 5, 8):
        x = el.tanh(matmul(x, array(x.shape[-1], n)))
    return [x]


def folded() -> list[Node]:
    w = array(5, 40)
    e = el.exp(w)
    return [e, w / mv.sum_(e, (1,))]


# --- orders -------------------------------------------------------------------------------------


def test_kernels_in_one_phase_race():
    made = planned(layers())
    together = [[launch for phase in made.phases for launch in phase]]
    refused(
        replace(made, phases=together), r"matmul -> .* reads .* in phase 0, before it is written"
    )


def test_phases_turned_round():
    made = planned(layers())
    made.phases.reverse()
    refused(made, "before it is written")


def test_a_kernel_that_is_left_out_or_done_twice():
    made = planned(layers())
    refused(replace(made, phases=made.phases[1:]), "kernels are missing")
    refused(replace(made, phases=made.phases[:1] + made.phases), "missing")
    less = replace(made.given, launches=made.given.launches[1:])
    refused(replace(made, given=less, phases=made.phases[1:]), "which nobody writes")


def test_rows_added_before_there_is_something_to_add_to():
    index = data(np.array([0, 2, 2, 1]))
    made = planned([scatter(array(5, 3), index, array(4, 3), "add")])
    assert len(made.phases) == 2
    made.phases.reverse()
    refused(made, r"writes parts of scatter\[5, 3\] float32 in phase 0, too early")


def test_regions_written_in_another_order():
    made = planned([mv.update(array(4, 6), array(2, 6), (1, 0), (1, 1))])
    assert len(made.phases) == 2
    made.phases.reverse()
    refused(made, "too early")


# --- the arena ----------------------------------------------------------------------------------


def temporaries(made: Plan) -> list[Node]:
    return [x for x, (kind, _) in made.home.items() if kind == "arena"]


def test_two_values_in_one_place():
    made = planned(layers())
    for x in temporaries(made):
        made.home[x] = ("arena", 0)
    refused(made, r"has .* in the memory of .*, which is in use")


def test_values_that_overlap_a_little():
    x = array(8, 8)
    a, b = el.tanh(x) * el.exp(x), el.sin(x) * el.sigmoid(x)
    made = planned([matmul(a, b) + a * b])
    first, second = temporaries(made)[:2]
    made.home[second] = ("arena", made.home[first][1] + 4 * 63)
    refused(made, "which is in use|outside of the arena")


def test_values_beyond_the_end_of_the_arena():
    made = planned(layers())
    refused(replace(made, arena_bytes=made.arena_bytes // 2), "partly outside of the arena")


def test_a_value_without_a_place():
    made = planned(layers())
    del made.home[temporaries(made)[0]]
    refused(made, "which has no place in memory")


# --- scratch ------------------------------------------------------------------------------------


def tiles() -> list[Node]:
    """A sum and a product for each of a batch, and what a later phase makes of the product."""
    h = el.tanh(array(16, 8, 6)) * el.exp(array(16, 8, 6))
    z = el.tanh(matmul(h, array(16, 6, 9)))
    return [matmul(mv.reshape(matmul(z, array(16, 9, 7)), (128, 7)), array(7, 3))]


def by_shape(made: Plan) -> dict[tuple[int, ...], Node]:
    return {x.shape: x for x in made.home}


def test_what_is_in_scratch_and_read_by_others():
    made = planned(tiles())
    made.home[by_shape(made)[16, 8, 7]] = ("scratch", 1 << 12)
    refused(made, r"touches matmul\[16, 8, 7\] float32, which is in the scratch of other kernels")


def test_values_in_one_place_of_scratch():
    made = planned(tiles())
    first, second = (by_shape(made)[16, 8, n] for n in (6, 9))
    assert made.home[first][0] == made.home[second][0] == "scratch"
    made.home[first] = made.home[second] = ("scratch", 0)
    refused(made, "batch tiling -> .* in the memory of .*, which is in use")


def test_a_value_in_scratch_whose_tiles_have_rows_here_and_there(monkeypatch: pytest.MonkeyPatch):
    framed = mv.pad(el.tanh(array(16, 8, 8)), (16, 0, 0), (0, 0, 0))
    monkeypatch.setattr(PASS["chain"], "_keeps_to_tiles", lambda *_: True)
    y = matmul(framed, array(32, 8, 9))
    broken([y], r"batch tiling -> .* writes update.* beyond the scratch of a tile")


# --- kernels whose parts meet ---------------------------------------------------------------------


def forced(donations: dict[int, int]) -> Options:
    return Options(2, donations, force_all_threads=True)


def broken(outputs: list[Node], match: str, donations: dict[int, int] | None = None) -> None:
    """Compilation refuses its own plan."""
    with pytest.raises(CompileError, match=match) as error:
        compile_graph(snapshot(outputs).graph(), forced(donations or {}))
    assert "test_plan_verify.py:" in str(error.value)


@pytest.mark.parametrize("rows", [8, 300])
def test_a_product_that_computes_its_own_operand(monkeypatch: pytest.MonkeyPatch, rows: int):
    sound = PASS["fuse"]._Fuser._reads_in_place

    def unsound(self: Any, node: Node, *rest: Any) -> bool:
        return node.op.kind is Kind.CONTRACTION or sound(self, node, *rest)

    monkeypatch.setattr(PASS["fuse"]._Fuser, "_reads_in_place", unsound)
    x = array(rows, rows)
    h = el.tanh(x) * el.exp(x) + el.sigmoid(x)
    broken([matmul(h, array(rows, rows)) + h], "matmul -> .* reads add")


def test_a_store_before_a_later_stage_reads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(PASS["plan"], "_in_place", lambda *_: True)
    broken(folded(), "reads leaf.* and writes over it in an earlier stage", {0: 0})


def test_a_store_where_another_element_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(PASS["plan"], "_in_place", lambda *_: True)
    x = array(6, 6)
    broken([mv.permute(x, (1, 0)) * 2.0 + x], "and writes over it at another place", {0: 0})
    broken([mv.flip(x, (0,)) + 1.0], "and writes over it at another place", {0: 0})
    broken([take(x, data(np.array([1, 1, 5, 0, 2, 4]))) * 2.0], "at places that are", {0: 0})
    broken([matmul(x, x)], r"matmul -> matmul.* reads leaf.*, and writes over it", {0: 0})
    broken([el.tanh(matmul(x, array(6, 6)))], "matmul -> .* reads leaf", {0: 0})


def test_an_input_that_is_read_after_it_was_written_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(PASS["plan"]._Donor, "_can", lambda *_: True)
    x = array(6, 6)
    y = el.tanh(x) * el.exp(x)
    z = matmul(matmul(y, array(6, 6)), x)
    broken([y, z], "matmul -> .* reads leaf", {0: 0})


def test_kernels_that_leave_their_tile(monkeypatch: pytest.MonkeyPatch):
    x = array(16, 8, 8)
    h = el.tanh(x) * el.exp(x) + el.sigmoid(x)
    far = matmul(mv.flip(h, (0,)), array(16, 8, 8))
    made = planned([matmul(h, array(16, 8, 8)) + h])
    assert any(isinstance(launch.work, BatchTiled) for launch in made.given.launches)
    monkeypatch.setattr(PASS["chain"], "_keeps_to_tiles", lambda *_: True)
    broken([far + h], r"batch tiling -> .* reads of add.* what belongs to another tile")


def test_a_tile_that_writes_over_what_another_one_reads(monkeypatch: pytest.MonkeyPatch):
    x, w = array(16, 8, 8), array(16, 8, 8)
    monkeypatch.setattr(PASS["plan"], "_in_place", lambda *_: True)
    for source in (x, mv.flip(x, (0,))):
        h = el.tanh(source) * el.exp(source) + el.sigmoid(source)
        y = el.tanh(matmul(h, w))
        at = snapshot([y]).leaves.index(x)
        if source is x:
            made = planned([y], {0: at})
            assert made.donated == {0: at}
            assert any(isinstance(launch.work, BatchTiled) for launch in made.given.launches)
        else:
            broken([y], "batch tiling -> .* reads of leaf.* what belongs to another tile", {0: at})


def test_a_value_computed_beside_its_place_in_the_padding(monkeypatch: pytest.MonkeyPatch):
    x = array(2, 5, 6, 1, 16)
    v = el.tanh(x * 2.0) * el.exp(x) + el.sigmoid(x)
    w = array(3, 3, 1, 16, 8)
    outputs = [convolution(v, w, (1, 1), (1, 1), (1, 1), (1, 1)), mv.sum_(v, (0, 1, 2, 3))]
    assert planned(outputs).legal.alias_of
    sound = copy_elision._inside

    def beside(*args: Any) -> Any:
        found = sound(*args)
        return None if found is None else replace(found, offset=found.offset + 16)

    monkeypatch.setattr(copy_elision, "_inside", beside)
    broken(outputs, "reads update|writes an element of update")


# --- what is sound ------------------------------------------------------------------------------


def in_place(outputs: list[Node], donations: dict[int, int]) -> dict[int, int]:
    made = compile_graph(snapshot(outputs).graph(), forced(donations)).plan
    want = interpret(outputs, double=True)
    for got, value in zip(compiled(outputs, 2, 0), want, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-5)
    return made.donated


SOUND: list[Callable[[Node], Node]] = [
    lambda w: w / mv.sum_(w * w, (0, 1)),
    lambda w: w / mv.sum_(w * w, (1,)),
    lambda w: w / mv.sum_(w * w, (0,)),
    lambda w: el.exp(w - ar.maximum(w, 0.0)) + w,
]


@pytest.mark.parametrize("make", SOUND)
@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (1, 8), (3, 3)])
def test_what_is_read_just_before_it_is_written_may_be_written_over(
    make: Callable[[Node], Node], shape: tuple[int, int]
):
    assert in_place([make(array(*shape))], {0: 0}) == {0: 0}


def test_what_is_read_again_later_may_not():
    assert in_place(folded(), {0: 0}) == {}
    w = array(5, 40)
    assert in_place([mv.sum_(w, (1,)), w / mv.sum_(w, (1,))], {1: 0}) == {1: 0}


def test_a_product_is_not_written_over_what_it_reads():
    x, w, z = array(6, 6), array(6, 7), array(6, 6)
    for y in (matmul(x, z), el.tanh(matmul(x, z)), el.tanh(matmul(x, z)) * x):
        assert in_place([y], {0: snapshot([y]).leaves.index(x)}) == {}
    for y in (el.tanh(matmul(z, z)) * x, matmul(matmul(x, w), mv.swap_last(w)) * x):
        at = snapshot([y]).leaves.index(x)
        assert in_place([y], {0: at}) == {0: at}

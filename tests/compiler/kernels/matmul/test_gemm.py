"""Products against NumPy in float64; the same bits for all tiles, packings and threads."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies as st

from zincir.compiler.kernels.matmul import (
    Gemm,
    Packer,
    TiledGemm,
    Variant,
    family,
    gemm_module,
    tiled,
    tiled_with,
)
from zincir.compiler.kernels.matmul.tiles import GEMM_ARGUMENTS
from zincir.runtime import native
from zincir.settings import using

Array = npt.NDArray[np.floating]
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
EPILOGUE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 4)


@dataclass(frozen=True)
class Shape:
    """A machine that only says how large its registers are."""

    vector_bytes: int
    vector_registers: int


AVX512, AVX2, NEON = Shape(64, 32), Shape(32, 16), Shape(16, 32)
MACHINES = (AVX512, AVX2, NEON)


def kernel(variant: Variant) -> Callable[[int, int, int], None]:
    return KERNEL(native.load(variant.key, lambda: gemm_module(variant), ["gemm"])[0])


def packer(form: Packer) -> int:
    return native.load(form.key, form.build, [form.symbol])[0]


def elements(array: Array) -> list[int]:
    return [stride // array.itemsize for stride in array.strides]


def describe(a: Array, b: Array, c: Array) -> Gemm:
    """The product of a (batch, reduced, m, k) and b (batch, reduced, k, n) into c."""
    a_outer, a_reduce, a_row, a_k = elements(a)
    b_outer, b_reduce, b_k, b_col = elements(b)
    c_outer, c_row, _ = elements(c)
    return Gemm(
        kind="float" if a.dtype == np.float32 else "double",
        m=c.shape[1],
        n=c.shape[2],
        k=a.shape[3],
        a_row=a_row,
        a_k=a_k,
        b_k=b_k,
        b_col=b_col,
        c_row=c_row,
        c_outer=c_outer,
        outer=((c.shape[0], a_outer, b_outer),),
        reduced=((a.shape[1], a_reduce, b_reduce),),
    )


def run(
    p: TiledGemm, a: Array, b: Array, c: Array, *, threads: int = 1, epilogue: object = None
) -> None:
    room = np.zeros(p.scratch_bytes_per_thread * threads + 64, np.uint8)
    scratch = -(-room.ctypes.data // 64) * 64
    call = p.bind(a.ctypes.data, b.ctypes.data, c.ctypes.data, scratch=scratch, address=packer)
    if epilogue is not None:
        call = replace(call, epilogue=ctypes.cast(epilogue, ctypes.c_void_p).value)
    args = np.array(call.pack(), np.int64)
    function = kernel(p.variant)
    team = [
        threading.Thread(target=function, args=(args.ctypes.data, t, threads))
        for t in range(1, threads)
    ]
    for member in team:
        member.start()
    function(args.ctypes.data, 0, threads)
    for member in team:
        member.join()
    assert args[GEMM_ARGUMENTS.index("taken")] == 0


def random(rng: np.random.Generator, shape: tuple[int, ...], order: str, dtype: str) -> Array:
    """An array of `shape` whose axes lie in memory as `order` says, with gaps when it ends in g."""
    axes = [int(x) for x in order if x.isdigit()]
    stored = [shape[axis] for axis in axes]
    if order.endswith("g"):
        stored[-1] += 3
    values = rng.standard_normal(stored).astype(dtype)
    values = values[..., : shape[axes[-1]]]
    return values.transpose(np.argsort(axes))


def expected(a: Array, b: Array) -> Array:
    return np.matmul(a.astype(np.float64), b.astype(np.float64)).sum(axis=1)


def check(a: Array, b: Array, c: Array) -> None:
    wanted = expected(a, b)
    bound = np.matmul(np.abs(a), np.abs(b), dtype=np.float64).sum(axis=1)
    depth = a.shape[1] * a.shape[3] + 2
    assert np.all(np.abs(c - wanted) <= depth * np.finfo(a.dtype).eps * bound + 1e-300)


def result(batch: int, m: int, n: int, dtype: str) -> tuple[Array, Array]:
    """C with a gap after each row, and all of its memory, filled with a mark."""
    memory = np.full((batch, m, n + 5), 77.0, dtype)
    return memory[:, :, :n], memory


extents = st.one_of(st.integers(1, 20), st.integers(1, 70))
orders = st.sampled_from(["0123", "0132", "0123g", "0132g", "1032", "3210", "2013g"])


@st.composite
def products(draw: st.DrawFn) -> tuple[Array, Array, str]:
    m, n, k = draw(extents), draw(extents), draw(extents)
    batch, reduced = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    a = random(rng, (batch, reduced, m, k), draw(orders), dtype)
    b = random(rng, (batch, reduced, k, n), draw(orders), dtype)
    if draw(st.booleans()):
        b = np.broadcast_to(b[:1], b.shape)
    if draw(st.booleans()):
        a = np.broadcast_to(a[:1], a.shape)
    return a, b, dtype


@settings(max_examples=150, deadline=None)
@given(products(), st.sampled_from(MACHINES), st.integers(1, 3))
def test_any_product(product: tuple[Array, Array, str], machine: Shape, threads: int) -> None:
    a, b, dtype = product
    c, memory = result(a.shape[0], a.shape[2], b.shape[3], dtype)
    run(tiled(describe(a, b, c), threads, machine), a, b, c, threads=threads)
    check(a, b, c)
    assert np.all(memory[:, :, c.shape[2] :] == 77.0)


@settings(max_examples=60, deadline=None)
@given(products(), st.data())
def test_same_bits_for_all_tiles_packings_blocks_and_threads(
    product: tuple[Array, Array, str], data: st.DataObject
) -> None:
    a, b, dtype = product
    c, _ = result(a.shape[0], a.shape[2], b.shape[3], dtype)
    problem = describe(a, b, c)
    run(tiled(problem, 1, AVX512), a, b, c)
    for machine in MACHINES:
        lanes = machine.vector_bytes // a.itemsize
        rows, vectors = data.draw(st.sampled_from(family(machine)))
        unit = problem.a_row == 1 or problem.m < rows or data.draw(st.booleans())
        variant = Variant(problem.kind, lanes, rows, vectors, unit)
        threads = data.draw(st.integers(1, 3))
        p = tiled_with(
            problem,
            threads,
            variant,
            pack_a=data.draw(st.booleans()),
            pack_b=data.draw(st.booleans()),
        )
        p = cut(p, data)
        other, memory = result(a.shape[0], a.shape[2], b.shape[3], dtype)
        run(p, a, b, other, threads=threads)
        np.testing.assert_array_equal(other.view(f"u{a.itemsize}"), c.view(f"u{a.itemsize}"))
        assert np.all(memory[:, :, c.shape[2] :] == 77.0)


def cut(p: TiledGemm, data: st.DataObject) -> TiledGemm:
    """Smaller blocks than planned, which the planned scratch has room for, and more parts."""
    v, call = p.variant, p.call
    block_k = data.draw(st.integers(1, call.block_k))
    call = replace(
        call,
        block_rows=v.rows * data.draw(st.integers(1, call.block_rows // v.rows)),
        block_columns=v.columns * data.draw(st.integers(1, call.block_columns // v.columns)),
        batch_parts=data.draw(st.integers(1, 4)),
        block_k=block_k,
        block_reduced=1 if block_k < call.k else call.block_reduced,
    )
    return replace(p, call=call)


@settings(max_examples=20, deadline=None)
@given(products())
def test_same_bits_from_avx2_code(product: tuple[Array, Array, str]) -> None:
    if "avx2" not in native.target().features:
        pytest.skip("needs AVX2")
    a, b, dtype = product
    c, _ = result(a.shape[0], a.shape[2], b.shape[3], dtype)
    other, _ = result(a.shape[0], a.shape[2], b.shape[3], dtype)
    problem = describe(a, b, c)
    run(tiled(problem, 1, AVX512), a, b, c)
    with using(target="avx2"):
        run(tiled(problem, 1, AVX2), a, b, other)
    np.testing.assert_array_equal(other.view(f"u{a.itemsize}"), c.view(f"u{a.itemsize}"))


@settings(max_examples=30, deadline=None)
@given(products(), st.sampled_from(MACHINES), st.integers(1, 3))
def test_exchanged_rows_and_columns_give_the_same_bits(
    product: tuple[Array, Array, str], machine: Shape, threads: int
) -> None:
    a, b, dtype = product
    c, _ = result(a.shape[0], a.shape[2], b.shape[3], dtype)
    problem = describe(a, b, c)
    run(tiled(problem, 1, machine), a, b, c)
    other, memory = result(a.shape[0], a.shape[2], b.shape[3], dtype)
    rows, vectors = family(machine)[0]
    variant = Variant(problem.kind, machine.vector_bytes // a.itemsize, rows, vectors, True)
    p = tiled_with(problem.swapped(), threads, variant)
    p = replace(p, call=replace(p.call, swapped=1))
    seen = np.zeros((a.shape[0] * a.shape[2], b.shape[3]), int)
    lock = threading.Lock()

    @EPILOGUE
    def note(_: int, row: int, row_end: int, column: int, column_end: int) -> None:
        with lock:
            seen[row:row_end, column:column_end] += 1

    run(p, a, b, other, threads=threads, epilogue=note)
    np.testing.assert_array_equal(other.view(f"u{a.itemsize}"), c.view(f"u{a.itemsize}"))
    assert np.all(memory[:, :, c.shape[2] :] == 77.0)
    assert np.all(seen == 1)


@pytest.mark.parametrize("shape", [(33, 1030, 70), (100, 1, 600), (1, 300, 550), (515, 40, 9)])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_epilogue_gets_every_element_once_and_finished(
    shape: tuple[int, int, int], threads: int
) -> None:
    m, n, k = shape
    rng = np.random.default_rng(0)
    a = random(rng, (2, 1, m, k), "0123", "float32")
    b = random(rng, (2, 1, k, n), "0132", "float32")
    c = np.zeros((2, m, n), np.float32)
    seen, final = np.zeros((2 * m, n), int), np.zeros((2 * m, n), np.float32)
    lock = threading.Lock()

    @EPILOGUE
    def note(_: int, row: int, row_end: int, column: int, column_end: int) -> None:
        with lock:
            seen[row:row_end, column:column_end] += 1
            block = c.reshape(2 * m, n)[row:row_end, column:column_end]
            final[row:row_end, column:column_end] = block

    p = tiled(describe(a, b, c), threads, AVX512)
    run(p, a, b, c, threads=threads, epilogue=note)
    assert np.all(seen == 1)
    np.testing.assert_array_equal(final, c.reshape(2 * m, n))
    check(a, b, c)


def test_nothing_to_sum_is_zero() -> None:
    a, b = np.zeros((1, 1, 9, 0), np.float32), np.zeros((1, 1, 0, 40), np.float32)
    c, _ = result(1, 9, 40, "float32")
    run(tiled(describe(a, b, c), 1, AVX512), a, b, c)
    assert np.all(c == 0)


def hot_loop(assembly: str) -> list[str]:
    """The instructions of the innermost loop with the most multiply-adds."""
    best: list[str] = []
    start: dict[str, int] = {}
    lines = [line.strip() for line in assembly.splitlines()]
    for number, line in enumerate(lines):
        label = re.match(r"(\.LBB\w+):", line)
        if label:
            start[label[1]] = number
        jump = re.match(r"j\w+\s+(\.LBB\w+)", line)
        if jump and jump[1] in start:
            body = lines[start[jump[1]] : number]
            if not any(re.match(r"\.LBB\w+:", inner) for inner in body[1:]):
                best = max(best, body, key=lambda x: sum("fmadd" in y for y in x))
    return best


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("machine", MACHINES)
def test_no_register_is_spilled(machine: Shape, unit: bool) -> None:
    here = native.target()
    if here.arch != "x86_64" or here.vector_registers < machine.vector_registers:
        pytest.skip("reads the assembly of x86-64 with enough registers")
    for rows, vectors in family(machine):
        variant = Variant("float", machine.vector_bytes // 4, rows, vectors, unit)
        with using(target="avx2" if machine is AVX2 else None):
            body = hot_loop(native.assembly(gemm_module(variant)))
        multiplies = sum("fmadd" in line for line in body)
        assert multiplies == rows * vectors, variant
        # Sums that do not fit in registers would be stored and loaded in every round.
        assert not [line for line in body if re.match(r"vmov\w+\s+%[xyz]mm\d+, .*\(", line)]


# --- pairs of bfloat16 ----------------------------------------------------------------------


def paired(array: Array) -> tuple[Array, Array, Array]:
    """As many pairs, in the same order in memory, and their first and second numbers."""
    pairs = np.array(array) if not array.flags.writeable else array
    bits = np.random.default_rng(0).standard_normal((2, *array.shape)).astype(np.float32)
    bits = bits.view(np.uint32) & np.uint32(0xFFFF0000)
    pairs[...] = (bits[0] >> 16 | bits[1]).view(np.float32)
    first, second = bits.view(np.float32)
    return pairs, first, second


@settings(max_examples=60, deadline=None)
@given(products(), st.data())
def test_products_of_pairs(product: tuple[Array, Array, str], data: st.DataObject) -> None:
    if "+avx512bf16" not in native.target().features or native.target().vector_bytes < 64:
        pytest.skip("the processor has no products of pairs")
    (a, *x), (b, *y) = (paired(array.astype(np.float32, copy=False)) for array in product[:2])
    c, memory = result(a.shape[0], a.shape[2], b.shape[3], "float32")
    problem = replace(describe(a, b, c), pairs=True)
    run(tiled(problem, 1, AVX512), a, b, c)
    check(np.concatenate(x, 1), np.concatenate(y, 1), c)
    assert np.all(memory[:, :, c.shape[2] :] == 77.0)
    rows, vectors = data.draw(st.sampled_from(family(AVX512)))
    unit = problem.a_row == 1 or problem.m < rows or data.draw(st.booleans())
    p = tiled_with(problem, 2, Variant("float", 16, rows, vectors, unit, pairs=True))
    other, _ = result(a.shape[0], a.shape[2], b.shape[3], "float32")
    run(cut(p, data), a, b, other, threads=2)
    np.testing.assert_array_equal(other.view("u4"), c.view("u4"))


def test_large_batches_have_more_parts_than_threads() -> None:
    """Who is quicker takes more of them; each is done once, and the count is left at 0."""
    rng = np.random.default_rng(0)
    a, b = (random(rng, shape, "0123", "float32") for shape in ((96, 1, 40, 80), (96, 1, 80, 64)))
    (c, whole), (alone, _) = (result(96, 40, 64, "float32") for _ in range(2))
    p = tiled(describe(a, b, c), 2, AVX512)
    assert p.threads == 2
    assert p.call.batch_parts > 2
    run(tiled(describe(a, b, alone), 1, AVX512), a, b, alone)
    for _ in range(3):
        whole[:] = np.nan
        run(p, a, b, c, threads=2)
        np.testing.assert_array_equal(c, alone)
    check(a, b, c)

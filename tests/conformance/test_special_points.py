"""Compiled code agrees with the NumPy twin where functions have corners: at zeros of both signs,
infinities, NaN, the smallest and the largest numbers, and for two inputs at all pairs of them.
"""

import inspect
import itertools

import numpy as np
import pytest

import zincir
from zincir.evaluate import evaluate
from zincir.graph.node import apply
from zincir.graph.primitive import REGISTRY, Kind
from zincir.interpret import interpret
from zincir.operations.source import leaf
from zincir.runtime.buffer import Buffer
from zincir.types import ALL_DTYPES

DTYPES = {d.name: d for d in ALL_DTYPES}
SKIPPED = {
    "cast": "out of range, NumPy and C leave open what becomes of a number",
    "bfloat16": "tests/compiler/rewrite/test_precision.py",
    "ndtri": "its twin is not exact near 1/2: tests/operations/test_special.py",
    "lgamma": "its twin is not exact near 1: tests/operations/test_special.py",
    "digamma": "its twin is not exact near 1: tests/operations/test_special.py",
    "pair": "tests/compiler/rewrite/test_precision.py",
}
NAMES = [n for n, op in REGISTRY.items() if op.kind is Kind.POINTWISE and n not in SKIPPED]
WHOLE_DIVISIONS = ("div", "remainder", "fmod", "floor_div", "trunc_div")


def points(dtype):
    if dtype.name == "bool":
        return np.array([False, True])
    if dtype.category == 1:
        info = np.iinfo(dtype.numpy)
        small = [0, 1, 2, 3, 7, 100] + ([-1, -2, -3] if info.min else [])
        return np.array([*small, info.max, info.max - 1, info.min, info.min + 1], dtype.numpy)
    info = np.finfo(dtype.numpy)
    half = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 10.0, 1000.0, 89.0, 710.0, info.max, np.inf]
    half += [info.tiny, float(info.tiny) * 4, 1e-9, 1 - info.eps, 1 + info.eps, info.eps]
    return np.array([*half, *(-x for x in half), np.nan], dtype.numpy)


def arity(op):
    parameters = inspect.signature(op.lower).parameters.values()
    return sum(p.default is p.empty for p in parameters) - 1 - len(op.attrs)


def grids(name, op):
    """For each type the primitive takes: arrays, one for each input."""
    kinds = ("bool", *op.dtypes) if name in ("eq", "ne", "lt", "le", "gt", "ge") else op.dtypes
    for kind in kinds:
        given = [points(DTYPES[kind])] * arity(op)
        if name in ("where", "keep"):
            given[0] = points(DTYPES["bool"])
        rows = np.array(list(itertools.product(*[range(len(g)) for g in given])))
        yield kind, [g[rows[:, i]] for i, g in enumerate(given)]


def known(array):
    node = leaf(array.shape, zincir.types.from_numpy_dtype(array.dtype))
    node.value = Buffer(array)
    return node


def allowed(name, kind, given):
    """Where the two must agree."""
    here = np.ones(given[0].shape, bool)
    if DTYPES[kind].category == 1 and name in WHOLE_DIVISIONS:
        here = given[1] != 0  # refused before
        if kind != "uint8":  # the quotient is no number of the type
            here &= ~((given[0] == np.iinfo(kind).min) & (given[1] == -1))
    return here


@pytest.mark.parametrize("name", NAMES)
def test_special_points(name):
    op = REGISTRY[name]
    tried = []
    for kind, given in grids(name, op):
        here = allowed(name, kind, given)
        given = [np.ascontiguousarray(g[here]) for g in given]
        node = apply(op, *map(known, given))
        with np.errstate(all="ignore"):
            tried.append((kind, given, node, interpret([node], double=kind == "float32")[0]))
    evaluate([node for _, _, node, _ in tried])
    for kind, given, node, exact in tried:
        value = node.value.array
        if value.dtype.kind != "f":
            np.testing.assert_array_equal(value, exact, kind)
            continue
        with np.errstate(all="ignore"):
            exact = exact.astype(value.dtype)
            tiny = np.finfo(value.dtype).tiny
            tolerance = {"float32": 2e-6, "float64": 2e-14}[value.dtype.name]
            near = np.abs(value - exact) <= tolerance * np.abs(exact) + tiny
        same = (value == exact) | (np.isnan(value) & np.isnan(exact)) | near
        wrong = np.flatnonzero(~same)
        lines = [
            f"{name}{tuple(g[i] for g in given)} = {value[i]!r}, not {exact[i]!r}"
            for i in wrong[:8]
        ]
        assert not lines, "\n".join([f"{kind}: {len(wrong)} differ", *lines])


def test_every_pointwise_primitive_is_walked():
    assert set(SKIPPED) <= {n for n, op in REGISTRY.items() if op.kind is Kind.POINTWISE}
    assert len(NAMES) > 40

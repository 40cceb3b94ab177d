"""Values that are stored with fewer bits than they are computed with."""

import ctypes

import numpy as np
import pytest

from zincir import settings
from zincir.compiler.codegen.emit import emit
from zincir.compiler.codegen.storage import STORAGE, Storage
from zincir.compiler.loops.nest import Apply, Load, Nest, Slot, Step
from zincir.operations.arithmetic import add_p, mul_p
from zincir.runtime import native
from zincir.types import DType, float32

HALF = DType("stored", np.dtype(np.float16), 2)
COUNT = 37
"""Whole vectors, and some elements under a mask."""


def run(source: np.ndarray, target: np.ndarray, dtypes: tuple[DType, DType], lanes: int) -> None:
    """`target = source * source + source`, on one thread."""
    slots = tuple(Slot(dtype, Step.NEXT, in_rows=False, in_inner=False) for dtype in dtypes)
    body = (Load(0), Apply(mul_p, (0, 0), ()), Apply(add_p, (1, 0), ()))
    nest = Nest(0, 0, True, lanes, slots, body, ((1, 2),), folds=False)
    (task,) = native.load(f"test storage {nest.key}", lambda: emit(nest), ["task"])
    words = [0, 0, 1, COUNT, source.ctypes.data, 1, target.ctypes.data, 1]
    arguments = np.array(words, np.int64)
    kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(task)
    kernel(arguments.ctypes.data, 0, 1)


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STORAGE, HALF, Storage("half", "float"))


@pytest.mark.parametrize("target", [None, "avx2"])
def test_halves_are_loaded_into_floats(half: None, target: str | None) -> None:
    x = np.random.default_rng(0).normal(size=COUNT).astype(np.float16)
    y = np.zeros(COUNT, np.float32)
    wide = x.astype(np.float32)
    with settings.using(target=target):
        run(x, y, (HALF, float32), native.target().vector_bytes // 4)
    np.testing.assert_allclose(y, wide * wide + wide, 1e-6)
    assert (y != y.astype(np.float16)).any()  # it was computed with the bits of float32


@pytest.mark.parametrize("target", [None, "avx2"])
def test_floats_are_stored_as_halves(half: None, target: str | None) -> None:
    x = np.random.default_rng(1).normal(size=COUNT).astype(np.float32)
    y = np.zeros(COUNT + 1, np.float16)
    with settings.using(target=target):
        run(x, y, (float32, HALF), native.target().vector_bytes // 4)
    np.testing.assert_allclose(y[:COUNT], (x * x + x).astype(np.float16), 1e-3)
    assert y[COUNT] == 0


def test_a_mask_and_an_unsigned_number_are_a_byte_in_memory() -> None:
    assert {(s.memory, s.register) for s in STORAGE.values() if s.memory != s.register} == {
        ("i8", "i1"),
        ("i8", "u8"),
    }

"""No kernel reads or writes beyond the ends of its inputs, outputs and temporaries.

In a child process every array ends exactly at a forbidden page, and another time begins exactly
behind one: a touch beyond is the end of that process, whose last words say which case it was.
"""

import ctypes
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

FEWEST = 600
"""Cases: fewer would mean that some have fallen out."""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mmap and mprotect")
def test_nothing_beyond_the_ends_is_touched():
    ran = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, timeout=300, check=False
    )
    last = ran.stdout.splitlines()[-1:]
    assert ran.returncode == 0, f"{ran.returncode} in {last}\n{ran.stderr[-2000:]}"
    (count,) = [int(text.split()[1]) for text in last if text.startswith("done ")]
    assert count >= FEWEST


@pytest.mark.skipif(sys.platform == "win32", reason="needs mmap and mprotect")
@pytest.mark.parametrize("way", ["end", "begin"])
def test_the_pages_are_forbidden(way: str):
    ran = subprocess.run([sys.executable, __file__, way], capture_output=True, check=False)
    assert ran.returncode in (-11, -7)


# --- the child ----------------------------------------------------------------------------------

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
SIZES = (1, 3, 17, 33)


class Fence:
    """Memory between forbidden pages."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3]
        self._libc.mmap.argtypes += [ctypes.c_long]
        self._libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._taken: list[tuple[int, int]] = []

    def take(self, nbytes: int, *, at_end: bool) -> int:
        """The address of so many bytes that end, or begin, at a forbidden page."""
        inner = max(1, -(-nbytes // PAGE)) * PAGE
        private, anonymous = 2, 0x1000 if sys.platform == "darwin" else 0x20
        whole = self._libc.mmap(None, inner + 2 * PAGE, 3, private | anonymous, -1, 0)
        assert whole not in (None, ctypes.c_void_p(-1).value)
        self._taken.append((whole, inner + 2 * PAGE))
        for page in (whole, whole + PAGE + inner):
            assert self._libc.mprotect(page, PAGE, 0) == 0
        ctypes.memset(whole + PAGE, 0xFF, inner)
        return whole + PAGE + inner - nbytes if at_end else whole + PAGE

    def array(self, like: Any, *, at_end: bool) -> Any:
        """An array of the same shape, type and strides there."""
        itemsize = like.itemsize
        reach = [(n - 1) * s for n, s in zip(like.shape, like.strides, strict=True) if n]
        low, high = (sum(r for r in reach if r * sign > 0) for sign in (-1, 1))
        nbytes = high - low + itemsize if like.size else 0
        at = self.take(nbytes, at_end=at_end)
        memory = (ctypes.c_char * nbytes).from_address(at)
        made = np.ndarray(like.shape, like.dtype, memory, -low if like.size else 0, like.strides)
        made[...] = like
        return made

    def free(self) -> None:
        for at, nbytes in self._taken:
            self._libc.munmap(at, nbytes)
        self._taken.clear()


Case = tuple[str, list[Any], Any]
"""A name, arrays, and what makes outputs of leaves."""


def primitives(z: SimpleNamespace) -> Iterator[Case]:
    """Every primitive, with the shapes and types of the conformance tests and some odd sizes."""
    for name, op in z.REGISTRY.items():
        if name in z.ops.ELSEWHERE and name != "cast":
            continue
        dtypes = [z.ops.DTYPES[d] for d in op.dtypes]
        for k, (_, attrs) in enumerate(z.ops.cases(name)):
            for dtype in dtypes:
                arrays = z.ops.arrays(name, k, dtype)
                yield name, arrays, lambda *xs, op=op, attrs=attrs: [z.apply(op, *xs, attrs=attrs)]
        if op.kind is z.Kind.POINTWISE and name not in z.ops.CASES:
            arity = len(z.ops.cases(name)[0][0])
            for dtype in dtypes:
                for shape in ((3, 17), (33,), (5, 1, 7)):
                    arrays = [values(shape, dtype.numpy) for _ in range(arity)]
                    yield name, arrays, lambda *xs, op=op: [z.apply(op, *xs)]


def values(shape: tuple[int, ...], dtype: Any) -> Any:
    rng = np.random.default_rng(sum(shape))
    return np.asarray(rng.uniform(1, 2, shape) if dtype.kind == "f" else 1).astype(dtype) * np.ones(
        shape, dtype
    )


def products(z: SimpleNamespace) -> Iterator[Case]:
    for m, k, n in itertools.product(SIZES, SIZES, SIZES):
        dtype = np.dtype("f4" if (m + k + n) % 3 else "f8")
        a, b = values((m, k), dtype), values((k, n), dtype)
        for turned in range(3):
            x = np.asfortranarray(a) if turned & 1 else a
            y = np.asfortranarray(b) if turned & 2 else b
            yield "matmul", [x, y], lambda x, y: [z.el.tanh(z.matmul(x, y))]
    for shape in ((2, 33, 3), (3, 7, 65)):
        x, y = values(shape, np.dtype("f4")), values((shape[0], shape[2], 19), np.dtype("f4"))
        yield "batched matmul", [x, y], lambda x, y: [z.matmul(x, y)]
    a, b = values((130, 257), np.dtype("f4")), values((257, 71), np.dtype("f4"))
    yield "larger matmul", [a, b], lambda x, y: [z.matmul(x, y) * 2.0]


def images(z: SimpleNamespace) -> Iterator[Case]:
    for n, high, wide, c, m in ((1, 5, 7, 3, 5), (2, 9, 3, 16, 17), (3, 8, 11, 32, 33)):
        x = values((n, high, wide, 1, c), np.dtype("f4"))
        w = values((3, 3, 1, c, m), np.dtype("f4"))
        for steps, sides in (((1, 1), (1, 1)), ((2, 1), (0, 1)), ((2, 2), (1, 0))):

            def convolve(x: Any, w: Any, steps: Any = steps, sides: Any = sides) -> list[Any]:
                return [z.convolution(x, w, steps, (1, 1), sides, sides)]

            yield "convolution", [x, w], convolve
    for n, high, wide in ((3, 9, 11), (5, 7, 6)):
        arrays = [
            values((n, high, wide, 32), np.dtype("f4")),
            values((4, 4, 32, 48), np.dtype("f4")),
        ]
        yield "winograd", arrays, lambda x, w: [z.apply(z.REGISTRY["winograd"], x, w)]


def rows(z: SimpleNamespace) -> Iterator[Case]:
    for count, width in itertools.product((1, 3, 17), SIZES):
        for dtype in map(np.dtype, ("f4", "f8", "i8", "i4")):
            table, source = values((7, width), dtype), values((count, width), dtype)
            index = (np.arange(count) * 6) % 7
            yield "take", [table, index], lambda x, i: [z.take(x, i)]
            yield (
                "scatter",
                [table, index, source],
                lambda x, i, s: [z.scatter(x, i, s, "add"), z.scatter(x, i, s, "set")],
            )


def nests(z: SimpleNamespace) -> Iterator[Case]:
    """Loops over memory with gaps, backwards, in another order; several stages; sums."""
    for shape in ((3, 17), (17, 3), (33, 35), (5, 7, 9)):
        for kind in ("f4", "f8", "i8", "i4", "u1", "?"):
            dtype = np.dtype(kind)
            wide = values((*shape[:-1], shape[-1] * 2), dtype)
            for x in (wide[..., ::2], values(shape[::-1], dtype).T, values(shape, dtype)[::-1]):
                yield "copy", [x], lambda x: [z.ar.where(z.ar.compare("ge", x, x), x, x)]
                folds = [z.amax, z.amin] if kind in ("u1", "?") else [z.amax, z.sum_]
                for axis in (0, len(shape) - 1):
                    yield (
                        "fold",
                        [x],
                        lambda x, axis=axis, folds=folds: [f(x, (axis,)) for f in folds],
                    )
                if kind[0] == "f":
                    yield "stages", [x], lambda x: [z.el.exp(x) / z.sum_(z.el.exp(x), (1,))]
                    yield "together", [x], lambda x: [z.cat([x, x * 2.0], 1), z.pad(x)]


def say(*words: object) -> None:
    """At once: the next case may be the last."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def run(z: SimpleNamespace, fence: Fence, case: Case) -> None:
    name, arrays, make = case
    leaves = [z.ops.known(x) for x in arrays]
    outputs = make(*leaves)
    taken = z.snapshot(outputs)
    threads = 1 + len(arrays) % 2
    ready = z.runnable(z.compile_graph(taken.graph(), z.Options(threads, force_all_threads=True)))
    for at_end in (True, False):
        say(name, [(x.shape, x.dtype.str, x.strides) for x in arrays], at_end)
        for leaf, x in zip(leaves, arrays, strict=True):
            leaf.value = z.Buffer(fence.array(x, at_end=at_end))
        empty = [np.empty(n.shape, n.dtype.numpy) for n in outputs]
        buffers = [z.Buffer(fence.array(x, at_end=at_end)) for x in empty]
        z.program._grown = lambda nbytes, at_end=at_end: fence.take(nbytes, at_end=at_end)
        z.run(ready, taken.leaves, z.numbers(taken.numbers), buffers)
        del buffers
        fence.free()


def child() -> None:
    tests = Path(__file__).parents[1]
    sys.path[:0] = [str(tests), str(tests / "conformance")]
    import test_ops

    from zincir.compiler import compile_graph
    from zincir.compiler.options import Options
    from zincir.compiler.program_cache import runnable
    from zincir.compiler.snapshot import snapshot
    from zincir.evaluate import numbers, run as run_program
    from zincir.graph.node import apply
    from zincir.graph.primitive import REGISTRY, Kind
    from zincir.operations import arithmetic, elementwise, movement, reduction
    from zincir.operations.contraction import matmul
    from zincir.operations.convolution import convolution
    from zincir.operations.indexing import scatter, take
    from zincir.runtime import program
    from zincir.runtime.buffer import Buffer

    z = SimpleNamespace(
        **dict(
            ops=test_ops,
            compile_graph=compile_graph,
            runnable=runnable,
            Options=Options,
            snapshot=snapshot,
        ),
        **dict(numbers=numbers, run=run_program, apply=apply, REGISTRY=REGISTRY, Kind=Kind),
        **dict(ar=arithmetic, el=elementwise, sum_=movement.sum_, cat=movement.cat),
        **dict(amax=reduction.amax, amin=reduction.amin, matmul=matmul, Buffer=Buffer),
        **dict(convolution=convolution, scatter=scatter, take=take, program=program),
        pad=lambda x: movement.pad(x, (1,) * x.ndim, (2,) * x.ndim, 0.5),
    )
    fence, count = Fence(), 0
    for case in itertools.chain(*(make(z) for make in (primitives, products, images, rows, nests))):
        run(z, fence, case)
        count += 1
    say("done", count)
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        at = Fence().take(100, at_end=sys.argv[1] == "end")
        say(ctypes.string_at(*((at, 101) if sys.argv[1] == "end" else (at - 1, 2))))
    else:
        child()

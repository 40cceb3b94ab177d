"""Speed of the product kernel: planned against MKL, and tile by tile.

`python -m benchmarks.gemm_tiles [--threads 2] [--tiles 6x4,8x2] [--shapes 512,512,512,NT]`. N and
T tell whether A and B are transposed. Contenders and the peak of multiply-adds are timed in turn,
so that a busy machine slows all of them; what counts is the best time of each.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.peak import build
from zincir.compiler.kernels.matmul import (
    Gemm,
    Packer,
    TiledGemm,
    Variant,
    gemm_module,
    tiled,
    tiled_with,
)
from zincir.runtime import native, team

SHAPES = """512,512,512,NN 512,512,512,NT 512,512,512,TN 512,512,512,TT
1024,1024,1024,NN 1024,1024,1024,NT 1024,1024,1024,TN 1024,1024,1024,TT
32,128,784,NT 128,784,32,TN 32,784,128,NN 32,10,128,NT 10,128,32,TN 32,128,10,NN
1024,128,784,NT 128,784,1024,TN 1024,784,128,NN 1024,10,128,NT 10,128,1024,TN 1024,128,10,NN
64,64,8,NN 64,64,64,NN 64,64,64,NT 256,256,256,NN 1,128,784,NT 1,1024,1024,NN
1024,1,1024,NN 1024,1024,1,NN 100,100,100,NT 2048,512,128,NT 2048,128,512,NT"""


@dataclass(frozen=True)
class Case:
    """One product, and how to compute it with each contender."""

    name: str
    flops: float
    run: Callable[[], None]
    torch: Callable[[], None]


def operand(rows: int, columns: int, order: str) -> np.ndarray:
    shape = (rows, columns) if order == "N" else (columns, rows)
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return values if order == "N" else values.T


def problem(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> Gemm:
    (a_row, a_k), (b_k, b_col), (c_row, _) = ([s // 4 for s in x.strides] for x in (a, b, c))
    m, n, k = c.shape[0], c.shape[1], a.shape[1]
    return Gemm("float", m, n, k, a_row, a_k, b_k, b_col, c_row)


def address(form: Packer) -> int:
    return native.load(form.key, form.build, [form.symbol])[0]


def runner(
    p: TiledGemm, a: np.ndarray, b: np.ndarray, c: np.ndarray, threads: int
) -> Callable[[], None]:
    """A function that computes the product; it also checks it once."""
    room = np.zeros(p.scratch_bytes_per_thread * threads + 64, np.uint8)
    scratch = -(-room.ctypes.data // 64) * 64
    call = p.bind(a.ctypes.data, b.ctypes.data, c.ctypes.data, scratch=scratch, address=address)
    args = np.array(call.pack(), np.int64)
    kernel = native.load(p.variant.key, lambda: gemm_module(p.variant), ["gemm"])[0]
    table = np.array([kernel, args.ctypes.data, 0, threads], np.int64)
    keep = (room, args, table, a, b, c)
    if threads == 1:
        one = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel)
        where = keep[1].ctypes.data

        def run() -> None:
            one(where, 0, 1)
    else:
        where = table.ctypes.data

        def run() -> None:
            team.run(where, 1, 0, threads)

    run.keep = keep  # type: ignore[attr-defined]
    run()
    np.testing.assert_allclose(c, a @ b, rtol=0, atol=2e-3)
    return run


def make(text: str, threads: int, tile: Variant | None = None, **packing: bool) -> Case:
    m, n, k = map(int, text.split(",")[:3])
    orders = text.split(",")[3]
    a, b, c = operand(m, k, orders[0]), operand(k, n, orders[1]), np.zeros((m, n), np.float32)
    shape = problem(a, b, c)
    if tile:
        p = tiled_with(shape, threads, tile, **packing)
    else:
        p = tiled(shape, threads, native.target())
    ta, tb, tc = (torch.from_numpy(x) for x in (a, b, c.copy()))
    name = f"{p.variant.rows}x{p.variant.vectors}{'u' if p.variant.unit_rows else 's'}"
    name += ("A" if p.pack_a else "") + ("B" if p.pack_b else "") + ("~" if p.call.swapped else "")
    run = runner(p, a, b, c, threads)
    return Case(name, 2.0 * m * n * k, run, lambda: torch.mm(ta, tb, out=tc))


def best(functions: list[Callable[[], None]], seconds: float, threads: int) -> list[float]:
    """The best time of each, called in turn. One thread counts its own time only."""
    clock = time.thread_time if threads == 1 else time.perf_counter
    bursts = []
    for f in functions:
        f()
        start = clock()
        f()
        bursts.append(max(1, int(2e-4 / (clock() - start + 1e-7))))
    times, end = [1e9] * len(functions), time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end or rounds < 10:
        rounds += 1
        for i, (f, burst) in enumerate(zip(functions, bursts, strict=True)):
            f()
            start = clock()
            for _ in range(burst):
                f()
            times[i] = min(times[i], (clock() - start) / burst)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--tiles", default="")
    parser.add_argument("--shapes", default=SHAPES)
    options = parser.parse_args()
    if options.threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(options.threads)
    peak = build()
    rounds = 5000
    flops = rounds * peak.flops * options.threads

    def top() -> None:
        peak.run(rounds)

    tiles = [tuple(map(int, t.split("x"))) for t in options.tiles.split(",") if t]
    print("GFLOP/s: peak (all threads), torch, then each tile with its share of the peak")
    for text in options.shapes.split():
        if tiles:
            lanes = native.target().vector_bytes // 4
            cases = [
                make(text, options.threads, Variant("float", lanes, *t, unit), pack_a=p, pack_b=p)
                for t in tiles
                for unit, p in ((True, True), (False, True), (False, False))
            ]
        else:
            cases = [make(text, options.threads)]
        contenders = [top, cases[0].torch, *(c.run for c in cases)]
        times = best(contenders, options.seconds, options.threads)
        speed = flops / times[0] / 1e9
        line = f"{text:<18} {speed:6.1f} {cases[0].flops / times[1] / 1e9:6.1f}"
        for case, t in zip(cases, times[2:], strict=True):
            own = case.flops / t / 1e9
            line += f"  {case.name} {own:6.1f} ({own / speed:4.0%})"
        print(line + f"   {times[1] * 1e6:.1f} -> {min(times[2:]) * 1e6:.1f} us", flush=True)


if __name__ == "__main__":
    main()

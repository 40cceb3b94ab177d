"""How many float32 operations this machine can do: fused multiply-adds on registers, no more."""

from __future__ import annotations

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor

from zincir.runtime import native

_SECONDS = 0.01
"""Of one measurement, of which the best of several is taken."""
_REPEATS = 7


def peak_flops(threads: int) -> float:
    """Operations a second of so many threads, measured; takes about a tenth of a second.

    Raises:
        CompileError: LLVM refuses the code.
    """
    lanes = native.target().vector_bytes // 4
    chains = max(8, native.target().vector_registers - 4)
    text = _peak_ir(lanes, chains)
    (at,) = native.load(f"peak\n{text}", lambda: text, ("zincir_peak",), effort=2)
    number = ctypes.c_float
    run = ctypes.CFUNCTYPE(number, ctypes.c_int64, number, number)(at)

    def turn(count: int) -> float:
        return run(count, 0.5, 1.0)  # 0.5 a + 1 settles at 2: no overflow, nothing to foresee

    probe = 50_000
    turn(probe)
    began = time.perf_counter()
    turn(probe)
    count = max(1, round(probe * _SECONDS / (time.perf_counter() - began)))
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_REPEATS):
            began = time.perf_counter()
            list(pool.map(turn, [count] * threads))
            best = min(best, time.perf_counter() - began)
    return 2.0 * lanes * chains * count * threads / best


def _peak_ir(lanes: int, chains: int) -> str:
    """A loop of independent chains, each `a = a * m + c`."""
    v = f"<{lanes} x float>"
    ones = ", ".join(["float 1.0"] * lanes)
    lines = [
        f"declare {v} @llvm.fma.v{lanes}f32({v}, {v}, {v})",
        "define float @zincir_peak(i64 %n, float %multiplier, float %addend) {",
        "entry:",
    ]
    for name, value in (("m", "multiplier"), ("c", "addend")):
        lines += [
            f"  %{name}0 = insertelement {v} poison, float %{value}, i32 0",
            f"  %{name} = shufflevector {v} %{name}0, {v} poison, <{lanes} x i32> zeroinitializer",
        ]
    every = range(chains)
    for k in every:
        own = ", ".join([f"float {k}.0"] * lanes)
        lines.append(f"  %s{k} = fadd {v} <{ones}>, <{own}>")
    lines += ["  br label %loop", "loop:", "  %i = phi i64 [ 0, %entry ], [ %j, %loop ]"]
    lines += [f"  %a{k} = phi {v} [ %s{k}, %entry ], [ %b{k}, %loop ]" for k in every]
    fma = f"call {v} @llvm.fma.v{lanes}f32"
    lines += [f"  %b{k} = {fma}({v} %a{k}, {v} %m, {v} %c)" for k in every]
    lines += [
        "  %j = add i64 %i, 1",
        "  %more = icmp slt i64 %j, %n",
        "  br i1 %more, label %loop, label %done",
        "done:",
    ]
    last = "%b0"
    for k in range(1, chains):
        lines.append(f"  %t{k} = fadd {v} {last}, %b{k}")
        last = f"%t{k}"
    lines += [f"  %out = extractelement {v} {last}, i32 0", "  ret float %out", "}"]
    return "\n".join(lines)

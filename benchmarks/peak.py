"""How many float32 operations a core can do: fused multiply-adds on registers, nothing else.

Independent of the library: a few lines of LLVM IR, compiled for this machine. Run it with
`python -m benchmarks.peak`.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm


@dataclass(frozen=True)
class Peak:
    """A compiled kernel: `run(iterations)` does `flops` operations an iteration."""

    run: Callable[[int], float]
    flops: int
    engine: Any  # owns the machine code


def vector_shape() -> tuple[int, int]:
    """Lanes of a native float32 vector, and accumulators that fill the pipes without a spill."""
    has = llvm.get_host_cpu_features()
    if has.get("avx512f"):
        return 16, 24
    if has.get("avx") or has.get("avx2"):
        return 8, 12
    return 4, 24  # NEON has 32 registers


def kernel_text(lanes: int, accumulators: int) -> str:
    """A loop of `accumulators` independent chains, each `a = a * m + c`."""
    v = f"<{lanes} x float>"
    every = range(accumulators)
    start = ", ".join(["float 1.0"] * lanes)
    phis = "\n".join(f"  %a{k} = phi {v} [ %s{k}, %entry ], [ %b{k}, %loop ]" for k in every)
    seeds = "\n".join(
        f"  %s{k} = fadd {v} <{start}>, <{', '.join([f'float {k}.0'] * lanes)}>" for k in every
    )
    steps = "\n".join(
        f"  %b{k} = call {v} @llvm.fma.v{lanes}f32({v} %a{k}, {v} %m, {v} %c)" for k in every
    )
    sums, last = [], "%b0"
    for k in range(1, accumulators):
        sums.append(f"  %t{k} = fadd {v} {last}, %b{k}")
        last = f"%t{k}"
    total = "\n".join(sums)
    return f"""
declare {v} @llvm.fma.v{lanes}f32({v}, {v}, {v})
define float @peak(i64 %n, float %multiplier, float %addend) {{
entry:
  %m0 = insertelement {v} poison, float %multiplier, i32 0
  %m = shufflevector {v} %m0, {v} poison, <{lanes} x i32> zeroinitializer
  %c0 = insertelement {v} poison, float %addend, i32 0
  %c = shufflevector {v} %c0, {v} poison, <{lanes} x i32> zeroinitializer
{seeds}
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %loop ]
{phis}
{steps}
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %n
  br i1 %more, label %loop, label %done
done:
{total}
  %out = extractelement {v} {last}, i32 0
  ret float %out
}}
"""


def build() -> Peak:
    """Compile the kernel for this machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    lanes, accumulators = vector_shape()
    features = llvm.get_host_cpu_features().flatten()
    if lanes == 16:
        features += ",-prefer-256-bit"  # LLVM's habit on servers; the peak needs the wide vectors
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=features,
        opt=3,
    )
    module = llvm.parse_assembly(kernel_text(lanes, accumulators))
    module.verify()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    signature = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float, ctypes.c_float)
    call = signature(engine.get_function_address("peak"))
    # 0.5 a + 1 settles at 2: no overflow, no denormal, nothing a compiler could foresee
    return Peak(lambda n: call(n, 0.5, 1.0), 2 * lanes * accumulators, engine)


@dataclass(frozen=True)
class PeakStep:
    """One timed piece of work on `threads` threads: `step()` does `flops` operations."""

    step: Callable[[], None]
    flops: float


def peak_step(threads: int, milliseconds: float = 20.0) -> PeakStep:
    """A step of about that many milliseconds on each thread."""
    peak = build()
    probe = 200_000
    peak.run(probe)
    start = time.perf_counter()
    peak.run(probe)
    count = max(1, round(probe * milliseconds / 1e3 / (time.perf_counter() - start)))
    pool = ThreadPoolExecutor(threads)

    def step() -> None:
        if threads == 1:
            peak.run(count)
        else:
            list(pool.map(peak.run, [count] * threads))

    return PeakStep(step, float(peak.flops * count * threads))


def measure(threads: int, repeats: int = 15) -> float:
    """The best of several runs, in operations a second."""
    work = peak_step(threads)
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        work.step()
        best = max(best, work.flops / (time.perf_counter() - start))
    return best


if __name__ == "__main__":
    for count in (1, 2):
        print(f"{count} thread{'s' * (count > 1)}: {measure(count) / 1e9:.1f} GFLOP/s")

"""An MLP of MNIST's size, whole training steps."""

from __future__ import annotations

from benchmarks import training
from benchmarks.contract import COMPILED, JAX, TORCH, ZINCIR, Case, Running

TITLE = "MLP 784-128-10, ReLU, cross-entropy, Adam: one step, feeding the batch included"
SIZES = (784, 128, 10)
CASES = tuple(
    Case(f"batch {n}", flops=training.step_flops(SIZES, n), options={"batch": n})
    for n in (32, 128, 1024)
)


def task(case: Case) -> training.Task:
    return training.mlp_task(case.number("batch"))


def zincir(case: Case) -> Running:
    return training.zincir_compiled(case, task(case))


def torch(case: Case) -> Running:
    return training.torch_eager(case, task(case))


def torch_compile(case: Case) -> Running:
    return training.torch_compiled(case, task(case))


def jax(case: Case) -> Running:
    return training.jax_jit(case, task(case))


BUILDERS = {ZINCIR: zincir, TORCH: torch, COMPILED: torch_compile, JAX: jax}

"""A net of the size reinforcement learning uses, where the arithmetic is next to nothing."""

from __future__ import annotations

from benchmarks import training
from benchmarks.contract import COMPILED, JAX, TORCH, ZINCIR, Case, Running

TITLE = "MLP 8-64-64-4, tanh, MSE, Adam: one step"
CASES = (Case("batch 64", flops=training.step_flops((8, 64, 64, 4), 64), options={"batch": 64}),)


def task(case: Case) -> training.Task:
    return training.rl_task(case.number("batch"))


def zincir(case: Case) -> Running:
    return training.zincir_compiled(case, task(case))


def torch(case: Case) -> Running:
    return training.torch_eager(case, task(case))


def torch_compile(case: Case) -> Running:
    return training.torch_compiled(case, task(case))


def jax(case: Case) -> Running:
    return training.jax_jit(case, task(case))


BUILDERS = {ZINCIR: zincir, TORCH: torch, COMPILED: torch_compile, JAX: jax}

"""The obvious training loop, nothing wrapped: what a user writes on the first day."""

from __future__ import annotations

from benchmarks import training
from benchmarks.contract import PLAIN, TORCH, Case, Running

TITLE = "MLP 784-128-10 in a plain loop, nothing wrapped: one step"
CASES = (Case("batch 32", flops=training.step_flops((784, 128, 10), 32), options={"batch": 32}),)


def zincir(case: Case) -> Running:
    return training.zincir_plain(case, training.mlp_task(case.number("batch")))


def torch(case: Case) -> Running:
    return training.torch_eager(case, training.mlp_task(case.number("batch")))


BUILDERS = {PLAIN: zincir, TORCH: torch}

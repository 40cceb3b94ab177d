"""A script examined while it runs: its models and optimizers are found at their backward passes."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any, Self, cast

from zincir import tensor_backward
from zincir.doctor.alive import models_with
from zincir.doctor.checking import report_on
from zincir.doctor.exam import Exam
from zincir.doctor.report import Report
from zincir.doctor.schedule import EVERY
from zincir.graph.node import Node
from zincir.graph.walk import toposort
from zincir.tensor import Tensor

LOOKS = 50
"""So many backward passes are all looked at for models that are new, from the last new one on;"""
RARELY = 16
"""later every sixteenth: to look means to walk over its graph."""


class ScriptExam:
    """A context in which every training is examined."""

    def __init__(self, level: str = "standard") -> None:
        self._every = EVERY[level]
        self.exams: list[Exam] = []
        self._known: set[int] = set()
        self._passes = 0

    def __enter__(self) -> Self:
        tensor_backward.WATCHERS.append(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        if self._look in tensor_backward.WATCHERS:
            tensor_backward.WATCHERS.remove(self._look)
        for exam in self.exams:
            exam.end()

    def reports(self) -> list[Report]:
        """What was found: a report for each group of models that are trained together."""
        return [
            report_on(exam.course, {}, f"{exam.course.steps} steps of training")
            for exam in self.exams
        ]

    def _look(self, outputs: Sequence[Node]) -> None:
        self._passes += 1
        if self._passes > LOOKS and self._passes % RARELY:
            return
        trained = {id(t) for t in _trained(outputs)} - self._known
        if not trained:
            return
        models = models_with(trained)
        if not models:
            return
        self._passes = 0
        self._known.update(id(p) for m in models.values() for p in m.parameters())
        optimizers = [x for x in gc.get_objects() if _is_optimizer(x) and _changes(x, self._known)]
        exam = Exam(models, optimizers, self._every)
        self.exams.append(exam)
        exam.begin()
        exam.on_backward(outputs)


def _trained(outputs: Sequence[Node]) -> list[Tensor]:
    owners = (n.owner() for n in toposort(outputs) if n.owner is not None and n.needs_grad)
    return [t for t in owners if t is not None and t._is_gradient_leaf()]


def _is_optimizer(x: Any) -> bool:
    kind = cast("type[Any]", type(x))
    return hasattr(kind, "register_step_post_hook") and "param_groups" in vars(x)


def _changes(optimizer: Any, wanted: set[int]) -> bool:
    return any(id(p) in wanted for group in optimizer.param_groups for p in group["params"])

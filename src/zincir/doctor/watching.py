"""`watch`: a training loop written by hand, examined while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from zincir.doctor.checking import report_on
from zincir.doctor.exam import Exam
from zincir.doctor.of_torch import TorchExam, torch_of
from zincir.doctor.rehearsal import Loss
from zincir.doctor.report import Report
from zincir.doctor.rule import checked_silence
from zincir.doctor.schedule import EVERY
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import Module


class Watch:
    """A context in which trainings are examined; `report()` says what was found until now."""

    def __init__(self, exam: Exam | TorchExam, reasons: Mapping[str, str]) -> None:
        self.exam, self._reasons = exam, reasons

    def __enter__(self) -> Self:
        self.exam.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.exam.end()

    def evaluated(self, **numbers: float) -> None:
        """Tell of the end of an epoch: `loss`, `val_loss`, `accuracy`, `val_accuracy` and others.

        Rules on generalisation read them.
        """
        self.exam.course.evaluations.append({k: float(v) for k, v in numbers.items()})

    def look(self, loss: Loss, batch: Any) -> None:
        """Look at a batch of the training data in private: its loss in training and in evaluation
        mode, and how much of its gradient is chance. The third look is the first that tells.

        Args:
            loss: called with outputs and targets.
            batch: inputs and targets, arrays or tensors; of the first model that is watched.

        Raises:
            ArgumentError: the batch is no pair.
        """
        if not isinstance(batch, _SEVERAL) or len(batch) != 2:
            raise _misuse("look: the batch is a pair (inputs, targets)", type(batch).__name__)
        self.exam.look(loss, *batch)

    def report(self) -> Report:
        """What the rules say about all that was measured until now."""
        exam = self.exam
        exam.read()
        steps = exam.course.steps
        return report_on(exam.course, self._reasons, f"{steps} steps of training")


def watch(
    model: Any,
    optimizer: Any = None,
    *,
    level: str = "standard",
    every: int | None = None,
    silence: Mapping[str, str] | None = None,
) -> Watch:
    """Examine a training while it runs: `with watch(model, optimizer) as exam: ...`.

    The loop is the user's: plain or wrapped in `zincir.compile`, with accumulated gradients, with
    several models and optimizers. It computes the same bits as without.

    Args:
        model: the model, or several, in a list or by name; a `Module`, or one of PyTorch's, which
            is then examined by PyTorch's own hooks.
        optimizer: the optimizer, or several.
        level: "light", "standard" or "full": every how many steps a step is probed.
        every: the same as a number, to the end. Without it probes thin out: eight of them while
            the number of steps doubles, at least one in 256.
        silence: by code or symptom of a rule, why its findings are not wanted.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> net = nn.Linear(2, 1)
        >>> optimizer = zincir.optim.SGD(net.parameters(), lr=0.001)
        >>> with watch(net, optimizer) as exam:
        ...     for _ in range(20):
        ...         loss = (net(zincir.ones(4, 2)) - 1).square().mean()
        ...         loss.backward()
        ...         optimizer.step()
        >>> exam.report().symptoms
        ['stale_gradient']
    """
    if level not in EVERY:
        raise _misuse(f"level is one of {', '.join(EVERY)}", repr(level))
    if every is not None and (not isinstance(every, int) or every < 1):
        raise _misuse("every is a whole number from 1 on", repr(every))
    torch = torch_of(model)
    models = _named(model, Module if torch is None else torch.nn.Module)
    given: Any = optimizer if isinstance(optimizer, _SEVERAL) else [optimizer]
    optimizers: list[Any] = [o for o in given if o is not None]
    wrong = [o for o in optimizers if not hasattr(o, "param_groups")]
    if wrong:
        raise _misuse("optimizer is an optimizer, or several", type(wrong[0]).__name__)
    often, fixed = every or EVERY[level], every is not None
    exam = (
        Exam(models, optimizers, often, fixed=fixed)
        if torch is None
        else TorchExam(torch, models, optimizers, often, fixed=fixed)
    )
    return Watch(exam, checked_silence(silence))


_SEVERAL: Any = (list, tuple)  # names that check without narrowing
_TABLE: Any = Mapping


def _named(model: Any, kind: Any) -> dict[str, Any]:
    if isinstance(model, kind):
        return {"": model}
    if isinstance(model, _TABLE):
        found: dict[str, Any] = dict(model)
    elif isinstance(model, _SEVERAL):
        found = {str(number): m for number, m in enumerate(model)}
    else:
        found = {"": model}
    if not found or not all(isinstance(m, kind) for m in found.values()):
        raise _misuse("model is a Module, or several", type(model).__name__)
    return found


def _misuse(what: str, got: str) -> ArgumentError:
    return ArgumentError(explain(f"watch: {what}", where=user_line(), got=got))

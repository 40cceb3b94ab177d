"""`checkup`: everything that can be said before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zincir.doctor.finding import Finding
from zincir.doctor.picture import picture_of
from zincir.doctor.rehearsal import Loss, Rehearsal
from zincir.doctor.report import Report, reported
from zincir.doctor.rule import checked_silence, judged
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import Module


def checkup(
    model: Module,
    loss: Loss,
    optimizer: Any = None,
    batch: Any = None,
    *,
    validation: Any = None,
    seconds: float = 5.0,
    silence: Mapping[str, str] | None = None,
) -> Report:
    """Look at a model, its loss, its optimizer and a batch before training.

    The step is run in private: model, buffers, gradients, optimizer, modes and random numbers are
    afterwards what they were, to the bit.

    Args:
        model: a module; a batch whose inputs are a tuple is called with several arguments, one
            whose inputs are a dictionary with named ones.
        loss: called with outputs and targets.
        optimizer: the optimizer, or several; None: nothing is said about it.
        batch: inputs and targets: arrays or tensors. Several hundred samples say more than a few.
        validation: inputs and targets that are not trained on: are they among the batch?
        seconds: how long a private copy may be trained on a few samples, to see whether it can
            learn them by heart; 0: it is not tried.
        silence: by code or symptom of a rule, why its findings are not wanted.

    Raises:
        ArgumentError: batch or validation is no pair.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> net = nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1))
        >>> batch = zincir.randn(8, 4), zincir.zeros(8, dtype=zincir.int64)
        >>> report = checkup(net, nn.CrossEntropyLoss(), None, batch)
        >>> report.ok, report.findings[0].symptom, report.findings[0].where
        (False, 'softmax_before_cross_entropy', '1')
    """
    if not isinstance(model, Module) or not callable(loss):
        raise _misuse("the model is a Module, and the loss is called", type(model).__name__)
    given = {"batch": batch} if validation is None else {"batch": batch, "validation": validation}
    for name, pair in given.items():
        if not isinstance(pair, _PAIR) or len(pair) != 2:
            raise _misuse(f"the {name} is a pair (inputs, targets)", type(pair).__name__)
    reasons = checked_silence(silence)
    x, y = batch
    seen = Rehearsal(model, loss, optimizer, x, y, validation=validation, seconds=seconds)
    return report_on(seen, reasons, f"{seen.samples} samples, before training")


def report_on(
    seen: Any, reasons: Mapping[str, str], examined: str, more: list[Finding] | None = None
) -> Report:
    """What all rules say about a piece of evidence, besides what was found before."""
    wanted, unwanted, failed = judged(seen, reasons)
    found = together(more or [], wanted)
    return reported(found, seen.order, examined, unwanted, reasons, failed, picture_of(seen))


def together(before: Sequence[Finding], now: Sequence[Finding]) -> list[Finding]:
    """Findings of two moments. What a rule says twice of a place stands there once: the graver one,
    as an info before training may be a warning in it; else the first.

    >>> from zincir.doctor.finding import Severity
    >>> before = Finding("S21", "not_shuffled", Severity.INFO, "neighbours are alike")
    >>> now = Finding("S21", "not_shuffled", Severity.WARNING, "batches differ", step=1)
    >>> [f.what for f in together([before], [now])], [f.what for f in together([now], [before])]
    (['batches differ'], ['batches differ'])
    """
    graver: dict[tuple[str, str], int] = {}
    for f in now:
        key = f.code, f.where
        graver[key] = max(f.severity.weight, graver.get(key, 0))
    kept = [f for f in before if f.severity.weight >= graver.get((f.code, f.where), 0)]
    said = {(f.code, f.where) for f in kept}
    return [*kept, *(f for f in now if (f.code, f.where) not in said)]


_PAIR: Any = (tuple, list)  # a name that checks without narrowing


def _misuse(what: str, got: str) -> ArgumentError:
    return ArgumentError(explain(f"checkup: {what}", where=user_line(), got=got))

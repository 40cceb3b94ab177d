"""Remedy: what may cure a symptom. Each is a file of `zincir.doctor.remedies`, and found there.

A remedy proposes changes; whether one of them helps is found out by trying it (see `curing`).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.errors import UnknownName, explain
from zincir.tensor import Tensor

Yardstick: TypeAlias = Callable[[Any, Any], Tensor]
"""Called with outputs and targets: a loss."""


class Cost(IntEnum):
    """How much a change takes away of what there is; cheaper ones are tried first.

    >>> Cost.SETTING < Cost.WEIGHTS < Cost.ACTIVATION
    True
    """

    SETTING = 1
    """A number of the optimizer, of a layer, of clipping."""
    SCHEDULE = 2
    """A schedule of the learning rate."""
    LOSS = 3
    """The loss function."""
    OPTIMIZER = 4
    """Another optimizer, which remembers nothing."""
    WEIGHTS = 5
    """Weights are drawn anew: what they had learnt is lost."""
    ACTIVATION = 6
    """Activations are replaced or removed: from here on it is another architecture."""
    NORMALISATION = 7
    """Layers that normalise are added."""
    CONNECTION = 8
    """Layers are connected in another way."""


@dataclass(frozen=True)
class Change:
    """One change, of one strength."""

    what: str
    """In a few words, with numbers."""
    make: Callable[[Patient], None]
    """Makes it. Random numbers come from the default generator.

    Raises:
        NotApplicable: it turns out that it cannot be made here.
    """
    code: str
    """The same for `model`, `optimizer` and `trainer`, to be pasted."""
    yardsticks: tuple[Yardstick, Yardstick] | None = None
    """If the meaning of outputs or the loss is another one afterwards: what both are compared by,
    the first for outputs of the model as it is, the second for those of the changed one."""
    counts_answers: bool = True
    """Whether answers must not be wrong more often; not where some are to count more."""


class NotApplicable(Exception):
    """A remedy cannot be tried here; says why."""


Propose = Callable[[Patient, Finding], Iterable[Change]]


@dataclass(frozen=True)
class Remedy:
    """What a remedy is called, what it is for, and what it proposes."""

    name: str
    cost: Cost
    against: tuple[str, ...]
    """Symptoms that it may cure."""
    propose: Propose
    """Changes of one kind, the gentlest first."""
    page: str

    @property
    def changes_architecture(self) -> bool:
        """Whether it needs `allow="architecture"`."""
        return self.cost >= Cost.ACTIVATION


_REMEDIES: dict[str, Remedy] = {}


def remedy(name: str, cost: Cost, against: tuple[str, ...]) -> Callable[[Propose], Propose]:
    """Make a remedy of a function `propose(patient, finding)` that yields changes.

    Args:
        name: snake case; `cure(..., remedies=[name])` tries it alone.
        cost: remedies of one symptom are tried in the order of their costs.
        against: the symptoms that it is for, the best known first: of remedies of the same cost the
            one comes first in whose list the symptom does.

    Example, which is all of a file but its docstring:
        >>> def propose(patient, finding):
        ...     def make(patient):
        ...         patient.optimizer.param_groups[0]["lr"] = 0.1
        ...     yield Change("a rate of 0.1", make, "optimizer.param_groups[0]['lr'] = 0.1")
        >>> made = remedy("rate_of_a_tenth", Cost.SETTING, ("learning_rate_too_high",))(propose)
        >>> _REMEDIES.pop("rate_of_a_tenth").cost.name
        'SETTING'
    """

    def register(propose: Propose) -> Propose:
        page = (sys.modules[propose.__module__].__doc__ or "").strip()
        if name in _REMEDIES:
            raise UnknownName(explain(f"two remedies are called {name}"))
        _REMEDIES[name] = Remedy(name, cost, against, propose, page)
        return propose

    return register


def remedies(symptom: str | None = None) -> list[Remedy]:
    """All remedies, or those of a symptom: the cheapest first.

    Example:
        >>> [r.name for r in remedies("adam_epsilon")]
        ['smaller_eps']
    """
    package = importlib.import_module("zincir.doctor.remedies")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    every = sorted(_REMEDIES.values(), key=lambda r: (r.cost, r.name))
    if symptom is None:
        return every
    own = [r for r in every if symptom in r.against]
    return sorted(own, key=lambda r: (r.cost, r.against.index(symptom), r.name))


def named_remedies(names: Iterable[str]) -> list[Remedy]:
    """Remedies by name, in the order given.

    Raises:
        UnknownName: there is no such remedy.
    """
    known = {r.name: r for r in remedies()}
    given = list(names)
    for name in given:
        if name not in known:
            raise UnknownName(
                explain(f"there is no remedy {name!r}", expected=", ".join(sorted(known)))
            )
    return [known[name] for name in given]

"""Settings of optimizers, declared once: in the constructor's signature, by their annotations.

`momentum: NotNegative = 0.0` says the name, the default, the range, and that it is a number which
may change between steps. The checks, the defaults, what parameter groups hold and the
hyper-parameters of an update all follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import Annotated, Any, TypeAlias, get_type_hints

from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.tensor import Tensor

Group: TypeAlias = dict[str, Any]
Params: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]


class Kind(Enum):
    """What an update gets to see of a setting."""

    RATE = "a number, be it 0 or not"
    NUMBER = "a number; where it is 0, the update does without"
    PAIR = "two numbers, and their logarithms"
    CHOICE = "the value itself: it decides which operations an update has"


@dataclass(frozen=True)
class Setting:
    """What an annotation says of a setting: the values it may have, in words and as a test."""

    expected: str
    fits: Callable[[Any], bool]
    kind: Kind = Kind.NUMBER


def between(least: float, most: float) -> Setting:
    """A number in a range, both ends included."""
    return Setting(f"a number from {least} to {most}", lambda v: least <= v <= most)


_NOT_NEGATIVE = "a number, 0 or more"

Rate: TypeAlias = Annotated[
    float | Tensor,
    Setting(_NOT_NEGATIVE, lambda v: isinstance(v, Tensor) or v >= 0, Kind.RATE),
]
"""A learning rate: a number, 0 or more, or a tensor of one."""

NotNegative: TypeAlias = Annotated[float, Setting(_NOT_NEGATIVE, lambda v: v >= 0)]
"""A number, 0 or more."""

Number: TypeAlias = Annotated[float, Setting("a number", lambda v: abs(v) >= 0)]
"""Any number."""

Betas: TypeAlias = Annotated[
    tuple[float, float],
    Setting(
        "two numbers, 0 <= beta < 1",
        lambda v: len(v) == 2 and all(0 <= beta < 1 for beta in v),
        Kind.PAIR,
    ),
]
"""How much each of two running means keeps at a step."""

Switch: TypeAlias = Annotated[bool, Setting("True or False", lambda v: True, Kind.CHOICE)]
"""On or off."""


class Settings:
    """All settings of an optimizer, by name in their order, and the names of each kind."""

    def __init__(self, by_name: Mapping[str, Setting]) -> None:
        self.by_name = by_name
        kinds = {kind: [n for n, s in by_name.items() if s.kind is kind] for kind in Kind}
        self.rates, self.numbers = kinds[Kind.RATE], kinds[Kind.NUMBER]
        self.pairs, self.choices = kinds[Kind.PAIR], kinds[Kind.CHOICE]
        several = len(by_name) > 1
        self.of: Callable[[Group], tuple[Any, ...]] = itemgetter(*by_name) if several else self._of
        """The values that a group has for them; a step asks at every replay."""

    def _of(self, group: Group) -> tuple[Any, ...]:
        return tuple(group[name] for name in self.by_name)

    def check(self, owner: str, group: Group) -> None:
        """Raise if a setting is outside its range.

        Raises:
            ArgumentError: names the setting, its range and its value.
        """
        _refuse_modes(owner, group)
        for name, setting in self.by_name.items():
            if not _holds(setting.fits, group[name]):
                raise ArgumentError(
                    explain(
                        f"{owner}: {name} is out of range",
                        where=describe(here()),
                        expected=setting.expected,
                        got=repr(group[name]),
                    )
                )
        for rate in (group[name] for name in self.rates):
            if isinstance(rate, Tensor) and rate.numel() != 1:
                raise ArgumentError(
                    explain(f"{owner}: a learning rate is one number", got=f"a tensor {rate.shape}")
                )


def declared(constructor: Callable[..., None]) -> Settings:
    """The settings among a constructor's arguments: those that are annotated with one."""
    found: dict[str, Setting] = {}
    for name, hint in get_type_hints(constructor, include_extras=True).items():
        marks = [m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Setting)]
        found.update((name, mark) for mark in marks)
    return Settings(found)


def _holds(fits: Callable[[Any], bool], value: Any) -> bool:
    try:
        return bool(fits(value))
    except TypeError:
        return False


def _refuse_modes(owner: str, group: Group) -> None:
    """Raise if a step is to be differentiated, or to be computed in two ways at once."""
    if group.get("differentiable"):
        raise ArgumentError(
            explain(
                f"{owner}: steps cannot be differentiated",
                where=describe(here()),
                expected="differentiable=False",
                got=f"differentiable={group['differentiable']!r}",
                try_="write the update out: new = p - lr * g, and go on with new",
            )
        )
    if group.get("fused") and group.get("foreach"):
        raise ArgumentError(
            explain(
                f"{owner}: fused and foreach cannot both be True",
                where=describe(here()),
                expected="at most one of them; they change nothing here",
            )
        )

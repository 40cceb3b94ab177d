"""Steps and uses: a computation and its gradients, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zincir.explanation.reading import Reading


@dataclass(frozen=True, eq=False)
class Step:
    """One value on the way to the loss.

    Attributes:
        number: from 1 on, in the order of computation.
        name: what formulas call it; unique.
        op: the operation; `leaf` for what is given.
        role: `given`, `trained` (given, and its gradient is collected), `computed`, or `aside`
            (computed, but no gradient passes).
        inputs: the numbers of the steps that it is computed from, as they stand in the formula;
            0 for plain numbers.
        operands: how they are written there.
        formula: the right side, such as `w * x`.
        value: None for what has several outputs, which are steps of their own.
        gradient: the derivative of the loss by this value; None if none arrives.
        file, line, source: the user's line.
        layer: the path of the layer, such as `features.0`.
    """

    number: int
    name: str
    op: str
    role: str
    inputs: tuple[int, ...]
    operands: tuple[str, ...]
    formula: str
    value: Reading | None
    gradient: Reading | None
    file: str = ""
    line: int = 0
    source: str = ""
    layer: str = ""

    @property
    def place(self) -> str:
        """The user's line, as `train.py:3`."""
        return f"{self.file.replace(chr(92), '/').rpartition('/')[2]}:{self.line}" * bool(self.line)


@dataclass(frozen=True, eq=False)
class Use:
    """That one step is computed from another: an edge, which a gradient comes back on.

    Attributes:
        source, user: the numbers of the steps.
        positions: where the source stands among the operands.
        local: the derivative of the user by the source. Element by element it has the shape of the
            user; otherwise it is the matrix of all derivatives, a row for each element of the user
            and a column for each of the source, if that has at most 256 entries.
        elementwise: which of both it is.
        formula: how `local` is written; empty if there is no formula.
        rule: what the user adds to the gradient of the source, in words.
        contribution: what it adds: the user's gradient times `local`.
    """

    source: int
    user: int
    positions: tuple[int, ...]
    local: Reading | None
    elementwise: bool
    formula: str
    rule: str
    contribution: Reading


@dataclass(frozen=True, eq=False)
class Trial:
    """What becomes of the loss if a parameter of one element is changed a little."""

    step: int
    value: float
    loss: float


@dataclass(frozen=True, eq=False)
class Chain:
    """A whole computation: the steps, in order, and how they use one another."""

    steps: tuple[Step, ...]
    uses: tuple[Use, ...]
    trials: tuple[Trial, ...] = ()
    notices: tuple[str, ...] = ()
    layers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By path, what kind of layer it is, such as `Linear`."""
    users_of: dict[int, list[Use]] = field(init=False)
    """By step: its uses."""
    inputs_of: dict[int, list[Use]] = field(init=False)
    """By step: what it uses and gives gradients to."""

    def __post_init__(self) -> None:
        users: dict[int, list[Use]] = {}
        inputs: dict[int, list[Use]] = {}
        for use in self.uses:
            users.setdefault(use.source, []).append(use)
            inputs.setdefault(use.user, []).append(use)
        object.__setattr__(self, "users_of", users)
        object.__setattr__(self, "inputs_of", inputs)

    @property
    def loss(self) -> Step:
        return self.steps[-1]

    def step(self, number: int) -> Step:
        """The step with a number."""
        return self.steps[number - 1]

    def as_dict(self) -> dict[str, Any]:
        """All numbers, as JSON knows them."""
        return {
            "steps": [_as_dict(s) for s in self.steps],
            "uses": [_as_dict(u) for u in self.uses],
            "trials": [_as_dict(t) for t in self.trials],
            "notices": list(self.notices),
        }


def _as_dict(thing: Any) -> dict[str, Any]:
    fields: dict[str, Any] = thing.__dict__
    return {k: v.as_dict() if isinstance(v, Reading) else v for k, v in fields.items()}

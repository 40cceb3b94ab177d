"""The settings of a training, and what may stand in a file of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zincir.errors import ArgumentError, DataNotFound, explain
from zincir.models.detector import BOX_LOSSES
from zincir.trainer.trainer import PRECISIONS


@dataclass(frozen=True, slots=True)
class Options:
    """Everything has a default that trains something sensible; None: the task's own."""

    model: str | None = None
    """By name; None: the task's own."""
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    """The highest learning rate: it rises and falls once over the training."""
    weight_decay: float | None = None
    seed: int = 0
    validation: float = 0.2
    """The share that is held back, where the data are not already in parts."""
    patience: int | None = None
    """Epochs without anything better, after which training stops; None: never."""
    precision: str = "float32"
    augment: bool | None = None
    """Whether images are changed at random."""
    size: int | None = None
    """Of images, in pixels."""
    box_loss: str = "giou"
    """How boxes are drawn to those of a detector's training: "giou", "diou" or "ciou"."""
    target: str | None = None
    """The column of a table that is predicted; None: the last."""
    text: str = "text"
    """The column of a table that has the texts."""
    label: str = "label"
    """The column that has their classes."""

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("size", 4)):
            value: Any = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise _wrong(name, f"a whole number from {least} on", value)
        for name, most in (("lr", float("inf")), ("weight_decay", 1.0), ("validation", 1.0)):
            value = getattr(self, name)
            if value is None and name != "validation":
                continue
            if not isinstance(value, int | float) or not 0 <= value < most:
                raise _wrong(name, f"a number from 0 to below {most}", value)
        for name, choices in (("precision", PRECISIONS), ("box_loss", BOX_LOSSES)):
            if getattr(self, name) not in choices:
                raise _wrong(name, "one of " + ", ".join(choices), getattr(self, name))


def options_of(given: dict[str, Any], file: str | None = None) -> Options:
    """Options from a TOML file and, before it, from what was given by hand.

    Raises:
        ArgumentError: a name or a value is none; says which, and what comes nearest.
        DataNotFound: there is no such file.
    """
    known = {field.name for field in fields(Options)}
    found = _read(file) if file is not None else {}
    found |= {name: value for name, value in given.items() if value is not None}
    for name in found:
        if name not in known:
            near = get_close_matches(name, known, 1) or sorted(known)
            raise ArgumentError(
                explain(f"options: there is no {name!r}", try_=", ".join(near), got=str(file or ""))
            )
    return Options(**found)


def _read(file: str) -> dict[str, Any]:
    try:
        text = Path(file).read_text("utf-8")
    except OSError as error:
        raise DataNotFound(explain(f"options: cannot read {file}: {error.strerror}")) from None
    try:
        return {name.replace("-", "_"): value for name, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as error:
        raise ArgumentError(explain(f"options: {file} is no TOML: {error}")) from None


def _wrong(name: str, expected: str, got: Any) -> ArgumentError:
    return ArgumentError(explain(f"options: {name} is {expected}", got=repr(got)))

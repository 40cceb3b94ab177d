"""The settings of a training, and what may stand in a file of them."""

from __future__ import annotations

import importlib
import math
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from zincir.data.decoding import INSTALL
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
        for field in fields(self):
            value = getattr(self, field.name)
            expected, fine = _RULES[field.name]
            left_open = value is None and field.default is None
            if not left_open and not fine(value):
                raise _wrong(field.name, expected, value)


KINDS: dict[str, type[int | float]] = {
    "epochs": int, "batch_size": int, "seed": int, "patience": int, "size": int,
    "lr": float, "weight_decay": float, "validation": float,
}  # fmt: skip
"""The options that are numbers; all others but `augment` are texts."""


Rule: TypeAlias = tuple[str, Callable[[Any], bool]]


def _whole(least: int) -> Rule:
    return f"a whole number from {least} on", lambda x: type(x) is int and x >= least


def _number(most: float) -> Rule:
    expected = "a number from 0 on" if most == math.inf else f"a number from 0 to below {most:g}"
    return expected, lambda x: type(x) in (int, float) and 0 <= x < most


def _one_of(choices: Iterable[str]) -> Rule:
    known = tuple(choices)
    return "one of " + ", ".join(known), lambda x: x in known


_TEXT: Rule = "a text", lambda x: isinstance(x, str)
_RULES: dict[str, Rule] = {
    **{name: _whole(1) for name in ("epochs", "batch_size", "patience")},
    "size": _whole(4),
    "seed": _whole(0),
    "lr": _number(math.inf),
    **{name: _number(1.0) for name in ("weight_decay", "validation")},
    "precision": _one_of(PRECISIONS),
    "box_loss": _one_of(BOX_LOSSES),
    "augment": ("true or false", lambda x: type(x) is bool),
    **{name: _TEXT for name in ("model", "target", "text", "label")},
}
"""What each option is."""


def options_of(given: dict[str, Any], file: str | None = None) -> Options:
    """Options from a TOML or YAML file and, before it, from what was given by hand.

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
    found = _from_yaml(file, text) if file.endswith((".yaml", ".yml")) else _from_toml(file, text)
    return {name.replace("-", "_"): value for name, value in found.items()}


def _from_toml(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ArgumentError(explain(f"options: {file} is no TOML: {error}")) from None


def _from_yaml(file: str, text: str) -> dict[str, Any]:
    """What YAML says; 1e-3, which is a text in YAML 1.1, is a number all the same."""
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError:
        what = f"options: {file} is read by PyYAML, which is not installed"
        raise ArgumentError(explain(what, try_=f"{INSTALL}, or a TOML file")) from None
    try:
        found: dict[Any, Any] = dict(yaml.safe_load(text) or {})
        named = {str(name).replace("-", "_"): value for name, value in found.items()}
        return {k: float(v) if KINDS.get(k) is float and v is not None else v
                for k, v in named.items()}  # fmt: skip
    except (yaml.YAMLError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise ArgumentError(explain(f"options: {file} is no YAML of settings: {text}")) from None


def _wrong(name: str, expected: str, got: Any) -> ArgumentError:
    return ArgumentError(explain(f"options: {name} is {expected}", got=repr(got)))

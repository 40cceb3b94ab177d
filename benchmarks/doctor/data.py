"""Data sets of the runs: real ones that ship with Zincir or scikit-learn, and a few drawn ones.

Each has a held-out part, and says from which held-out metric on a run has learnt: well above what
guessing reaches.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from zincir import data as embedded

Array: TypeAlias = np.ndarray[Any, Any]
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
LETTERS, WINDOW, GRAMS = 12, 32, 512


@dataclass(frozen=True)
class Data:
    """Inputs and targets of training and of the held-out part."""

    name: str
    kind: str
    """classes, binary (targets (N, 1) of 0 and 1), numbers (targets (N, 1)), or text (targets of
    the inputs' shape)."""
    x: Array
    y: Array
    x_test: Array
    y_test: Array
    enough: float
    """The held-out metric (accuracy, or the share of variance explained) of a run that learnt."""
    classes: int = 1

    def scaled(self, how: str) -> Data:
        """The inputs in another scale: as they are, standard, unit (0 to 1), raw (as recorded)."""
        if how == "":
            return self
        change = _SCALES[how](self.x)
        return replace(
            self,
            name=f"{self.name} {how}",
            x=_f32(change(self.x)),
            x_test=_f32(change(self.x_test)),
        )


def _f32(x: Array) -> Array:
    return np.ascontiguousarray(x, np.float32)


def _standard(x: Array) -> Callable[[Array], Array]:
    """Each feature by its own mean and deviation."""
    mean, spread = x.mean(0), x.std(0)
    return lambda z: (z - mean) / spread


def _centred(x: Array) -> Callable[[Array], Array]:
    """All features by one mean and deviation, as is done with images."""
    mean, spread = float(x.mean()), float(x.std())
    return lambda z: (z - mean) / spread


def _unit(x: Array) -> Callable[[Array], Array]:
    low, width = x.min(0), np.maximum(x.max(0) - x.min(0), 1e-6)
    return lambda z: (z - low) / width


_SCALES: dict[str, Callable[[Array], Callable[[Array], Array]]] = {
    "standard": _standard,
    "centred": _centred,
    "unit": _unit,
    "sixteen": lambda x: lambda z: z * 16,  # the digits as they were recorded
}


def _split(name: str, kind: str, x: Array, y: Array, enough: float, classes: int = 1) -> Data:
    order = np.random.default_rng(0).permutation(len(x))
    test, train = order[: len(x) // 4], order[len(x) // 4 :]
    return Data(name, kind, _f32(x[train]), y[train], _f32(x[test]), y[test], enough, classes)


def _numbers(y: Array) -> Array:
    y = np.asarray(y, np.float64).reshape(-1, 1)
    return _f32((y - y.mean()) / y.std())


def _encoded(table: embedded.Table) -> tuple[Array, Array]:
    encoder = embedded.TableEncoder(table)
    x, _ = encoder.encode(table)
    return np.asarray(x), encoder.encode_target(table)


@functools.cache
def digits() -> Data:
    """1,797 handwritten digits, 8 by 8, from 0 to 1."""
    x, y, x_test, y_test = embedded.load_digits()
    return Data("digits", "classes", x, y, x_test, y_test, 0.8, 10)


@functools.cache
def penguins() -> Data:
    """Three species by measures and places."""
    table = embedded.load_penguins()
    x, y = _encoded(table)
    return _split("penguins", "classes", x, y.astype(np.int64), 0.85, 3)


@functools.cache
def cars() -> Data:
    """Miles per gallon, standardised."""
    table = embedded.load_auto_mpg()
    x, y = _encoded(table)
    return _split("cars", "numbers", x, _numbers(y), 0.6)


def _sklearn(name: str) -> tuple[Array, Array]:
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    return np.asarray(found.data, np.float64), np.asarray(found.target)


@functools.cache
def wine() -> Data:
    """178 wines of three growers by 13 measures, in units from 0.1 to 1,000."""
    x, y = _sklearn("wine")
    return _split("wine", "classes", x, y.astype(np.int64), 0.85, 3)


@functools.cache
def cancer() -> Data:
    """569 tumours, two classes, 30 measures in unlike units."""
    x, y = _sklearn("breast_cancer")
    return _split("cancer", "binary", x, _f32(y).reshape(-1, 1), 0.85)


@functools.cache
def diabetes() -> Data:
    """442 patients: how the illness went on; half of the variance cannot be explained."""
    x, y = _sklearn("diabetes")
    return _split("diabetes", "numbers", x, _numbers(y), 0.25)


@functools.cache
def names() -> Data:
    """First names of eight languages as letters, padded with 0 in front."""
    given = embedded.load_names()

    def coded(rows: list[tuple[str, int]]) -> tuple[Array, Array]:
        x = np.zeros((len(rows), LETTERS), np.int64)
        for i, (name, _) in enumerate(rows):
            known = [ALPHABET.find(c) + 1 or 27 for c in name.lower()][:LETTERS]
            x[i, LETTERS - len(known) :] = known
        return x, np.array([language for _, language in rows], np.int64)

    return Data("names", "classes", *coded(given.train), *coded(given.test), 0.3, 8)


@functools.cache
def grams() -> Data:
    """The same names as sparse rows: which of 512 hashed pairs and triples of letters occur."""
    given = embedded.load_names()

    def coded(rows: list[tuple[str, int]]) -> tuple[Array, Array]:
        x = np.zeros((len(rows), GRAMS), np.float32)
        for i, (name, _) in enumerate(rows):
            text = f"^{name.lower()}$"
            for n in (2, 3):
                for k in range(len(text) - n + 1):
                    x[i, sum(ord(c) * 31**j for j, c in enumerate(text[k : k + n])) % GRAMS] = 1
        return x, np.array([language for _, language in rows], np.int64)

    return Data("grams", "classes", *coded(given.train), *coded(given.test), 0.35, 8)


@functools.cache
def plays() -> Data:
    """Windows of Shakespeare: the next letter for each letter."""
    given = embedded.load_shakespeare()

    def windows(text: Array, count: int) -> tuple[Array, Array]:
        starts = np.random.default_rng(0).integers(0, len(text) - WINDOW - 1, count)
        rows = text[starts[:, None] + np.arange(WINDOW + 1)]
        return rows[:, :-1].copy(), rows[:, 1:].copy()

    parts = (*windows(given.train, 4096), *windows(given.validation, 256))
    return Data("plays", "text", *parts, 0.25, len(given.characters))


@functools.cache
def rows() -> Data:
    """The digits as sequences of eight rows of eight pixels."""
    known = digits()
    return replace(known, name="rows", x=known.x[:, 0], x_test=known.x_test[:, 0], enough=0.7)


@functools.cache
def moons() -> Data:
    """Two half circles that no line tells apart."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 1200)
    angle = np.pi * (rng.random(1200) + y)
    x = np.stack([np.cos(angle) + y - 0.5, np.sin(angle) + 0.5 * y - 0.25], 1)
    return _split("moons", "binary", x + 0.1 * rng.standard_normal(x.shape), _f32(y)[:, None], 0.93)


@functools.cache
def waves() -> Data:
    """A smooth function of four numbers, with noise."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((1600, 4))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.standard_normal(1600)
    return _split("waves", "numbers", x, _numbers(y), 0.5)


def metric(kind: str, given: Array, wanted: Array) -> float:
    """The accuracy, or the share of variance explained (from -1 on); nothing finite is 0 or -1."""
    if kind == "numbers":
        if not np.isfinite(given).all() or given.shape != wanted.shape:
            return -1.0
        rest = np.square(given.astype(np.float64) - wanted).mean() / wanted.var()
        return float(max(-1.0, 1 - rest))
    if not np.isfinite(given).all():
        return 0.0
    if kind == "binary":
        return float(((given > 0) == (wanted > 0.5)).mean())
    return float((given.argmax(-1) == wanted).mean())

"""Small programs that run in Zincir and in PyTorch, each with the result that it has in PyTorch.

A scene is a function of a library and of what compiles functions in it. tests/against_torch runs
all of them in PyTorch, so that no literal here is an opinion.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import pytest


@dataclass
class Scene:
    """A program and its result."""

    run: Callable[[Any, Callable[..., Any]], Any]
    expected: Any
    ours: bool = False
    """Whether Zincir promises more than PyTorch here: a value of the moment, or no refusal."""
    wrong: str = ""
    """Why Zincir does not do so yet."""

    def check(self, library: Any, compile: Callable[..., Any]) -> None:
        """Run it, and compare."""
        assert_same(plain(self.run(library, compile)), self.expected)


class Scenes(list[Scene]):
    """The scenes of a file."""

    def gives(self, expected: Any, *, ours: bool = False, wrong: str = "") -> Callable[[Any], Any]:
        """Note a scene."""

        def note(function: Any) -> Any:
            self.append(Scene(function, expected, ours, wrong))
            return function

        return note


def name_of(scene: Scene) -> str:
    """What pytest calls a scene."""
    return getattr(scene.run, "__name__", "scene")


def cases(scenes: Scenes) -> list[Any]:
    """One case of a test for each scene."""
    marks = [pytest.mark.xfail(reason=s.wrong) if s.wrong else () for s in scenes]
    return [pytest.param(s, id=name_of(s), marks=m) for s, m in zip(scenes, marks, strict=True)]


def plain(x: Any) -> Any:
    """Tensors and arrays as lists, dtypes as their names, tuples as lists."""
    if hasattr(x, "tolist"):
        return (x.detach() if hasattr(x, "detach") else x).tolist()
    if isinstance(x, list | tuple):
        return [plain(v) for v in x]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if x is None or isinstance(x, bool | int | float | str):
        return x
    return str(x).rpartition(".")[2]


def assert_same(found: Any, expected: Any) -> None:
    """The same structure, types and numbers; floats to six digits."""
    assert type(found) is type(expected), f"{found} instead of {expected}"
    if isinstance(expected, list):
        assert len(found) == len(expected), f"{found} instead of {expected}"
        for a, b in zip(found, expected, strict=True):
            assert_same(a, b)
    elif isinstance(expected, dict):
        assert_same(sorted(found.items()), sorted(expected.items()))
    elif isinstance(expected, float):
        both_nan = math.isnan(found) and math.isnan(expected)
        same = (
            both_nan
            or found == expected
            or math.isclose(found, expected, rel_tol=2e-6, abs_tol=1e-7)
        )
        assert same, f"{found} instead of {expected}"
    else:
        assert found == expected, f"{found} instead of {expected}"


class Unseen:
    """Counts what is appended. As with a print, no recording sees that a function changes it."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()

    def append(self, x: Any) -> None:
        self._queue.put(x)

    def __len__(self) -> int:
        return self._queue.qsize()

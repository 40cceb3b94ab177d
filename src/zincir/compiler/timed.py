"""A program whose launches are timed: stamps between them, and one launch at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from zincir.compiler.executable import Executable
from zincir.compiler.schedule.launch import HostCall, Launch
from zincir.runtime import native
from zincir.runtime.program import Code, Function, HostFunction, Kernel, Program
from zincir.runtime.stamp import WORDS, nanoseconds, stamp_module


@dataclass(slots=True)
class Timed:
    """A program that notes what each of its launches took."""

    program: Program
    launches: list[Launch]
    _take: list[Callable[[], int]]
    """By launch: the nanoseconds of the latest run."""

    def latest(self) -> list[int]:
        """Nanoseconds of each launch in the latest run."""
        return [take() for take in self._take]


class _Stopwatch:
    """A host function that is timed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.took = 0

    def __call__(self, *args: Any) -> Any:
        began = time.perf_counter_ns()
        try:
            return self._function(*args)
        finally:
            self.took = time.perf_counter_ns() - began


def timed(made: Executable) -> Timed:
    """The same program with a stamp before its first launch and after each.

    Launches of a phase, which may run at the same time, run one behind another here, with all
    threads on each; results are the same.
    """
    module = stamp_module()
    native.load_all([module], effort=0, machine=made.assembly.code.target)
    maker = _Maker(made.assembly.code, Function(module.key, module.symbols))
    for segment, launches in _by_segment(made):
        if isinstance(segment, HostFunction):
            maker.host(segment)
        else:
            maker.native(segment, [count for _, count in launches])
    program = Program(maker.code)
    launches = [launch for _, group in _by_segment(made) for launch, _ in group]
    return Timed(program, launches, [take(program) for take in maker.taking])


def _by_segment(
    made: Executable,
) -> Iterator[tuple[list[Kernel] | HostFunction, list[tuple[Launch, int]]]]:
    """The segments of a program, each with its launches and the number of their records."""
    work = iter([x for x in made.assembly.work if x[1] or isinstance(x[0].work, HostCall)])
    for segment in made.assembly.code.segments:
        group = [next(work)]
        records = 0 if isinstance(segment, HostFunction) else len(segment)
        while sum(count for _, count in group) < records:
            group.append(next(work))
        yield segment, group


class _Maker:
    """Writes the code anew."""

    def __init__(self, code: Code, stamp: Function) -> None:
        self.code = replace(
            code, words=list(code.words), functions=[*code.functions, stamp], segments=[]
        )
        self.taking: list[Callable[[Program], Callable[[], int]]] = []

    def host(self, given: HostFunction) -> None:
        watch = _Stopwatch(given.function)
        self.code.segments.append(replace(given, function=watch))
        self.taking.append(lambda program: lambda: watch.took)

    def native(self, kernels: list[Kernel], counts: list[int]) -> None:
        made = [self._stamp()]
        records = iter(kernels)
        for count in counts:
            launch = [next(records) for _ in range(count)]
            before = made[-1].arguments
            after = self._stamp()
            made += [replace(launch[0], barrier=True), *launch[1:], after]
            self.taking.append(_between(before, after.arguments))
        self.code.segments.append(made)

    def _stamp(self) -> Kernel:
        at = len(self.code.words)
        self.code.words += [0] * WORDS
        return Kernel(len(self.code.functions) - 1, at, True, 1)


def _between(before: int, after: int) -> Callable[[Program], Callable[[], int]]:
    def bound(program: Program) -> Callable[[], int]:
        def take() -> int:
            early, late = (nanoseconds(program.words(at, WORDS)) for at in (before, after))
            return late - early

        return take

    return bound

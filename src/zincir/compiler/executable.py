"""A program, and how it becomes one that can run: machine code for all its kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from zincir.compiler.options import Options
from zincir.compiler.schedule.launch import Launch
from zincir.compiler.schedule.plan import Plan
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.runtime import native
from zincir.runtime.program import Code, HostFunction, Program

Checked: TypeAlias = tuple[Node, int, str]
"""A node whose indices are checked, how many rows there are, and what they point at."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A program, and what has to become machine code before it runs."""

    plan: Plan
    code: Code
    checks: list[Checked]
    """By the number that the status reports."""
    modules: list[native.Module]
    work: list[tuple[Launch, int]]
    """Launches in the order of the table, with the number of their records."""

    @property
    def graph(self) -> Graph:
        return self.plan.graph

    def show(self) -> str:
        """The table of kernels; `|` is a barrier."""
        lines = [f"words {len(self.code.words)} threads {self.code.threads}"]
        for segment in self.code.segments:
            if isinstance(segment, HostFunction):
                lines.append(f"  NumPy {segment.function}")
                continue
            for kernel in segment:
                function = self.code.functions[kernel.function]
                symbol = function.symbols[function.number]
                name = function.key.partition("\n")[0]
                barrier = "| " if kernel.barrier else "  "
                lines.append(f"{barrier}{symbol} of {name}, threads {kernel.threads}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Executable:
    """A program that can run."""

    assembly: Assembly
    program: Program

    @property
    def graph(self) -> Graph:
        return self.assembly.graph

    @property
    def plan(self) -> Plan:
        return self.assembly.plan

    def show(self) -> str:
        """The machine code there is: what it is known by, and its functions."""
        found = {m.key: m for m in self.assembly.modules}
        keys = [(m.key.partition("\n")[0], ", ".join(m.symbols)) for m in found.values()]
        return "\n".join(f"{key}: {symbols}" for key, symbols in keys)


def link(given: Assembly, options: Options) -> Executable:
    """Machine code for all kernels, from memory, from disk, or made by LLVM."""
    native.load_all(given.modules, effort=1, machine=options.target)
    return Executable(given, Program(given.code))

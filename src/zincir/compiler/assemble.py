"""plan -> program: code for every kernel, and the block of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from zincir.compiler.codegen.emit import STATUS, emit, slot_at, take_at
from zincir.compiler.kernels.matmul import (
    fitting_parts as product_parts,
    gemm_module,
    plan as plan_product,
)
from zincir.compiler.kernels.matmul.tiles import GEMM_ARGUMENTS, GemmPlan
from zincir.compiler.kernels.parts import DEFAULTS
from zincir.compiler.kernels.scatter import ARGUMENTS as SCATTER_ARGUMENTS
from zincir.compiler.kernels.sequence import (
    ARGUMENTS as RELAY_ARGUMENTS,
    KEY as RELAY_KEY,
    LINK_ARGUMENTS,
    relay_module,
)
from zincir.compiler.kernels.winograd.blocks import fitting_parts as tile_parts, product_call
from zincir.compiler.loops.lower import NestCall
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.schedule.launches import (
    Chain,
    HostCall,
    Nests,
    Operand,
    Product,
    ScatterRows,
    Step,
    Tiles,
    Work,
)
from zincir.compiler.schedule.plan import Plan
from zincir.graph.node import Node
from zincir.graph.primitive import REGISTRY, Attr
from zincir.runtime import native
from zincir.runtime.program import Code, Function, HostFunction, Kernel, View

_GRAIN = 3000.0
"""Nanoseconds of work in a kernel that are worth another thread."""
_PROGRAM_GRAIN = 25_000.0
"""The same for a whole program: waking the others has to be worth it."""


@dataclass(frozen=True, slots=True)
class Twin:
    """The NumPy twin of an operation, by name: it can be kept on disk."""

    op: str
    attrs: tuple[Attr, ...]

    def __call__(self, *xs: Any) -> Any:
        return REGISTRY[self.op].numpy(*xs, *self.attrs)


Checked: TypeAlias = tuple[Node, int, str]
"""A node whose indices are checked, how many rows there are, and what they point at."""


def _checked(node: Node) -> Checked:
    return node, node.inputs[0].shape[0], node.attrs[-1]


@dataclass(slots=True)
class _Given:
    """Arguments of a kernel that calls others."""

    called: dict[str, int] = field(default_factory=dict[str, int])
    """Functions, by their numbers."""
    inside: dict[str, int] = field(default_factory=dict[str, int])
    """Where arguments of those are in the block."""
    values: dict[str, int] = field(default_factory=dict[str, int])


def _called(kernel: Kernel) -> _Given:
    """How another kernel calls this one."""
    inside = {"call_args": kernel.arguments}
    return _Given({"call": kernel.function}, inside, {"rows": 0, "columns": 0})


class Assembler:
    """Builds the code of one program."""

    def __init__(self, legal: Legal, plan: Plan, threads: int, *, spread: bool = False) -> None:
        self._legal = legal
        self._plan = plan
        self._threads = threads
        self._spread = spread
        """Give every kernel all threads, however little there is to do."""
        self._spaces = {"input": 0, "output": len(legal.graph.inputs)}
        self._spaces["arena"] = len(legal.graph.inputs) + len(legal.graph.outputs)
        self.code = Code(spaces=self._spaces["arena"] + 1)
        self.checks: list[Checked] = []
        """By the number that the status reports."""
        self._functions: dict[Function, int] = {}
        self._wanted: list[native.Module] = []
        self._scratch = 0
        """Bytes of scratch that the most demanding kernel needs for each thread."""
        self._strides: list[tuple[int, int]] = []
        """Words that hold the distance between threads' scratch, in units of so many bytes."""

    def assemble(self) -> Code:
        """The program of the plan."""
        code = self.code
        total = sum(step.cost for phase in self._plan.phases for step in phase)
        code.threads = self._worth(total / _PROGRAM_GRAIN, self._threads)
        for phase in self._plan.phases:
            work = phase[0].work
            if isinstance(work, HostCall):
                code.segments.append(self._host(work.node))
                continue
            kernels = [k for step in phase for k in self._kernels(step)]
            if not code.segments or isinstance(code.segments[-1], HostFunction):
                code.segments.append([])
            else:
                kernels[0].barrier = True
            segment = code.segments[-1]
            assert isinstance(segment, list)
            segment.extend(kernels)
        # Threads are in different kernels of a phase at the same time, so that each needs a
        # place for scratch that is its own in all of them.
        stride = -(-self._scratch // 64) * 64
        for word, unit in self._strides:
            code.words[word] = stride // unit
        native.load_all(self._wanted, effort=1)
        code.functions = list(self._functions)
        code.arena_bytes = self._plan.arena_bytes + stride * code.threads
        return code

    def _worth(self, shares: float, threads: int) -> int:
        return threads if self._spread else max(1, min(threads, int(shares)))

    # -- words ------------------------------------------------------------------------------

    def _word(self, value: int) -> int:
        self.code.words.append(value)
        return len(self.code.words) - 1

    def _address(self, node: Node, offset: int = 0) -> int:
        """A word with the address of an element of a buffer."""
        position = self._word(0)
        kind, at = self._plan.home[node]
        nbytes = offset * node.dtype.itemsize
        if kind == "arena":
            self.code.addresses.append((position, self._spaces["arena"], at + nbytes))
        else:
            self.code.addresses.append((position, self._spaces[kind] + at, nbytes))
        return position

    def _arena_address(self, position: int, offset: int) -> None:
        self.code.addresses.append((position, self._spaces["arena"], offset))

    # -- code -------------------------------------------------------------------------------

    def _load(self, key: str, build: Callable[[], str], *symbols: str) -> tuple[int, ...]:
        """Want code for `key`; the numbers of its functions."""
        self._wanted.append(native.Module(key, build, symbols))
        wanted = [Function(key, symbols, i) for i in range(len(symbols))]
        return tuple(self._functions.setdefault(f, len(self._functions)) for f in wanted)

    def _nest_code(self, call: NestCall) -> tuple[int, ...]:
        nest = call.nest
        return self._load(nest.key, lambda: emit(nest), "task", "block")

    # -- kernels ----------------------------------------------------------------------------

    def _kernels(self, step: Step) -> list[Kernel]:
        threads = self._worth(step.cost / _GRAIN + 1, self.code.threads)
        match step.work:
            case Nests(calls):
                made: list[Kernel] = []
                for call in calls:
                    task, _ = self._nest_code(call)
                    made.append(Kernel(task, self._nest(call), False, threads))
                return made
            case Product() as product:
                return [self._product(product, threads)]
            case Tiles() as tiles:
                return [self._tiles(tiles, threads)]
            case ScatterRows() as scatter:
                return [self._scatter_rows(scatter, threads)]
            case Chain() as chain:
                return [self._chain(chain, threads)]
            case HostCall():
                raise AssertionError("host calls have phases of their own")

    def _nest(self, call: NestCall) -> int:
        """Write the arguments of a nest (see `emit`); returns where they begin."""
        nest, scratch = call.nest, 0
        start = self._word(0)
        assert STATUS == 0
        self.code.status.append(start)
        for value in (len(self.checks), call.row_count, call.vector_size):
            self._word(value)
        for n in (*call.row_sizes, *call.inner_sizes):
            self._word(n)
        for i, place in enumerate(call.places):
            assert len(self.code.words) - start == slot_at(nest, i)
            if place.per_thread:
                self._arena_address(self._word(0), self._plan.arena_bytes + scratch)
                scratch += place.per_thread * place.dtype.itemsize
            elif place.buffer is None:
                self._word(place.at.offset)
            else:
                self._address(place.buffer, place.at.offset)
            rows, inner, along = call.strides[i]
            for stride in (*rows, *inner, along):
                self._word(stride)
            if place.per_thread:
                self._strides.append((len(self.code.words) - 1, place.dtype.itemsize))
        for number, (_, stride, rows_) in enumerate(call.takes):
            assert len(self.code.words) - start == take_at(nest, number)
            self._word(stride)
            self._word(rows_)
        self.checks.extend([_checked(node) for node, _, _ in call.takes])
        self._scratch = max(self._scratch, scratch)
        return start

    def _product(self, product: Product, threads: int, parts: int = 0) -> Kernel:
        """The kernel of a product; of one cut into so many parts, what does a part of it."""
        chosen = plan_product(product.problem, threads, native.target(), parts=parts)
        variant = chosen.variant
        functions = self._load(variant.key, lambda: gemm_module(variant), "gemm", "part")
        operands = product.operands | {"c": (product.node, 0)}
        start = self._gemm(chosen, operands, self._behind(product))
        called = functions[1] if parts else functions[0]
        return Kernel(called, start, False, min(threads, max(1, chosen.threads)))

    def _gemm(self, chosen: GemmPlan, operands: dict[str, Operand], given: _Given) -> int:
        """Write the arguments of a product; returns where they begin."""
        for name, packer in (("pack_a", chosen.pack_a), ("pack_b", chosen.pack_b)):
            if packer:
                given.called[name] = self._load(packer.key, packer.build, packer.symbol)[0]
        if chosen.call.swapped:
            operands = {{"a": "b", "b": "a"}.get(x, x): place for x, place in operands.items()}
        values = dict(zip(GEMM_ARGUMENTS, chosen.call.pack(), strict=True)) | given.values
        start = len(self.code.words)
        for name in GEMM_ARGUMENTS:
            if name in chosen.tables:
                self.code.pointing.append((self._word(0), len(self.code.tables)))
                self.code.tables.append(chosen.tables[name])
            else:
                self._argument(name, operands, given, values)
        self._scratch = max(self._scratch, chosen.scratch_bytes_per_thread)
        return start

    def _argument(
        self, name: str, operands: dict[str, Operand], given: _Given, values: dict[str, int]
    ) -> None:
        """Write an argument of a kernel that calls others.

        Raises:
            KeyError: nobody said what it is, and it has no default.
        """
        if name in operands:
            self._address(*operands[name])
        elif name in given.called:
            self.code.calls.append((self._word(0), given.called[name]))
        elif name in given.inside:
            self.code.inside.append((self._word(0), given.inside[name]))
        elif name == "scratch_stride":
            self._strides.append((self._word(0), 1))
        elif name == "scratch":
            self._arena_address(self._word(0), self._plan.arena_bytes)
        else:
            self._word(values[name] if name in values else DEFAULTS[name])

    def _behind(self, work: Product | Tiles) -> _Given:
        """What a kernel calls behind its blocks."""
        given = _Given()
        if work.epilogue is not None:
            given.inside["epilogue_args"] = self._nest(work.epilogue)
            _, given.called["epilogue"] = self._nest_code(work.epilogue)
        return given

    def _tiles(self, tiles: Tiles, threads: int, parts: int = 0) -> Kernel:
        """A kernel on tiles; what product it calls, and with which arguments, are among its own."""
        symbols = ("task", "part") if tiles.kernel.has_parts else ("task",)
        functions = self._load(tiles.kernel.key, tiles.kernel.build, *symbols)
        given, problem = self._behind(tiles), tiles.problem
        operands, values = tiles.operands | {"y": (tiles.node, 0)}, tiles.numbers
        if parts:
            numbers, problem = product_call(*tiles.sizes, parts=parts)
            values = values | numbers
        if problem is not None:
            chosen = plan_product(problem, 1, native.target(), may_swap=False)
            variant = chosen.variant
            product = self._load(variant.key, lambda: gemm_module(variant), "gemm", "part")
            given.called["call"] = product[0]
            weight = {"b": operands.pop("u")} if "u" in operands else {}
            given.inside["call_args"] = self._gemm(chosen, weight, _Given())
            scratch = values["room_at"] + chosen.scratch_bytes_per_thread
            self._scratch = max(self._scratch, scratch)
        unknown = values.keys() - set(tiles.kernel.arguments)
        if unknown:
            raise KeyError(f"{tiles.kernel.name} has no arguments {sorted(unknown)}")
        start = len(self.code.words)
        for name in tiles.kernel.arguments:
            self._argument(name, operands, given, values)
        return Kernel(functions[1] if parts else functions[0], start, False, threads)

    def _chain(self, chain: Chain, threads: int) -> Kernel:
        """A kernel that has each part done by all links, with their own kernels."""
        parts = min(_fitting_parts(link.work, chain.pieces) for link in chain.links)
        wanted: list[_Given] = []
        for link in chain.links:
            match link.work:
                case Nests(calls):
                    for call in calls:
                        _, block = self._nest_code(call)
                        inside = {"call_args": self._nest(call)}
                        wanted.append(_Given({"call": block}, inside, _share(call, parts)))
                case Product() as work:
                    wanted.append(_called(self._product(work, threads, parts)))
                case Tiles() as work:
                    wanted.append(_called(self._tiles(work, threads, parts)))
                case _:
                    raise AssertionError(f"{link.work} cannot be in a chain")
        (task,) = self._load(RELAY_KEY, relay_module, "task")
        start = len(self.code.words)
        values = {"parts": parts, "links": len(wanted)}
        for name in RELAY_ARGUMENTS:
            self._argument(name, {}, _Given(), values)
        for given in wanted:
            for name in LINK_ARGUMENTS:
                self._argument(name, {}, given, given.values)
        return Kernel(task, start, False, min(threads, parts))

    def _scatter_rows(self, work: ScatterRows, threads: int) -> Kernel:
        (task,) = self._load(work.kernel.key, work.kernel.build, "task")
        start = self._word(0)
        self.code.status.append(start)
        self._word(len(self.checks))
        self.checks.append(_checked(work.node))
        for node in (work.index, work.source, work.node):
            self._address(node)
        for value in (work.count, work.width, work.rows):
            self._word(value)
        assert len(self.code.words) - start == len(SCATTER_ARGUMENTS)
        return Kernel(task, start, False, threads)

    def _host(self, node: Node) -> HostFunction:
        inputs = [self._view(x) for x in node.inputs]
        return HostFunction(Twin(node.op.name, node.attrs), inputs, self._view(node))

    def _view(self, node: Node) -> View:
        view = self._legal.views[node]
        kind, at = self._plan.home[view.base]
        size = node.dtype.itemsize
        space = self._spaces["arena"] if kind == "arena" else self._spaces[kind] + at
        offset = view.offset * size + (at if kind == "arena" else 0)
        return View(space, offset, node.shape, view.strides, np.dtype(node.dtype.numpy))


def _fitting_parts(work: Work, pieces: int) -> int:
    """Into how many parts of whole pieces a link of a chain is cut at most."""
    if isinstance(work, Product):
        return product_parts(work.problem, native.target(), pieces)
    return tile_parts(*work.sizes, pieces=pieces) if isinstance(work, Tiles) else pieces


def _share(call: NestCall, parts: int) -> dict[str, int]:
    """What a nest does for one of so many parts: see `kernels.relay`."""
    if call.row_sizes:
        return {"rows": call.row_count // parts, "columns": call.vector_size}
    return {"rows": 0, "columns": call.vector_size // parts}

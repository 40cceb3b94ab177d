"""plan -> program: code for every kernel, and the block of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.compiler.emit import STATUS, emit, slot_at, take_at
from zincir.compiler.kernels import Packer, gemm_module, plan as plan_product
from zincir.compiler.kernels.scatter import ARGUMENTS as SCATTER_ARGUMENTS
from zincir.compiler.kernels.tiles import GEMM_ARGUMENTS
from zincir.compiler.legalise import Legal
from zincir.compiler.lower import NestCall
from zincir.compiler.plan import Plan
from zincir.compiler.steps import HostCall, Nests, Product, ScatterRows, Step
from zincir.graph.node import Node
from zincir.runtime import native
from zincir.runtime.program import Argument, Code, HostFunction, Kernel, View

_GRAIN = 3000.0
"""Nanoseconds of work in a kernel that are worth another thread."""
_PROGRAM_GRAIN = 25_000.0
"""The same for a whole program: waking the others has to be worth it."""


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
        self.takes: list[Node] = []
        """Nodes whose indices are checked, by the number that the status reports."""
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
            self.code.addresses.append(Argument(position, self._spaces["arena"], at + nbytes))
        else:
            self.code.addresses.append(Argument(position, self._spaces[kind] + at, nbytes))
        return position

    def _arena_address(self, position: int, offset: int) -> None:
        self.code.addresses.append(Argument(position, self._spaces["arena"], offset))

    # -- kernels ----------------------------------------------------------------------------

    def _kernels(self, step: Step) -> list[Kernel]:
        threads = self._worth(step.cost / _GRAIN + 1, self.code.threads)
        match step.work:
            case Nests(calls):
                made: list[Kernel] = []
                for call in calls:
                    task, _ = _nest_code(call)
                    made.append(Kernel(task, self._nest(call), False, threads))
                return made
            case Product() as product:
                return [self._product(product, threads)]
            case ScatterRows() as scatter:
                return [self._scatter_rows(scatter, threads)]
            case HostCall():
                raise AssertionError("host calls have phases of their own")

    def _nest(self, call: NestCall) -> int:
        """Write the arguments of a nest (see `emit`); returns where they begin."""
        nest, scratch = call.nest, 0
        start = self._word(0)
        assert STATUS == 0
        self.code.status.append(start)
        for value in (len(self.takes), call.row_count, call.vector_size):
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
        self.takes.extend([node for node, _, _ in call.takes])
        self._scratch = max(self._scratch, scratch)
        return start

    def _product(self, product: Product, threads: int) -> Kernel:
        chosen = plan_product(product.problem, threads, native.target())
        (gemm,) = native.load(
            chosen.variant.key, lambda: gemm_module(chosen.variant), ("gemm",), effort=1
        )
        epilogue = None
        block = 0
        if product.epilogue is not None:
            epilogue = self._nest(product.epilogue)
            _, block = _nest_code(product.epilogue)
        call = chosen.bind(0, 0, 0, scratch=0, address=_packer)
        operands = {"a": product.a, "b": product.b, "c": (product.node, 0)}
        if call.swapped:
            operands["a"], operands["b"] = product.b, product.a
        words = dict(zip(GEMM_ARGUMENTS, call.pack(), strict=True))
        words["epilogue"] = block
        self.code.tables.extend(chosen.tables.values())
        start = len(self.code.words)
        for name, value in words.items():
            if name in operands:
                self._address(*operands[name])
            elif name == "scratch_stride":
                self._strides.append((self._word(0), 1))
            elif name == "scratch":
                self._arena_address(self._word(0), self._plan.arena_bytes)
            elif name == "epilogue_args" and epilogue is not None:
                self.code.inside.append((self._word(0), epilogue))
            else:
                self._word(value)
        self._scratch = max(self._scratch, chosen.scratch_bytes_per_thread)
        return Kernel(gemm, start, False, min(threads, max(1, chosen.threads)))

    def _scatter_rows(self, work: ScatterRows, threads: int) -> Kernel:
        (task,) = native.load(work.kernel.key, work.kernel.build, ("task",), effort=1)
        start = self._word(0)
        self.code.status.append(start)
        self._word(len(self.takes))
        self.takes.append(work.node)
        for node in (work.index, work.source, work.node):
            self._address(node)
        for value in (work.count, work.width, work.rows):
            self._word(value)
        assert len(self.code.words) - start == len(SCATTER_ARGUMENTS)
        return Kernel(task, start, False, threads)

    def _host(self, node: Node) -> HostFunction:
        twin: Callable[..., Any] = node.op.numpy
        attrs = node.attrs
        inputs = [self._view(x) for x in node.inputs]
        return HostFunction(lambda *xs: twin(*xs, *attrs), inputs, self._view(node))

    def _view(self, node: Node) -> View:
        view = self._legal.views[node]
        kind, at = self._plan.home[view.base]
        size = node.dtype.itemsize
        space = self._spaces["arena"] if kind == "arena" else self._spaces[kind] + at
        offset = view.offset * size + (at if kind == "arena" else 0)
        return View(space, offset, node.shape, view.strides, np.dtype(node.dtype.numpy))


def _nest_code(call: NestCall) -> tuple[int, ...]:
    nest = call.nest
    return native.load(nest.key, lambda: emit(nest), ("task", "block"), effort=1)


def _packer(packer: Packer) -> int:
    return native.load(packer.key, packer.build, (packer.symbol,), effort=1)[0]

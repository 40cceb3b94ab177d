"""plan -> assembly: code for every kernel, and the block of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from zincir.compiler.codegen.emit import emit
from zincir.compiler.codegen.slots import STATUS, slot_at, take_at
from zincir.compiler.executable import Assembly, Checked
from zincir.compiler.host_call import host_call
from zincir.compiler.kernels.matmul import (
    gemm_module,
    tiled as tiled_product,
)
from zincir.compiler.kernels.matmul.tiles import GEMM_ARGUMENTS, TiledGemm
from zincir.compiler.kernels.parts import DEFAULTS
from zincir.compiler.kernels.rounds import (
    ARGUMENTS as ROUNDS_ARGUMENTS,
    KEY as ROUNDS_KEY,
    RECORD_BYTES,
    rounds_module,
)
from zincir.compiler.kernels.scatter import ARGUMENTS as SCATTER_ARGUMENTS
from zincir.compiler.kernels.sequence import (
    ARGUMENTS as SEQUENCE_ARGUMENTS,
    KERNEL_ARGUMENTS,
    KEY as SEQUENCE_KEY,
    sequence_module,
)
from zincir.compiler.kernels.winograd.blocks import product_call
from zincir.compiler.loops.lower import NestCall
from zincir.compiler.machine import GRAIN_NS, PROGRAM_GRAIN_NS
from zincir.compiler.options import Options
from zincir.compiler.rounds_in_memory import Moving, read_at, written_at
from zincir.compiler.schedule.launch import (
    BatchTiled,
    Element,
    HostCall,
    Launch,
    Looped,
    LoopNests,
    MatMul,
    ScatterRows,
    WinogradTiles,
    Work,
)
from zincir.compiler.schedule.plan import Plan
from zincir.graph.node import Node
from zincir.runtime import native
from zincir.runtime.program import Code, Function, HostFunction, Kernel
from zincir.types import size


def _checked(node: Node) -> Checked:
    return node, node.inputs[0].shape[0], node.attrs[-1]


def assemble(given: Plan, options: Options) -> Assembly:
    """See the module's description."""
    return Assembler(given, options).assemble()


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

    def __init__(self, plan: Plan, options: Options) -> None:
        legal = plan.legal
        self._plan = self._whole = plan
        """The plan whose kernels are written: that of a round, while `_loop` is set."""
        self._loop: Looped | None = None
        self._options = options
        self._spaces = {"input": 0, "output": len(legal.graph.inputs)}
        self._spaces["arena"] = len(legal.graph.inputs) + len(legal.graph.outputs)
        self.code = Code(spaces=self._spaces["arena"] + 1, target=options.target)
        self.checks: list[Checked] = []
        """By the number that the status reports."""
        self._functions: dict[Function, int] = {}
        self._wanted: list[native.Module] = []
        self._work: list[tuple[Launch, int]] = []
        self._scratch = 0
        """Bytes of scratch that the most demanding kernel needs for each thread."""
        self._strides: list[tuple[int, int]] = []
        """Words that hold the distance between threads' scratch, in units of so many bytes."""
        self._kept: list[tuple[int, int]] = []
        """Words that point to what a nest keeps, and where that is in a thread's scratch."""
        self._shared: list[tuple[int, Node, int]] = []
        """Words that point to what kernels of a batch tiling share, as arguments of `_address`."""
        self._moving: list[tuple[int, Moving]] = []
        """Words that move from round to round."""

    def assemble(self) -> Assembly:
        """The program of the plan."""
        code = self.code
        total = sum(launch.cost for phase in self._plan.phases for launch in phase)
        code.threads = self._worth(total / PROGRAM_GRAIN_NS, self._options.threads)
        for phase in self._plan.phases:
            work = phase[0].work
            if isinstance(work, HostCall):
                code.segments.append(host_call(self._plan, self._spaces, work.node))
                self._work.append((phase[0], 0))
                continue
            kernels: list[Kernel] = []
            for launch in phase:
                own = self._kernels(launch)
                kernels += own
                self._work.append((launch, len(own)))
            if not kernels:
                continue
            if not code.segments or isinstance(code.segments[-1], HostFunction):
                code.segments.append([])
            else:
                kernels[0].barrier = True
            segment = code.segments[-1]
            assert isinstance(segment, list)
            segment.extend(kernels)
        # Threads are in different kernels of a phase at the same time, so that each needs a
        # place for scratch that is its own in all of them.
        stride = _aligned(self._scratch)
        for word, unit in self._strides:
            code.words[word] = stride // unit
        code.functions = list(self._functions)
        code.arena_bytes = self._plan.arena_bytes + stride * code.threads
        return Assembly(self._plan, code, self.checks, self._wanted, self._work)

    def _worth(self, shares: float, threads: int) -> int:
        return threads if self._options.force_all_threads else max(1, min(threads, int(shares)))

    # -- words ------------------------------------------------------------------------------

    def _word(self, value: int) -> int:
        self.code.words.append(value)
        return len(self.code.words) - 1

    def _address(self, node: Node, offset: int = 0) -> int:
        """A word with the address of an element of a buffer."""
        position = self._word(0)
        nbytes = offset * node.dtype.itemsize
        if self._loop is None:
            self._point(position, node, nbytes)
            return position
        kind, at = self._plan.home[node]
        if kind == "arena":
            assert self._loop.room is not None
            self._point(position, self._loop.room, at + nbytes)
            return position
        where = read_at if kind == "input" else written_at
        there = where(self._loop, at)
        there = there._replace(start=there.start + nbytes)
        if there.step:
            self._moving.append((position, there))
        else:
            self._point(position, there.buffer, there.start)
        return position

    def _point(self, position: int, node: Node, nbytes: int) -> None:
        """Let a word be the address of a byte of a buffer of the program."""
        kind, at = self._whole.home[node]
        if kind == "scratch":
            self._shared.append((position, node, nbytes))
        elif kind == "arena":
            self.code.addresses.append((position, self._spaces["arena"], at + nbytes))
        else:
            self.code.addresses.append((position, self._spaces[kind] + at, nbytes))

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
        converts = self._options.target.converts_halves
        return self._load(nest.key, lambda: emit(nest, converts), "task", "block")

    # -- kernels ----------------------------------------------------------------------------

    def _kernels(self, launch: Launch) -> list[Kernel]:
        threads = self._worth(launch.cost / GRAIN_NS + 1, self.code.threads)
        match launch.work:
            case LoopNests(calls):
                made: list[Kernel] = []
                for call in calls:
                    if self._is_there(call):
                        continue
                    task, _ = self._nest_code(call)
                    made.append(Kernel(task, self._nest(call), False, threads))
                return made
            case MatMul() as product:
                return [self._matmul(product, threads)]
            case WinogradTiles() as tiles:
                return [self._winograd(tiles, threads)]
            case ScatterRows() as scatter:
                return [self._scatter_rows(scatter, threads)]
            case BatchTiled() as tiled:
                return [self._batch_tiled(launch, tiled, threads)]
            case Looped() as loop:
                return self._looped(loop)
            case HostCall():
                raise AssertionError("host calls have phases of their own")

    def _is_there(self, call: NestCall) -> bool:
        """Whether it would copy a value to where that lies."""
        if not call.nest.copies or self._loop is not None:
            return False
        (given, strides), (made, others) = zip(call.accesses, call.strides, strict=True)
        if given.buffer is None or made.buffer is None:
            return False
        home = self._plan.home
        same = home[given.buffer] == home[made.buffer] and home[given.buffer][0] != "scratch"
        return same and given.at == made.at and strides == others

    def _nest(self, call: NestCall) -> int:
        """Write the arguments of a nest (see `codegen.slots`); returns where they begin."""
        nest, scratch = call.nest, 0
        start = self._word(0)
        assert STATUS == 0
        self.code.status.append(start)
        for value in (len(self.checks), call.row_count, call.vector_size):
            self._word(value)
        for n in (*call.row_sizes, *call.inner_sizes):
            self._word(n)
        for i, access in enumerate(call.accesses):
            assert len(self.code.words) - start == slot_at(nest, i)
            if access.per_thread:
                position = self._word(0)
                self._arena_address(position, self._whole.arena_bytes + scratch)
                self._kept.append((position, scratch))
                scratch += access.per_thread * access.dtype.itemsize
            elif access.buffer is None:
                self._word(access.at.offset)
            else:
                self._address(access.buffer, access.at.offset)
            rows, inner, along = call.strides[i]
            for stride in (*rows, *inner, along):
                self._word(stride)
            if access.per_thread:
                self._strides.append((len(self.code.words) - 1, access.dtype.itemsize))
        for number, (_, stride, rows_) in enumerate(call.takes):
            assert len(self.code.words) - start == take_at(nest, number)
            self._word(stride)
            self._word(rows_)
        self.checks.extend([_checked(node) for node, _, _ in call.takes])
        self._scratch = max(self._scratch, scratch)
        return start

    def _matmul(self, product: MatMul, threads: int, parts: int = 0) -> Kernel:
        """The kernel of a product; of one cut into so many parts, what does a part of it."""
        chosen = tiled_product(product.problem, threads, self._options.target, parts=parts)
        variant = chosen.variant
        functions = self._load(variant.key, lambda: gemm_module(variant), "gemm", "part")
        operands = product.operands | {"c": (product.node, 0)}
        start = self._gemm(chosen, operands, self._behind(product))
        called = functions[1] if parts else functions[0]
        return Kernel(called, start, False, min(threads, max(1, chosen.threads)))

    def _gemm(self, chosen: TiledGemm, operands: dict[str, Element], given: _Given) -> int:
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
        self, name: str, operands: dict[str, Element], given: _Given, values: dict[str, int]
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
            self._arena_address(self._word(0), self._whole.arena_bytes)
        else:
            self._word(values[name] if name in values else DEFAULTS[name])

    def _behind(self, work: MatMul | WinogradTiles) -> _Given:
        """What a kernel calls behind its blocks."""
        given = _Given()
        if work.epilogue is not None:
            given.inside["epilogue_args"] = self._nest(work.epilogue)
            _, given.called["epilogue"] = self._nest_code(work.epilogue)
        return given

    def _winograd(self, tiles: WinogradTiles, threads: int, parts: int = 0) -> Kernel:
        """A kernel on tiles; what product it calls, and with which arguments, are among its own."""
        symbols = ("task", "part") if tiles.kernel.has_parts else ("task",)
        functions = self._load(tiles.kernel.key, tiles.kernel.build, *symbols)
        given, problem = self._behind(tiles), tiles.problem
        operands, values = tiles.operands | {"y": (tiles.node, 0)}, tiles.scalars
        if parts:
            scalars, problem = product_call(*tiles.sizes, parts=parts)
            values = values | scalars
        if problem is not None:
            chosen = tiled_product(problem, 1, self._options.target, may_swap=False)
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

    def _batch_tiled(self, launch: Launch, tiled: BatchTiled, threads: int) -> Kernel:
        """A kernel that runs all kernels on each part of the batch, one behind another."""
        parts = tiled.parts
        others, self._scratch = self._scratch, 0
        self._kept, self._shared = [], []
        first, known = len(self.code.words), len(self.code.inside)
        kernels = [x for y in tiled.launches for x in self._tiled(y.work, threads, parts)]
        words = len(self.code.words) - first
        copy_at = _aligned(self._scratch)
        shared_at = copy_at + _aligned(8 * words)
        moved = self._moved(shared_at, parts)
        inside = [position for position, _ in self.code.inside[known:]]
        self._scratch = max(others, shared_at + self._plan.scratch_bytes(launch))

        (task,) = self._load(SEQUENCE_KEY, sequence_module, "task")
        start = len(self.code.words)
        values = {"parts": parts, "words": words, "copy_at": copy_at}
        values |= {"kernels": len(kernels), "moved": len(moved), "inside": len(inside)}
        for name in SEQUENCE_ARGUMENTS:
            self._argument(name, {}, _Given(inside={"first": first}), values)
        for given in kernels:
            for name in KERNEL_ARGUMENTS:
                self._argument(name, {}, given, given.values)
        for position, at, part_bytes in moved:
            self._word(position - first)
            self._arena_address(self._word(0), self._whole.arena_bytes + at)
            self._word(part_bytes)
        for position in inside:
            self._word(position - first)
        return Kernel(task, start, False, min(threads, parts))

    def _moved(self, shared_at: int, parts: int) -> list[tuple[int, int, int]]:
        """Words, where in scratch they point to, and how many bytes of a value a part has."""
        moved = [(position, at, 0) for position, at in self._kept]
        for position, x, nbytes in self._shared:
            at = shared_at + self._plan.home[x][1] + nbytes
            moved.append((position, at, size(x.shape) * x.dtype.itemsize // parts))
        return moved

    def _tiled(self, work: Work, threads: int, parts: int) -> Iterator[_Given]:
        """How kernels that do one of so many parts of a work are called."""
        match work:
            case LoopNests(calls):
                for call in calls:
                    _, block = self._nest_code(call)
                    inside = {"call_args": self._nest(call)}
                    yield _Given({"call": block}, inside, _share(call, parts))
            case MatMul():
                yield _called(self._matmul(work, threads, parts))
            case WinogradTiles():
                yield _called(self._winograd(work, threads, parts))
            case _:
                raise AssertionError(f"{work} cannot be tiled")

    def _looped(self, loop: Looped) -> list[Kernel]:
        """The kernels of a round between two turns: see `kernels.rounds`."""
        assert isinstance(loop.body, Plan)
        self._plan, self._loop, self._moving = loop.body, loop, []
        kernels: list[Kernel] = []
        for phase in loop.body.phases:
            first = len(kernels)
            kernels += [k for launch in phase for k in self._kernels(launch)]
            kernels[first].barrier = True
        self._plan, self._loop = self._whole, None
        if not kernels:
            return []
        start = len(self.code.words)
        back = -RECORD_BYTES * len(kernels)
        values = {"length": loop.rounds.length, "number": 0, "back": back}
        values["moved"] = len(self._moving)
        for name in ROUNDS_ARGUMENTS:
            self._argument(name, {}, _Given(), values)
        for word, there in self._moving:
            self.code.inside.append((self._word(0), word))
            self._point(self._word(0), there.buffer, there.start)
            self._word(there.step)
            self._word(there.mask)
        begin, turn = self._load(ROUNDS_KEY, rounds_module, "begin", "turn")
        return [
            Kernel(begin, start, True, 0),
            *kernels,
            Kernel(turn, start, True, 0),
        ]

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


def _aligned(nbytes: int) -> int:
    return -(-nbytes // 64) * 64


def _share(call: NestCall, parts: int) -> dict[str, int]:
    """What a nest does for one of so many parts: see `kernels.sequence`."""
    if call.row_sizes:
        return {"rows": call.row_count // parts, "columns": call.vector_size}
    return {"rows": 0, "columns": call.vector_size // parts}

"""How a graph becomes native code: a list of passes, each of which can be printed.

graph -> simplify -> legalise -> fuse -> lower -> plan -> assemble -> program
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zincir import settings
from zincir.compiler.assemble import Assembler, Checked
from zincir.compiler.fuse.groups import Group, fuse
from zincir.compiler.loops.lower import NestCall
from zincir.compiler.rewrite.legalise import Legal, legalise
from zincir.compiler.rewrite.simplify import simplify
from zincir.compiler.schedule.batch_tiling import chain
from zincir.compiler.schedule.launches import Chain, Nests, Product, Step, Tiles, lower
from zincir.compiler.schedule.plan import Plan, plan
from zincir.compiler.schedule.plan_verify import verify_plan
from zincir.compiler.schedule.streaming_stores import stream
from zincir.compiler.snapshot import Graph
from zincir.errors import CompileError, ZincirError, explain
from zincir.graph.show import show
from zincir.graph.verify import verify
from zincir.runtime import native
from zincir.runtime.program import Code, Program


@dataclass(slots=True)
class Compilation:
    """What the passes hand on to one another."""

    graph: Graph
    donations: dict[int, int]
    threads: int
    lanes: int
    spread: bool = False
    legal: Legal | None = None
    groups: list[Group] = field(default_factory=list[Group])
    steps: list[Step] = field(default_factory=list[Step])
    plan: Plan | None = None
    code: Code | None = None
    checks: list[Checked] = field(default_factory=list[Checked])
    program: Program | None = None


def _simplify(c: Compilation) -> None:
    c.graph = simplify(c.graph)


def _legalise(c: Compilation) -> None:
    c.legal = legalise(c.graph)
    c.graph = c.legal.graph


def _fuse(c: Compilation) -> None:
    assert c.legal is not None
    c.groups = fuse(c.legal)


def _lower(c: Compilation) -> None:
    assert c.legal is not None
    c.steps = chain(lower(c.legal, c.groups, c.lanes), c.threads)


def _plan(c: Compilation) -> None:
    assert c.legal is not None
    steps = list(c.steps)
    c.plan = plan(c.legal, c.steps, c.donations)
    stream(c.plan)
    if settings.current().verify:
        verify_plan(c.legal, steps, c.plan)


def _assemble(c: Compilation) -> None:
    assert c.legal is not None
    assert c.plan is not None
    assembler = Assembler(c.legal, c.plan, c.threads, spread=c.spread)
    c.code, c.checks = assembler.assemble(), assembler.checks
    c.program = Program(c.code)


Pass = Callable[[Compilation], None]

PIPELINE: tuple[tuple[str, Pass, str], ...] = (
    ("simplify", _simplify, "algebra on views and constants; long reductions in fixed pieces"),
    ("legalise", _legalise, "copies where a view cannot be had for free"),
    ("fuse", _fuse, "values over the same loops share a nest, or follow a product"),
    (
        "lower",
        _lower,
        "loop nests and strides; steps that go over the batch by pieces are chained",
    ),
    ("plan", _plan, "order, barriers, updates in place, one arena"),
    ("assemble", _assemble, "native code from the cache or LLVM, and its arguments"),
)
"""Name, pass, and why: in the order in which they run."""


def compile_graph(
    graph: Graph,
    threads: int,
    donations: dict[int, int] | None = None,
    *,
    spread: bool = False,
) -> Compilation:
    """Run all passes.

    Args:
        donations: for outputs (by number) the inputs (by number) whose memory they may take.
        spread: use all threads even where fewer would be faster; for tests.

    Raises:
        CompileError: names the pass that failed.
    """
    lanes = native.target().vector_bytes // 4
    c = Compilation(graph, donations or {}, threads, lanes, spread)
    checking = settings.current().verify
    for number, (name, run, _) in enumerate(PIPELINE, 1):
        try:
            run(c)
            if checking:
                verify(c.graph.outputs, name)
        except ZincirError:
            raise
        except Exception as error:
            raise CompileError(
                explain(
                    f"{name} (pass {number} of {len(PIPELINE)}) failed: "
                    f"{type(error).__name__}: {error}",
                    try_="please report it together with the function that was compiled",
                )
            ) from error
    return c


def stages(graph: Graph, threads: int = 1) -> dict[str, str]:
    """The text of every stage of a compilation, by the name of the pass that made it."""
    c = Compilation(graph, {}, threads, native.target().vector_bytes // 4)
    texts = {"graph": show(graph.outputs)}
    for name, run, _ in PIPELINE[:-1]:
        run(c)
        texts[name] = _show_stage(name, c)
    return texts


def _show_stage(name: str, c: Compilation) -> str:
    if name == "fuse":
        return "\n".join(map(str, c.groups))
    if name == "lower":
        return "\n".join(_show_step(step) for step in c.steps)
    if name == "plan":
        assert c.plan is not None
        lines = [f"arena {c.plan.arena_bytes} bytes"]
        for i, phase in enumerate(c.plan.phases):
            lines.append(f"phase {i}")
            lines += [f"  {_head(step)}" for step in phase]
        return "\n".join(lines)
    return show(c.graph.outputs)


def _calls(step: Step) -> list[NestCall]:
    if isinstance(step.work, Nests):
        return step.work.calls
    if isinstance(step.work, Product | Tiles) and step.work.epilogue is not None:
        return [step.work.epilogue]
    return []


def _head(step: Step) -> str:
    written = sorted(step.writes, key=lambda n: n.serial)
    names = ", ".join(f"{n.op.name}{list(n.shape)}" for n in written)
    return f"{type(step.work).__name__.lower()} -> {names}"


def _show_step(step: Step) -> str:
    lines = [_head(step)]
    if isinstance(step.work, Chain):
        return "\n".join([*lines, *map(_show_step, step.work.links)])
    for call in _calls(step):
        sizes = f"rows {call.row_sizes} inner {call.inner_sizes} vector {call.vector_size}"
        lines += [f"  {sizes}", *(f"  {line}" for line in str(call.nest).splitlines())]
    return "\n".join(lines)

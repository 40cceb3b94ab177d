"""How a graph becomes native code: a list of passes, each of which can be printed and verified.

A pass is a function from what the one before it made to what the next one takes, and changes
nothing that it is given. Its second argument says what is compiled for: see `options`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from zincir import settings
from zincir.compiler.assemble import assemble
from zincir.compiler.blame import blamed
from zincir.compiler.executable import Executable, link
from zincir.compiler.fuse.copy_elision import copy_elision
from zincir.compiler.fuse.groups import fuse
from zincir.compiler.options import Options
from zincir.compiler.rewrite.depthwise import depthwise
from zincir.compiler.rewrite.expand import expand
from zincir.compiler.rewrite.halves import halves
from zincir.compiler.rewrite.legalise import legalise
from zincir.compiler.rewrite.long_reductions import long_reductions
from zincir.compiler.rewrite.memory_order import memory_order
from zincir.compiler.rewrite.precision import precision
from zincir.compiler.rewrite.simplify import simplify
from zincir.compiler.schedule.batch_tiling import batch_tiling
from zincir.compiler.schedule.launches import lower
from zincir.compiler.schedule.plan import plan
from zincir.compiler.schedule.plan_verify import verify_plan
from zincir.compiler.schedule.rounds import plan_rounds
from zincir.compiler.schedule.streaming_stores import streaming_stores
from zincir.compiler.snapshot import Graph
from zincir.errors import ZincirError
from zincir.graph.verify import verify


class Stage(Protocol):
    """What a pass takes or makes."""

    @property
    def graph(self) -> Graph:
        """What is computed."""
        ...

    def show(self) -> str:
        """All of it as stable text."""
        ...


In = TypeVar("In", bound=Stage)
Out = TypeVar("Out", bound=Stage)


@dataclass(frozen=True, slots=True)
class Pass(Generic[In, Out]):
    """A row of the list."""

    name: str
    run: Callable[[In, Options], Out]
    why: str
    verify: Callable[[Out], None] | None = None
    """What is checked of the result besides its graph."""


PIPELINE: tuple[Pass[Any, Any], ...] = (
    Pass("expand", expand, "operations with several outputs become the graphs they stand for"),
    Pass("halves", halves, "float16 and bfloat16 are computed in float32 and rounded"),
    Pass("precision", precision, "where asked for, products read numbers rounded to bfloat16"),
    Pass("depthwise", depthwise, "padding is a value; single channels are sums of shifted ones"),
    Pass("memory order", memory_order, "permutations move down until they meet and are gone"),
    Pass("simplify", simplify, "algebra on constants, types and axes of size 1"),
    Pass("long reductions", long_reductions, "fixed pieces that threads can share"),
    Pass("legalise", legalise, "products for convolutions; copies where no view is to be had"),
    Pass("fuse", fuse, "values over the same loops share a nest, or follow a product"),
    Pass("copy elision", copy_elision, "what is wanted inside a larger value is computed there"),
    Pass("lower", lower, "loop nests and strides: kernels with their arguments"),
    Pass("loops", plan_rounds, "what runs in each round is planned"),
    Pass("batch tiling", batch_tiling, "kernels run on a part of the batch while it is near"),
    Pass("plan", plan, "order, barriers, updates in place, one arena", verify_plan),
    Pass("streaming stores", streaming_stores, "results that nobody reads go past the caches"),
    Pass("assemble", assemble, "the table of kernels, and the block of their arguments"),
    Pass("link", link, "machine code, from the cache or by LLVM"),
)
"""In the order in which they run. What one makes is what the next one takes."""


def run_passes(graph: Graph, options: Options) -> Iterator[tuple[Pass[Any, Any], Any]]:
    """Run the passes one by one: each, and what it made.

    Raises:
        CompileError: names the pass that failed, the node it was at, and the user's line.
    """
    value: Any = graph
    checking = settings.current().verify
    for number, row in enumerate(PIPELINE, 1):
        before = value
        try:
            value = row.run(value, options)
        except ZincirError:
            raise
        except Exception as error:
            title = f"{row.name} (pass {number} of {len(PIPELINE)})"
            raise blamed(title, error) from error
        if checking and value is not before:
            verify(value.graph.outputs, row.name)
            if row.verify is not None:
                row.verify(value)
        yield row, value


def compile_graph(graph: Graph, options: Options) -> Executable:
    """Run all passes.

    Raises:
        CompileError: names the pass that failed, the node it was at, and the user's line.
    """
    # Passes make nodes by the thousand, and no garbage to speak of until they are done.
    collecting = gc.isenabled()
    gc.disable()
    try:
        *_, (_, made) = run_passes(graph, options)
        return made
    finally:
        if collecting:
            gc.enable()


def stages(
    graph: Graph, options: Options | None = None, *, until: str = "assemble"
) -> dict[str, str]:
    """The text of every stage of a compilation, by the name of the pass that made it.

    Args:
        options: what is compiled for; by default, one thread of this machine.
        until: the last pass to run. By default all do that need no LLVM.
    """
    texts = {"graph": graph.show()}
    for row, value in run_passes(graph, options or Options()):
        texts[row.name] = value.show()
        if row.name == until:
            break
    return texts

"""`zincir bench`: how long nets take here."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from zincir import optim
from zincir.autograd import no_grad
from zincir.command_line.about import model_named, shape_of
from zincir.command_line.errors import plain_errors
from zincir.command_line.standard_nets import bench_nets, torch_alone
from zincir.command_line.workloads import WORKLOADS
from zincir.creation import zeros
from zincir.errors import ArgumentError, explain
from zincir.models import profile
from zincir.nn import Module
from zincir.random import rand
from zincir.runtime import team
from zincir.step import compile
from zincir.tensor import Tensor
from zincir.trainer.trainer import PRECISIONS
from zincir.trees import flatten
from zincir.types import int64

LEAST = 5
"""So many calls are timed at least."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    bench = commands.add_parser(
        "bench",
        help="how long nets take on this machine",
        description="Without a name, times training steps of a few nets "
        f"({'; '.join(f'{w.name}: {w.what}' for w in WORKLOADS.values())}), and compares their "
        "products and convolutions with the fused multiply-adds that this machine does at best; "
        "where PyTorch is installed, it trains the same nets, as eager code, in a process of its "
        "own with as many threads. With a net of `zincir.models`, or one that `zincir train` made: "
        "times prediction, and training steps (gradients of the mean square of what the net gives, "
        "and an update by SGD). Medians; what else the machine does counts too.",
    )
    bench.add_argument("nets", nargs="*", metavar="net", help=f"of {', '.join(WORKLOADS)}; or a "
                       "name of zincir.models, or the folder of a training")  # fmt: skip
    bench.add_argument("--input", help="of a model: the shape of a batch, such as 32,3,32,32")
    bench.add_argument("--seconds", type=float, default=2.0, help="how long each is timed (2)")
    bench.add_argument("--threads", type=int, help="by default all that zincir uses")
    bench.add_argument("--layers", action="store_true", help="where training's time goes as well")
    bench.add_argument("--without-torch", action="store_true", help="do not train with PyTorch")
    bench.add_argument("--json", action="store_true", help="print JSON (of the few nets)")
    bench.add_argument("--only-torch", action="store_true", help=argparse.SUPPRESS)
    bench.add_argument("--precision", choices=list(PRECISIONS), default="float32")
    bench.add_argument("--numbers", action="store_true",
                       help="inputs are whole numbers, as of words")  # fmt: skip
    bench.set_defaults(call=_bench)


def _bench(given: argparse.Namespace) -> None:
    with plain_errors("bench"):
        if not given.seconds > 0:
            raise ArgumentError(explain("--seconds is more than 0", got=str(given.seconds)))
        if given.only_torch:
            torch_alone(given)
            return
        if given.threads is not None:
            team.set_num_threads(given.threads)
        if all(name in WORKLOADS for name in given.nets):
            bench_nets(given)
        else:
            _bench_model(given)


def _bench_model(given: argparse.Namespace) -> None:
    if len(given.nets) != 1:
        unknown = ", ".join(name for name in given.nets if name not in WORKLOADS)
        text = explain(f"one model at a time, not {unknown}", expected=", ".join(WORKLOADS))
        raise ArgumentError(text)
    (name,) = given.nets
    model = model_named(name)
    if given.input is None:
        raise ArgumentError(explain("required: --input, the shape of a batch, as 32,3,32,32"))
    shape = shape_of(given.input)
    x = zeros(shape, dtype=int64) if given.numbers else rand(shape)
    rows = [
        (what, *timed(call, given.seconds))
        for what, call in calls(model, x, PRECISIONS[given.precision]).items()
    ]
    threads = f"{team.get_num_threads()} threads"
    sys.stdout.write(f"{name}, batches {tuple(shape)}, {given.precision}, {threads}\n")
    for what, first, median in rows:
        sys.stdout.write(
            f"{what:<10}  {1e3 * median:10.3f} ms  {shape[0] / median:12,.0f} samples/s  "
            f"first call {first:.2f} s\n"
        )
    if given.layers:
        optimizer = optim.SGD(model.parameters(), lr=1e-6)
        found = profile(model, lambda y, _: _squares(y), optimizer, (x, x), seconds=given.seconds)
        sys.stdout.write(f"\n{found}\n")


def _squares(outputs: Any) -> Tensor:
    """The sum of the mean squares of what a net gives."""
    loss = zeros(())
    for y in [y for y in flatten(outputs)[0] if y.requires_grad]:
        loss = loss + (y * y).mean()
    return loss


def calls(model: Module, x: Tensor, precision: str | None) -> dict[str, Callable[[], Any]]:
    """What is timed, by name: each gives something that can be waited for."""
    optimizer = optim.SGD(model.parameters(), lr=1e-6)

    @compile(precision=precision)
    @no_grad()
    def predict(x: Tensor) -> Any:
        return model(x)

    @compile(precision=precision)
    def train(x: Tensor) -> Any:
        optimizer.zero_grad()
        loss = _squares(model(x))
        loss.backward()
        optimizer.step()
        return loss.detach()

    def predicted() -> Any:
        model.eval()
        return predict(x)

    def trained() -> Any:
        model.train()
        return train(x)

    return {"prediction": predicted, "training": trained}


def timed(call: Callable[[], Any], seconds: float) -> tuple[float, float]:
    """Seconds of the first call, and the median of those that follow for so long."""
    first = _once(call)
    _once(call)  # programs for a second form of the same, if there is one
    times: list[float] = []
    while len(times) < LEAST or sum(times) < seconds:
        times.append(_once(call))
    return first, statistics.median(times)


def _once(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    for leaf in flatten(call())[0]:
        leaf.numpy()
    return time.perf_counter() - start

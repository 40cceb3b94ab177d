"""`zincir bench`: how long a net takes here."""

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
from zincir.creation import zeros
from zincir.errors import ArgumentError, explain
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
        help="how long a net takes on this machine",
        description="Times prediction, and training steps (gradients of the mean square of what "
        "the net gives, and an update by SGD), of a net of `zincir.models` or of one that "
        "`zincir train` made. Medians; what else the machine does counts too.",
    )
    bench.add_argument("model", help="a name of zincir.models, or the folder of a training")
    bench.add_argument("--input", required=True, help="the shape of a batch, such as 32,3,32,32")
    bench.add_argument("--seconds", type=float, default=2.0, help="how long each is timed (2)")
    bench.add_argument("--precision", choices=list(PRECISIONS), default="float32")
    bench.add_argument("--numbers", action="store_true",
                       help="inputs are whole numbers, as of words")  # fmt: skip
    bench.set_defaults(call=_bench)


def _bench(given: argparse.Namespace) -> None:
    with plain_errors("bench"):
        if not given.seconds > 0:
            raise ArgumentError(explain("--seconds is more than 0", got=str(given.seconds)))
        model, shape = model_named(given.model), shape_of(given.input)
        x = zeros(shape, dtype=int64) if given.numbers else rand(shape)
        rows = [
            (what, *timed(call, given.seconds))
            for what, call in calls(model, x, PRECISIONS[given.precision]).items()
        ]
    threads = f"{team.get_num_threads()} threads"
    sys.stdout.write(f"{given.model}, batches {tuple(shape)}, {given.precision}, {threads}\n")
    for what, first, median in rows:
        sys.stdout.write(
            f"{what:<10}  {1e3 * median:10.3f} ms  {shape[0] / median:12,.0f} samples/s  "
            f"first call {first:.2f} s\n"
        )


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
        outputs: list[Tensor] = [y for y in flatten(model(x))[0] if y.requires_grad]
        loss = zeros(())
        for y in outputs:
            loss = loss + (y * y).mean()
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

"""Where a loader is in its data, as plain values that can be saved and gone on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from zincir.errors import StateError, explain
from zincir.generator import Generator, default_generator
from zincir.graph.node import user_line
from zincir.utils.data.worker import Worker

VERSION = 1


@dataclass(frozen=True)
class Drawn:
    """How much of an order was drawn."""

    generators: list[list[int]]
    sampler: Any


def drawn(loader: Any) -> Drawn:
    """How much of the order of a loader is drawn now."""
    stateful = _stateful(loader)
    streams = [_state(g) for g in generators_of(loader)]
    return Drawn(streams, None if stateful is None else stateful.state_dict())


@dataclass
class Position:
    """How far one way through the data has got, and the random streams that it began with."""

    default: list[int]
    """The state of the default generator before the order was drawn."""
    generators: list[list[int]]
    """Those of the generators that the order is drawn from."""
    epoch: int | None
    """What the sampler was told by `set_epoch`."""
    again: bool = False
    """Whether workers lived on from the way before."""
    batches: int = 0
    finished: bool = False
    workers: list[Worker] = field(default_factory=list[Worker])
    drawn: Drawn | None = None
    """Where the order stood after the numbers of the latest batch, if more were drawn since."""


def begun(loader: Any, again: bool = False) -> Position:
    """The position of a loader that is about to begin."""
    streams = [_state(g) for g in generators_of(loader)]
    epoch = getattr(_with_epoch(loader), "epoch", None)
    return Position(_state(default_generator), streams, epoch, again)


def saved(loader: Any, position: Position | None) -> dict[str, Any]:
    """What `DataLoader.state_dict` returns."""
    known = None if position is None or position.finished else position.drawn
    order = drawn(loader) if known is None else known
    state: dict[str, Any] = {
        "version": VERSION,
        **_described(loader),
        "generators": order.generators,
        "sampler": order.sampler,
        "batches": 0,
        "finished": True,
    }
    if position is not None:
        state |= {
            "batches": position.batches,
            "finished": position.finished,
            "again": position.again,
            "start": {
                "default": position.default,
                "generators": position.generators,
                "epoch": position.epoch,
            },
            "workers": [_worker_state(worker) for worker in position.workers],
        }
    return state


def check(loader: Any, state: Mapping[str, Any]) -> dict[str, Any]:
    """`state`, if it belongs to such a loader.

    Raises:
        StateError: it is not the state of a loader, or of one with other data or batches.
    """
    given: Any = state
    known = isinstance(given, Mapping) and state.get("version") == VERSION
    if not known or not {"batches", "finished", "generators"} <= set(state):
        raise StateError(
            explain(
                "DataLoader.load_state_dict: not the state of a DataLoader",
                where=user_line(),
                expected="what state_dict() returned",
                got=repr(cast(object, state))[:80],
            )
        )
    here = _described(loader)
    if state["batches"] == 0 or state["finished"]:
        here = {}
    elif not here["iterable"]:
        here.pop("num_workers")  # they change nothing about the order
    different = [name for name, value in here.items() if state.get(name) != value]
    if len(state["generators"]) != len(generators_of(loader)):
        different.append("generators")
    if different:
        raise StateError(
            explain(
                "DataLoader.load_state_dict: the state is that of another loader",
                where=user_line(),
                expected=", ".join(f"{name}={here.get(name)}" for name in different),
                got=", ".join(f"{name}={_short(state.get(name))}" for name in different),
            )
        )
    return dict(state)


class Replayed:
    """The streams as they were when a way through the data began, for as long as it is replayed.

    Afterwards, the default generator is where it was, and the others are where they were saved.
    """

    def __init__(self, loader: Any, state: Mapping[str, Any]) -> None:
        self._generators = generators_of(loader)
        self._sampler = _with_epoch(loader)
        self._state = state

    def __enter__(self) -> None:
        self._before = default_generator.get_state()
        self.rewind()

    def rewind(self) -> None:
        """Set all streams to the beginning."""
        start = self._state["start"]
        default_generator.set_state(np.array(start["default"], np.int64))
        for generator, stream in zip(self._generators, start["generators"], strict=True):
            generator.set_state(np.array(stream, np.int64))
        if start["epoch"] is not None and self._sampler is not None:
            self._sampler.set_epoch(start["epoch"])

    def __exit__(self, *error: object) -> None:
        default_generator.set_state(self._before)
        restore_generators(self._generators, self._state)


def restore_generators(generators: Sequence[Generator], state: Mapping[str, Any]) -> None:
    """Set the generators that an order is drawn from to where they were saved."""
    for generator, stream in zip(generators, state["generators"], strict=True):
        generator.set_state(np.array(stream, np.int64))


def restore_sampler(loader: Any, state: Mapping[str, Any]) -> bool:
    """Let a sampler that has a state go on from it; False if there is none that has."""
    stateful = _stateful(loader)
    if stateful is None or state.get("sampler") is None:
        return False
    stateful.load_state_dict(state["sampler"])
    return True


def restore_workers(workers: Sequence[Worker], state: Mapping[str, Any]) -> None:
    """Give workers the random streams that were saved, if there are as many."""
    if len(workers) == len(state["workers"]):
        for worker, streams in zip(workers, state["workers"], strict=True):
            python, numbers = streams["python"], streams["numpy"]
            worker.streams = (
                (python[0], tuple(python[1]), python[2]),
                (numbers[0], np.array(numbers[1], np.uint32), *numbers[2:]),
                np.array(streams["default"], np.int64),
            )


def generators_of(loader: Any) -> list[Generator]:
    """The generators that the order is drawn from, each once."""
    found: list[Generator] = []
    for holder in (loader, *_samplers(loader)):
        generator = getattr(holder, "generator", None)
        if isinstance(generator, Generator) and all(generator is not g for g in found):
            found.append(generator)
    return found


def _samplers(loader: Any) -> list[Any]:
    """Samplers, and those that they ask."""
    chain = [loader.batch_sampler, loader.sampler]
    inner = getattr(loader.batch_sampler, "sampler", None)
    while inner is not None and all(inner is not s for s in chain):
        chain.append(inner)
        inner = getattr(inner, "sampler", None)
    return [s for s in chain if s is not None]


def _with_epoch(loader: Any) -> Any:
    """The sampler that is told which epoch begins."""
    known = (s for s in _samplers(loader) if callable(getattr(s, "set_epoch", None)))
    return next((s for s in known if isinstance(getattr(s, "epoch", None), int)), None)


def _stateful(loader: Any) -> Any:
    """The sampler that can be asked where it is."""
    wanted = ("state_dict", "load_state_dict")
    both = (s for s in _samplers(loader) if all(callable(getattr(s, n, None)) for n in wanted))
    return next(both, None)


def _described(loader: Any) -> dict[str, Any]:
    iterable = loader.is_iterable
    return {
        "iterable": iterable,
        "length": None if iterable else len(loader.dataset),
        "batch_size": loader.batch_size,
        "drop_last": loader.drop_last,
        "num_workers": loader.num_workers,
    }


def _state(generator: Generator) -> list[int]:
    return [int(n) for n in generator.get_state()]


def _worker_state(worker: Worker) -> dict[str, Any]:
    python, numbers, default = worker.delivered
    return {
        "python": [python[0], list(python[1]), python[2]],
        "numpy": [numbers[0], numbers[1].tolist(), *numbers[2:]],
        "default": default.tolist(),
    }


def _short(value: Any) -> str:
    return str(value)[:40]

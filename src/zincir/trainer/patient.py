"""A `Trainer` as a cure sees it: steps that are tried out and undone."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from typing import Any, cast

import numpy as np

from zincir.distributed import SelfComm
from zincir.doctor.exam import Exam
from zincir.doctor.kept import Kept
from zincir.doctor.patient import Patient, patient_of
from zincir.errors import ArgumentError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.nn import Module
from zincir.random import initial_seed
from zincir.tensor import Tensor
from zincir.trainer.callback import Callback, Callbacks
from zincir.trainer.feed import Arrays, Batch, Feed, feed_of
from zincir.trainer.gradients import ClipGradients
from zincir.trainer.passes import Loss, samples_of
from zincir.trainer.stopping_signals import Signals
from zincir.trainer.trainer import Trainer
from zincir.trees import flatten

HELD = 0.1
"""The share of the samples that is held out, if no validation is given."""
FEWEST, MOST = 64, 1024
"""Samples that are held out, and that a validation is looked at by."""
CHUNKS = 8
"""Parts of them that losses are compared by."""
FAR = 1_000_000
"""Epochs: another order of the samples is that of epochs so far from now."""
SAMPLE = 256
"""Samples that a net is looked at by before it is trained."""


class TrainerPatient(Patient):
    """A trainer, and the batches that its next `fit` would train on.

    Arrays come in the order of the seed and the epoch, without smaller batches at the end; of
    anything else, one pass is kept and gone through again. An iterator that can be gone through
    once loses what is kept.

    Args:
        trainer: a `Trainer`.
        train, validation, batch_size: as for `fit`.
        steps: how many of the coming batches are needed.

    Raises:
        ArgumentError: there are too few samples to train on some and hold out others.
    """

    def __init__(
        self, trainer: Trainer, train: Any, validation: Any, batch_size: int, steps: int
    ) -> None:
        self._trainer = trainer
        seed = initial_seed() if trainer.seed is None else trainer.seed
        feed = feed_of(train, batch_size, seed, dtype=trainer.dtype, allow_nan=True)
        self._held: list[tuple[Any, Any]] = []
        if validation is not None:
            check = feed_of(validation, batch_size, 0, dtype=trainer.dtype, allow_nan=True)
            count = -(-MOST // batch_size)
            taken = [check.take(given) for given, _ in islice(check.batches(0), count)]
            self._held = _chunks(taken)
        if isinstance(feed, Arrays):
            kept = feed.everything
            if not self._held:
                kept, held = _split(kept, seed)
                self._held = _chunks([held])
            whole = samples_of(kept[0]) >= batch_size
            self._feed: Feed = feed_of(kept, batch_size, seed, dtype=trainer.dtype,
                                       drop_last=whole, allow_nan=True)  # fmt: skip
        else:
            wanted = steps + (0 if self._held else CHUNKS)
            batches = list(islice(feed.batches(trainer.epoch), wanted))
            if not self._held:
                count = min(CHUNKS, len(batches) // 4)
                self._held = [given for given, _ in batches[:count]]
                batches = batches[count:]
            self._feed = _Kept(batches)
        if not self._held or len(self._feed) == 0:
            raise ArgumentError(
                explain(
                    "cure: there are too few samples to train on some and hold out others",
                    where=user_line(),
                    try_="more batches, or validation=",
                )
            )

    # What remedies change -----------------------------------------------------------------------

    @property
    def model(self) -> Module:
        return self._trainer.model

    @property
    def loss(self) -> Loss:
        return self._trainer.loss

    @property
    def optimizer(self) -> Any:
        return self._trainer.optimizer

    @property
    def scheduler(self) -> Any:
        return self._trainer.scheduler

    def take(self, *, loss: Any = None, optimizer: Any = None, scheduler: Any = None) -> None:
        trainer = self._trainer
        trainer._loss = trainer._loss if loss is None else loss
        trainer._given = trainer._given if optimizer is None else optimizer
        if scheduler is not None:
            scheduler.each_update = True
            trainer.scheduler = scheduler

    def clip(self, norm: float) -> None:
        others = [c for c in self._trainer.callbacks.all if not isinstance(c, ClipGradients)]
        self._trainer.callbacks = Callbacks([ClipGradients(norm=norm), *others])

    # What trials need ---------------------------------------------------------------------------

    @property
    def epoch_steps(self) -> int:
        return max(1, -(-len(self._feed) // self._trainer.accumulate))

    @property
    def held(self) -> Sequence[tuple[Any, Any]]:
        return self._held

    @property
    def sample(self) -> tuple[Any, Any]:
        taken: list[tuple[Any, Any]] = []
        for given, _ in self._feed.batches(self._trainer.epoch):
            taken.append(self._feed.take(given))
            if sum(samples_of(x) for x, _ in taken) >= SAMPLE:
                break
        return _joined(taken) if _fit_together(taken) else taken[0]

    @property
    def batch(self) -> tuple[Any, Any]:
        given, _ = next(iter(self._feed.batches(self._trainer.epoch)))
        return self._feed.take(given)

    def predict(self, x: Any) -> Any:
        return self._trainer.predict(x, batch_size=samples_of(x))

    def train(self, exam: Exam, steps: int, each: Callable[[int], None], order: int) -> None:
        trainer = self._trainer
        own = [c for c in trainer.callbacks.all if _is_of_the_step(c)]
        same = {id(x): x for x in (trainer, self.model, self.optimizer, *self.model.parameters())}
        watching = _Watching(steps, each)
        schedule = trainer.scheduler
        swapped: dict[str, Any] = {
            "callbacks": Callbacks([watching, *_copied(own, same)]),
            "ranks": SelfComm(),
            "metrics": [],
            "scheduler": schedule if hasattr(schedule, "state_dict") else None,
            "_examination": None,
            "_asked": None,
        }
        before = {name: getattr(trainer, name) for name in swapped}
        fields: dict[str, Any] = trainer.__dict__
        fields.update(swapped)
        exam.begin()
        try:
            epochs = -(-steps // self.epoch_steps)
            trainer.fit(_Ordered(self._feed, order), epochs=epochs, progress=False, allow_nan=True)
        finally:
            exam.end()
            fields.update(before)

    @contextmanager
    def shielded(self) -> Generator[Callable[[], None]]:
        signals = Signals(patient=True)

        def look() -> None:
            if signals.received is not None:
                raise signals.error()

        with signals:
            yield look
            look()

    @contextmanager
    def undone(self) -> Generator[None]:
        kept = _TrainerKept(self._trainer)
        try:
            yield
        finally:
            kept.restore()

    @contextmanager
    def unless_failing(self) -> Generator[None]:
        kept = _TrainerKept(self._trainer)
        try:
            yield
        except BaseException:
            kept.restore()
            raise


@patient_of.register
def _(trainer: Trainer, *given: Any) -> Patient:
    return TrainerPatient(trainer, *given)


class _TrainerKept:
    """The whole state of a trainer."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._parts = Kept(trainer.model, trainer.optimizer, trainer.scheduler, trainer.loss)
        self._all: dict[str, Any] = trainer.__dict__
        self._fields = dict(self._all)
        self._rows = list(trainer.history.rows)

    def restore(self) -> None:
        """Put it back; signals that come meanwhile act after it."""
        trainer, signals = self._trainer, Signals(patient=True)
        with signals:
            self._all.clear()
            self._all.update(self._fields)
            trainer.history.rows[:] = self._rows
            trainer._asked = None
            trainer._evaluations = []
            self._parts.restore()
        if signals.received is not None and threading.current_thread() is threading.main_thread():
            raise signals.error()


class _Apart:
    """A function that is no part of the step: a recording does not look at what it holds."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[int], None]) -> None:
        self.call = call


class _Watching(Callback):
    """Counts steps, and stops."""

    def __init__(self, steps: int, each: Callable[[int], None]) -> None:
        self._steps, self._each, self._done = steps, _Apart(each), 0

    def on_step_end(self, trainer: Any) -> None:
        self._done += 1
        self._each.call(self._done)
        if self._done >= self._steps:
            trainer.stop = True


class _Kept(Feed):
    """Batches that are gone through again and again."""

    deals = False

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def batches(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        numbers = np.arange(len(self._batches))
        if epoch >= FAR:
            numbers = np.random.default_rng(epoch).permutation(numbers)
        yield from (self._batches[int(number)] for number in numbers)


class _Ordered(Feed):
    """A feed whose epochs come in another order; order 0 is its own."""

    deals = False

    def __init__(self, feed: Feed, order: int) -> None:
        self._feed, self._order = feed, order
        self.take = feed.take

    def __len__(self) -> int:
        return len(self._feed)

    def batches(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        yield from self._feed.batches(epoch + FAR * self._order)


def _is_of_the_step(callback: Callback) -> bool:
    kind = type(callback)
    return (
        kind.after_backward is not Callback.after_backward
        or kind.after_update is not Callback.after_update
    )


def _copied(callbacks: list[Callback], same: dict[int, Any]) -> list[Callback]:
    """Copies for a trial, which belong to the same model."""
    found: list[Callback] = []
    for callback in callbacks:
        try:
            found.append(copy.deepcopy(callback, same))
        except Exception as error:
            raise ArgumentError(
                explain(
                    f"cure: {type(callback).__name__} takes part in steps, and cannot be copied "
                    "for trials",
                    where=user_line(),
                    got=f"{type(error).__name__}: {error}",
                    try_="a __deepcopy__ of its own, or files that it opens where it writes",
                )
            ) from error
    return found


def _split(everything: tuple[Any, Any], seed: int | None) -> tuple[Any, Any]:
    """Arrays without a part that is held out, and that part."""
    x, y = everything
    samples = samples_of(x)
    count = min(MOST, max(FEWEST, round(HELD * samples)), samples // 2)
    order = np.random.default_rng(seed).permutation(samples)
    held, rest = order[:count], np.sort(order[count:])

    def taken(numbers: Any) -> Any:
        leaves, build = flatten((x, y))
        return build([leaf[numbers] for leaf in leaves])

    return taken(rest), taken(held)


def _chunks(batches: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """The samples in so many parts of about one size; batches of unlike lengths as they are."""
    if not batches:
        return []
    if not _fit_together(batches):
        return list(batches[:CHUNKS])
    leaves, build = flatten(_joined(batches))
    samples = len(leaves[0])
    bounds = np.linspace(0, samples, min(CHUNKS, samples) + 1).astype(int)
    return [build([leaf[int(a) : int(b)] for leaf in leaves]) for a, b in pairwise(bounds)]


def _fit_together(batches: Sequence[tuple[Any, Any]]) -> bool:
    """Whether samples of all batches have one shape: what was padded batch by batch has not."""
    forms = [[leaf.shape[1:] for leaf in flatten(batch)[0]] for batch in batches]
    return all(form == forms[0] for form in forms)


def _joined(batches: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    if len(batches) == 1:
        return batches[0]
    leaves = [flatten(batch)[0] for batch in batches]
    build = flatten(batches[0])[1]
    columns = cast("list[list[Tensor]]", [list(c) for c in zip(*leaves, strict=True)])
    return build([cat(column) for column in columns])

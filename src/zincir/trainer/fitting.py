"""One `fit`: epochs, steps and what comes between them."""

from __future__ import annotations

import math
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

from zincir.distributed import Comm, gather
from zincir.errors import ArgumentError, IndexOutOfRange, NotFinite, StateError, explain
from zincir.random import get_rng_state, set_rng_state
from zincir.trainer.callback import Callbacks
from zincir.trainer.feed import Arrays, Batch, Feed
from zincir.trainer.passes import Loss, Totals, mode, training_step
from zincir.trainer.stopping_signals import Signals
from zincir.trainer.together import Together
from zincir.trainer.training import Training

BETWEEN_LOOKS = 0.1
"""Seconds after which what people see is brought up to date."""


class Trained(Training, Protocol):
    """What a fit needs of the `Trainer` besides."""

    callbacks: Callbacks
    precision: str | None
    accumulate: int
    ranks: Comm

    @property
    def loss(self) -> Loss:
        """What is trained for."""
        ...

    def validated(self, feed: Feed) -> dict[str, Any]:
        """The measures of the validation."""
        ...

    def end_step(self) -> None:
        """Step a schedule that counts updates."""

    def end_epoch(self, log: dict[str, Any]) -> None:
        """Count an epoch, and step a schedule that counts epochs."""


class Fitting:
    """The training of a `Trainer` on one feed, up to an epoch."""

    def __init__(
        self, trainer: Trained, feed: Feed, validation: Feed | None, until: int, *, allow_nan: bool
    ) -> None:
        self.trainer, self.feed, self.validation, self.until = trainer, feed, validation, until
        self.allow_nan = allow_nan
        self.totals = Totals([m for m in trainer.metrics if m.while_training])
        self.position = 0
        """Batches of this epoch that are done."""
        self.samples = 0
        """Samples of this epoch that are done, in all processes."""
        self.together = Together(trainer.ranks) if trainer.ranks.size > 1 else None
        self.agreed = trainer.ranks.size == 1
        """Whether all processes stop here."""
        self.order_state: Any = None
        """The state of the default generator when this epoch began."""
        self._source_knows = False
        """Whether the source was told where to go on."""
        self.signals = Signals()
        self._callbacks = trainer.callbacks
        self._step = training_step(
            trainer.model, trainer.loss, trainer.optimizer, trainer.callbacks, self.totals, feed,
            trainer.precision, self.together,
        )  # fmt: skip
        self._looked = 0.0

    def run(self) -> None:
        """Train, with the model in training mode; whatever happens, it is put back after."""
        trainer, callbacks = self.trainer, self._callbacks
        with self.signals, mode(trainer.model, training=True):
            try:
                while trainer.epoch < self.until and not self._stopped():
                    self._epoch()
            except BaseException as error:
                if not self.agreed:
                    self._end_all()
                callbacks.tell_of(error, trainer)
                raise

    def _end_all(self) -> None:
        """End all processes, which would wait for this one: the last checkpoint stays."""
        comm = self.trainer.ranks
        sys.stderr.write(f"rank {comm.rank} of {comm.size} ends the training of all:\n")
        traceback.print_exc()
        comm.abort(1)

    def _epoch(self) -> None:
        trainer, callbacks, began = self.trainer, self._callbacks, time.perf_counter()
        resumed = self.position > 0
        if not resumed:
            self.totals.reset()
            self.samples = 0
            self.order_state = get_rng_state()
            callbacks.tell("on_epoch_begin", trainer)
        for group in self._groups(resumed):
            self._update(group)
            if self._stopped():
                break
        totals = self.totals.merged(trainer.ranks)
        log: dict[str, Any] = {"epoch": trainer.epoch + 1, **totals.log()}
        if not (totals.samples or self._stopped()):
            raise ArgumentError(
                explain(
                    f"Trainer.fit: there was not one batch in epoch {trainer.epoch + 1}",
                    got=type(getattr(self.feed, "source", self.feed)).__name__,
                    try_="a list, a data set or a DataLoader, as an iterator can be gone through "
                    "once; and a batch_size that is not larger than the data, or drop_last=False",
                )
            )
        self._refuse_nan(log["loss"])
        log["lr"] = float(trainer.optimizer.param_groups[0]["lr"])
        if self.together is not None:
            self.together.spread(dict(trainer.model.named_buffers()))
        if self.validation is not None:
            log |= trainer.validated(self.validation)
        log["seconds"] = time.perf_counter() - began
        log = gather(trainer.ranks, log)[0]
        trainer.end_epoch(log)
        self.position = self.samples = 0
        trainer.history.rows.append(log)
        callbacks.tell("on_epoch_end", trainer, log)
        callbacks.tell("on_save", trainer)
        if self.together is not None:
            self._wish()
            self.together.meet()
        self._stop_if_asked()

    def _groups(self, resumed: bool) -> Iterator[list[Batch]]:
        """The batches of each update, from where the epoch stands."""
        batches = iter(self.feed.batches(self.trainer.epoch, self.samples))
        if resumed and not (self.feed.deals or self._source_knows):
            now = get_rng_state()  # what is drawn for batches that are done is drawn again
            set_rng_state(self.order_state)
            for _ in islice(batches, self.position):
                pass
            set_rng_state(now)
        self._source_knows = False
        while group := list(islice(batches, self.trainer.accumulate)):
            yield group

    def _update(self, group: list[Batch]) -> None:
        trainer, last = self.trainer, len(group) - 1
        everything = sum(count for _, count in group)
        together = self.together
        if together is not None:
            together.own_samples = everything
            self._wish()
        for begin in self._callbacks.before_step:
            begin(trainer, [given for given, _ in group])
        for number, (given, count) in enumerate(group):
            share = count / everything if together is None else float(count)
            held = self.totals.state_dict() if count == 0 else None
            try:
                seen, trainer.observed = self._step(given, share, number == 0, number == last)
            except Exception as error:
                told = self.feed.told(given) if isinstance(error, IndexOutOfRange) else ""
                where = f"Trainer.fit: in epoch {trainer.epoch + 1}, batch {self.position + number}"
                error.add_note(f"{where}{told and '; '}{told}")
                raise
            self.totals.see(seen, count)
            if held is not None:  # the sample of another process, which counts there
                self.totals.load_state_dict(held)
        self.position += len(group)
        self.samples += everything if together is None else together.samples
        trainer.steps += 1
        trainer.end_step()
        for end in self._callbacks.each_step:
            end(trainer)
        if self.clock - self._looked > BETWEEN_LOOKS:
            self._looked = self.clock
            self._refuse_nan(self.totals.mean() if self.totals.samples else 0.0)
            self._callbacks.tell("on_look", trainer)
        self._stop_if_asked()

    @property
    def clock(self) -> float:
        """Seconds since some moment; of several processes, all have the same."""
        return time.perf_counter() if self.together is None else self.together.clock

    def _wish(self) -> None:
        """Say what all have to agree on."""
        received = self.signals.received
        assert self.together is not None
        self.together.wishes = (
            self.trainer.stop, received == signal.SIGINT, received == signal.SIGTERM,
        )  # fmt: skip

    def _stopped(self) -> bool:
        """Whether training stops, by the word of anybody who takes part in it."""
        if self.together is not None:
            return self.together.stop
        return self.trainer.stop

    def _refuse_nan(self, loss: float) -> None:
        if math.isfinite(loss) or self.allow_nan:
            return
        trainer = self.trainer
        raise NotFinite(
            explain(
                f"Trainer.fit: the loss is {loss}, in epoch {trainer.epoch + 1}, in or before "
                f"batch {self.position}",
                expected="a finite number",
                try_="a lower learning rate, ClipGradients(norm=1.0), or "
                "zincir.autograd.set_detect_anomaly(True), which says where it is born; "
                "allow_nan=True goes on",
            )
        )

    def _stop_if_asked(self) -> None:
        received, together = self.signals.received, self.together
        if together is not None:
            received = signal.SIGTERM if together.terminated else None
            received = signal.SIGINT if together.interrupted else received
        if received is not None:
            self.signals.received, self.agreed = received, True
            raise self.signals.error()

    @property
    def batches(self) -> int | None:
        try:
            return len(self.feed)
        except TypeError:
            return None

    def loss(self) -> float:
        return self.totals.mean()

    @property
    def known(self) -> tuple[Any, Any]:
        """The pairs that are trained on and evaluated: of arrays as they are."""
        if isinstance(self.feed, Arrays) and isinstance(self.validation, Arrays):
            return self.feed.everything, self.validation.everything
        return None, None

    def taken(self, batch: Any) -> tuple[Any, Any]:
        return self.feed.take(batch)

    def state_dict(self) -> dict[str, Any]:
        """Where in the epoch it stands."""
        totals = self.totals.merged(self.trainer.ranks) if self.position else None
        source = self.feed.state_dict() if self.trainer.ranks.size == 1 else None
        if source is not None and not self.position:  # whatever was left of the epoch
            source["finished"] = True
        return {
            "source": source,
            "position": self.position,
            "samples": self.samples,
            "ranks": self.trainer.ranks.size,
            "totals": None if totals is None else totals.state_dict(),
            "order_state": self.order_state if self.position else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position = state["position"]
        self.samples = state["samples"]
        source = state.get("source")
        if source is not None and self.feed.state_dict() is not None:
            self.feed.load_state_dict(source)
            self._source_knows = True
        if not self.position:
            return
        if not self.feed.deals and state["ranks"] != self.trainer.ranks.size:
            raise StateError(
                explain(
                    "Trainer.fit: the checkpoint is from the middle of an epoch of another number "
                    "of processes, whose batches they brought themselves",
                    expected=f"{state['ranks']} processes",
                    got=str(self.trainer.ranks.size),
                    try_="arrays or a data set, which are dealt out; or a checkpoint of an epoch's "
                    "end",
                )
            )
        self.order_state = state["order_state"]
        self.totals.reset()
        if self.trainer.ranks.rank == 0:
            self.totals.load_state_dict(state["totals"])

"""Trainer: the one way to train without writing a loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from zincir.distributed import Comm, gather, world
from zincir.doctor import Report
from zincir.doctor.rule import checked_silence
from zincir.errors import ArgumentError, StateError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.nn import CrossEntropyLoss, Module, NLLLoss
from zincir.optim import AdamW, Optimizer
from zincir.optim.lr_scheduler import CyclicLR, OneCycleLR, ReduceLROnPlateau
from zincir.random import get_rng_state, initial_seed, manual_seed, set_rng_state
from zincir.tensor import Tensor
from zincir.trainer.callback import Callback, Callbacks
from zincir.trainer.checking import warn_of_missing_classes
from zincir.trainer.checkpoint import load_checkpoint, parsed, save_checkpoint
from zincir.trainer.dealing import Part
from zincir.trainer.examination import Examination, examination
from zincir.trainer.feed import Augment, Feed, as_input, feed_of
from zincir.trainer.fitting import Fitting
from zincir.trainer.history import History
from zincir.trainer.passes import (
    Loss,
    Prediction,
    Totals,
    evaluation_step,
    floating,
    metrics_of,
    mode,
    samples_of,
)
from zincir.trainer.progress import Progress
from zincir.trainer.saving import Checkpoint
from zincir.trees import flatten
from zincir.types import DType

PRECISIONS = {"float32": None, "bf16": "bf16"}
_EACH_UPDATE = (OneCycleLR, CyclicLR)
"""Schedules that count updates, and not epochs."""


class Trainer:
    """Trains, evaluates and asks a model; whole steps run as native code.

    The model is the user's and is changed in place; it is in training mode while it is trained, in
    evaluation mode while it is evaluated or asked, and in the mode it was in after that.

    Args:
        model: what is trained. A batch whose inputs are a tuple is called with several arguments,
            one whose inputs are a dictionary with named ones.
        loss: called with outputs and targets; gives the mean over the samples of the batch.
        optimizer: by default `AdamW(model.parameters(), lr=1e-3)`.
        scheduler: a learning rate schedule, stepped after each epoch (`OneCycleLR` and `CyclicLR`
            after each update, `ReduceLROnPlateau` with the loss of the validation); or a function
            `(optimizer, updates)` that makes one for all updates of the first `fit`, stepped
            after each update.
        metrics: from `zincir.metrics`, or their names. Those that give several values by name have
            each of them in the history.
        callbacks: see `zincir.trainer.Callback`.
        precision: "float32", or "bf16" for products in bfloat16 (see `zincir.compile`).
        accumulate: batches whose gradients are added up for one update; the result is that of one
            batch as large as they are together.
        seed: of the order of samples, and of the default generator when the first `fit` begins;
            None goes on with the default generator as it is.
        ranks: the processes that train this model together: by default all that `mpiexec` started
            with this one. `zincir.distributed.SelfComm()` trains in this process alone.
        doctor: how closely training is examined: "off"; "light", which watches losses and what is
            exact; "standard", which also looks at the first step before it is made, and at
            activations, gradients and updates in each sixteenth step; "full", in each. The bits are
            the same.
        silence: by code or symptom of one of the doctor's rules, why its findings are not wanted.

    Attributes:
        history: a row for each epoch.
        epoch: epochs that are done; steps: updates that are done.
        stop: set it in a callback, and training stops after this update.
        observed: what callbacks let the last step give.

    Raises:
        ArgumentError: an argument is of the wrong kind.

    Example:
        >>> import numpy as np, zincir
        >>> zincir.manual_seed(0)
        <zincir...>
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
        >>> model = zincir.nn.Linear(1, 1)
        >>> optimizer = zincir.optim.Adam(model.parameters(), lr=0.1)
        >>> trainer = Trainer(model, loss=zincir.nn.MSELoss(), optimizer=optimizer)
        >>> history = trainer.fit((x, 2 * x + 1), epochs=60, batch_size=16, progress=False)
        >>> trainer.evaluate((x, 2 * x + 1))["loss"] < 1e-3
        True
        >>> trainer.predict(np.float32([[0.5]])).round(decimals=1)
        tensor([[2.]])
    """

    def __init__(
        self,
        model: Module,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        *,
        scheduler: Any = None,
        metrics: Sequence[Any] = (),
        callbacks: Sequence[Callback] = (),
        precision: str = "float32",
        accumulate: int = 1,
        seed: int | None = None,
        ranks: Comm | None = None,
        doctor: str = "light",
        silence: Mapping[str, str] | None = None,
    ) -> None:
        _check(model, loss, optimizer, scheduler, callbacks, precision, accumulate)
        self.model = model
        self._loss = loss
        self._given = optimizer
        self.scheduler = scheduler
        self.metrics = metrics_of(metrics)
        self.callbacks = Callbacks(callbacks)
        self.precision = PRECISIONS[precision]
        self.accumulate = accumulate
        self.seed = seed
        self.ranks = world() if ranks is None else ranks
        self.history = History()
        self.epoch = 0
        self.steps = 0
        self.stop = False
        self.observed: dict[str, Tensor] = {}
        self._examination = examination(doctor, checked_silence(silence))
        self._fitting: Fitting | None = None
        self._asked: Prediction | None = None
        self._evaluations: list[tuple[Feed, Totals, Callable[[Any], Any]]] = []

    def __getstate__(self) -> dict[str, Any]:
        """All but what is compiled: a copy compiles its own."""
        kept = self._examination
        again = None if kept is None else Examination(kept.level, kept.silence)
        return {
            **self.__dict__, "_fitting": None, "_asked": None, "_evaluations": [],
            "_examination": again,
        }  # fmt: skip

    @property
    def report(self) -> Report:
        """What the doctor has found until now."""
        if self._examination is None:
            return Report((), "the doctor is off")
        return self._examination.report

    @property
    def loss(self) -> Loss:
        """What is trained for.

        Raises:
            ArgumentError: none was given.
        """
        if self._loss is None:
            raise ArgumentError(explain("Trainer: training needs a loss", where=user_line()))
        return self._loss

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer: what was given, or AdamW."""
        if self._given is None:
            self._given = AdamW(self.model.parameters(), lr=1e-3)
        return self._given

    @property
    def running(self) -> Fitting | None:
        """The `fit` that runs, if one does."""
        return self._fitting

    @property
    def dtype(self) -> DType:
        """The type of the model's parameters, in which it gets its inputs."""
        return floating(self.model)

    # Training -----------------------------------------------------------------------------------

    def fit(
        self,
        train: Any,
        validation: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        augment: Augment | None = None,
        resume: Any = None,
        progress: bool | None = None,
        allow_nan: bool = False,
    ) -> History:
        """Train for `epochs` more epochs, or with `resume` until so many are done in all.

        The order of samples follows from the seed and the number of the epoch, so training goes on
        after a checkpoint as if nothing had happened, to the bit.

        Args:
            train: a pair (inputs, targets) of arrays or tensors (either may be a tuple or a
                dictionary of them), a `Dataset`, or an iterable of batches such as a `DataLoader`.
            validation: the same, evaluated after every epoch.
            batch_size: samples in a batch of arrays and data sets; iterables bring their own.
            shuffle: whether arrays and data sets are fed in random order.
            drop_last: whether a last batch that is smaller is left out.
            augment: changes inputs at random, as `zincir.data.augment` does: called with an array,
                `epoch=` and `index=`, while a step runs. Targets that are
                `zincir.data.augment.Boxes` follow: they come along as `boxes=`.
            resume: "auto" to go on from the last checkpoint of the `Checkpoint` callback, if there
                is one; or the path of a checkpoint.
            progress: whether to show it; None: if somebody can see it.
            allow_nan: whether data may be NaN or infinite, and training goes on when the loss is.

        Returns:
            the history of all epochs so far.

        Raises:
            NotFinite: the loss is NaN or infinite; `AnomalyError`'s mode says where it is born.
            ShapeError, DTypeError, ArgumentError: the data are not what is said above.
            KeyboardInterrupt, SystemExit: SIGINT or SIGTERM came; the step was finished and the
                state saved before.
        """
        for name, value in (("epochs", epochs), ("batch_size", batch_size)):
            if not isinstance(value, int) or value < (name == "batch_size"):
                raise ArgumentError(
                    explain(f"Trainer.fit: {name} is a whole number from 1 on", where=user_line(),
                            got=repr(value))
                )  # fmt: skip
        if self.steps == 0 and self.seed is not None:
            manual_seed(self.seed)
        comm = self.ranks
        seed = self.seed if self.seed is not None else gather(comm, initial_seed())[0]
        part = Part(comm.rank, comm.size)
        feed = feed_of(train, batch_size, seed if shuffle else None, dtype=self.dtype,
                       drop_last=drop_last, augment=augment, part=part,
                       allow_nan=allow_nan)  # fmt: skip
        check = None
        if validation is not None:
            check = feed_of(validation, batch_size, None, dtype=self.dtype, part=part,
                            allow_nan=allow_nan)  # fmt: skip
            if isinstance(self._loss, CrossEntropyLoss | NLLLoss):
                told = [getattr(each, "targets", None) for each in (feed, check)]
                warn_of_missing_classes(*told)
        callbacks = self.callbacks
        self._prepare(feed, epochs)
        self.callbacks = self._taking_part(Progress(progress))
        self.stop = False
        try:
            fitting = Fitting(self, feed, check, self.epoch + epochs, allow_nan=allow_nan)
            self._fitting = fitting
            self.callbacks.tell("on_fit_begin", self)
            if self._resume(resume):
                fitting.until = epochs
            if fitting.together is not None:
                fitting.together.begin(self.model, fitting.batches)
            fitting.run()
            try:
                self.callbacks.tell("on_fit_end", self)
            except Exception as error:
                self.callbacks.tell_of(error, self)
                raise
            comm.barrier()  # what process 0 writes is there
        finally:
            self.callbacks, self._fitting = callbacks, None
            if self._examination is not None:
                self._examination.end()
            self._evaluations.clear()
        return self.history

    def _taking_part(self, progress: Progress) -> Callbacks:
        """What takes part in a fit in this process: the doctor and the progress besides."""
        doctor = self._examination
        examined = [] if doctor is None else [doctor.beside(progress, self.callbacks.all)]
        everything = [*self.callbacks.all, *examined, progress]
        return Callbacks([c for c in everything if c.everywhere or self.ranks.rank == 0])

    def _prepare(self, feed: Feed, epochs: int) -> None:
        """Make the schedule, if a function that makes it was given."""
        make = self.scheduler
        if make is None or _is_schedule(make):
            return
        try:
            batches = len(feed)
        except TypeError:
            raise ArgumentError(
                explain(
                    "Trainer.fit: the scheduler is a function of the number of updates, and nobody "
                    "knows how many there are: what is trained on has no length",
                    where=user_line(),
                    try_="a source with __len__; or a schedule that you made, with a number of "
                    "updates: scheduler=OneCycleLR(optimizer, max_lr=0.1, total_steps=1000)",
                )
            ) from None
        made = make(self.optimizer, -(-batches // self.accumulate) * epochs)
        if not _is_schedule(made):
            raise ArgumentError(
                explain(
                    "Trainer.fit: scheduler(optimizer, updates) returns a schedule",
                    where=user_line(),
                    got=f"{made!r:.60}",
                )
            )
        self.scheduler = made
        self.scheduler.each_update = True

    def _resume(self, resume: Any) -> bool:
        """Load the checkpoint to go on from; whether there was anything to go on with."""
        if resume is None:
            return False
        if resume != "auto":
            self._load_of_first([Path(resume)])
            return True
        found = [c.last for c in self.callbacks.all if isinstance(c, Checkpoint)]
        if not found:
            raise ArgumentError(
                explain(
                    "Trainer.fit: resume='auto' needs to know where checkpoints are",
                    where=user_line(),
                    try_="Trainer(..., callbacks=[Checkpoint('runs/first')]), or resume=path",
                )
            )
        self._load_of_first([path for path in found if path.exists()])
        return True

    def _load_of_first(self, paths: Sequence[Path]) -> None:
        """Go on from the first checkpoint, as process 0 has it."""
        data = paths[0].read_bytes() if paths and self.ranks.rank == 0 else None
        data = gather(self.ranks, data)[0]
        if data is not None:
            self.load_state_dict(parsed(data, paths[0] if paths else Path("of process 0")))

    def end_step(self) -> None:
        """Step a schedule that counts updates."""
        schedule = self.scheduler
        if schedule is not None and self._counts_updates(schedule):
            schedule.step()

    def end_epoch(self, log: dict[str, Any]) -> None:
        """Count an epoch, and step a schedule that counts epochs."""
        self.epoch += 1
        schedule = self.scheduler
        if schedule is None or self._counts_updates(schedule):
            return
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(log.get("val_loss", log["loss"]))
        else:
            schedule.step()

    @staticmethod
    def _counts_updates(schedule: Any) -> bool:
        return getattr(schedule, "each_update", False) or isinstance(schedule, _EACH_UPDATE)

    # Evaluation ---------------------------------------------------------------------------------

    def evaluate(
        self, data: Any, batch_size: int = 256, *, allow_nan: bool = False
    ) -> dict[str, Any]:
        """The loss and the metrics of `data`, by name.

        Args:
            data: as for `fit`.
            batch_size: samples in a batch of arrays and data sets.
            allow_nan: whether data may be NaN or infinite.

        Example:
            >>> import zincir
            >>> trainer = Trainer(zincir.nn.Identity(), zincir.nn.L1Loss(), metrics=["mae"])
            >>> x = zincir.zeros(4)
            >>> trainer.evaluate((x, x + 2))
            {'loss': 2.0, 'mae': 2.0}
        """
        feed = feed_of(data, batch_size, None, dtype=self.dtype, allow_nan=allow_nan)
        return self._evaluated(feed, "")

    def validated(self, feed: Feed) -> dict[str, Any]:
        """The same for the validation of a fit."""
        return self._evaluated(feed, "val_", self.ranks if feed.deals else None)

    def _evaluated(self, feed: Feed, prefix: str, comm: Comm | None = None) -> dict[str, Any]:
        found = next((e for e in self._evaluations if e[0] is feed), None)
        if found is None:
            totals = Totals(deepcopy(self.metrics))
            step = evaluation_step(self.model, self._loss, totals, feed, self.precision)
            found = (feed, totals, step)
            self._evaluations = [*self._evaluations[-3:], found]
        _, totals, step = found
        totals.reset()
        with self.callbacks.evaluation(self), mode(self.model, training=False):
            for given, count in feed.batches(0):
                if count:
                    totals.see(step(given), count)
        whole = totals if comm is None else totals.merged(comm)
        if not whole.samples:
            what = "validation" if prefix else "data"
            raise ArgumentError(
                explain(f"Trainer: there was not one batch of {what} to evaluate with",
                        where=user_line(), got=type(getattr(feed, "source", feed)).__name__)
            )  # fmt: skip
        return whole.log(prefix)

    def predict(self, x: Any, batch_size: int = 256) -> Any:
        """What the model gives for inputs: a tensor, or a tree of them as the model has it.

        Args:
            x: an array or tensor of samples; a tuple or a dictionary of them for a model of
                several inputs.
        """
        if self._asked is None:
            self._asked = Prediction(self.model, self.precision)
        ask = self._asked
        with self.callbacks.evaluation(self):
            if ask.is_input(x) and len(x) <= batch_size:
                return ask(x)
            inputs = as_input(x, self.dtype, "inputs")
            samples = samples_of(inputs)
            if samples <= batch_size:
                return ask(inputs)
            leaves, build = flatten(inputs)
            starts = range(0, samples, batch_size)
            parts = [ask(build([x[i : i + batch_size] for x in leaves])) for i in starts]
        leaves = [flatten(part)[0] for part in parts]
        build = flatten(parts[0])[1]
        return build([_of_all(each) for each in zip(*leaves, strict=True)])

    # Checkpoints --------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that training goes on from: the model, the optimizer, the schedule, the default
        generator, the place in the epoch, the history and the callbacks.
        """
        schedule = self.scheduler
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": schedule.state_dict() if hasattr(schedule, "state_dict") else None,
            "kinds": {"optimizer": _kind(self.optimizer), "scheduler": _kind(schedule)},
            "generator": get_rng_state(),
            "seed": self.seed,
            "epoch": self.epoch,
            "steps": self.steps,
            "place": None if self._fitting is None else self._fitting.state_dict(),
            "history": self.history.rows,
            "callbacks": self.callbacks.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`.

        Raises:
            StateError: it is of another model; what differs is listed.
        """
        missing = [name for name in ("model", "optimizer", "epoch") if name not in state]
        if missing:
            raise StateError(
                explain("Trainer: this is no state of a training", where=user_line(),
                        got=f"without {', '.join(missing)}")
            )  # fmt: skip
        kinds = state.get("kinds", {})
        for name, own in (("optimizer", self.optimizer), ("scheduler", self.scheduler)):
            if own is not None and kinds.get(name, "") not in ("", _kind(own)):
                raise StateError(
                    explain(f"Trainer: the checkpoint is of a training with another {name}",
                            where=user_line(), expected=kinds[name], got=_kind(own))
                )  # fmt: skip
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scheduler"] is not None and hasattr(self.scheduler, "load_state_dict"):
            self.scheduler.load_state_dict(state["scheduler"])
        if state["steps"]:  # a schedule may come next, and need not warn
            vars(self.optimizer)["_opt_called"] = True
        set_rng_state(state["generator"])
        self.epoch, self.steps, self.seed = state["epoch"], state["steps"], state["seed"]
        self.history = History(state["history"])
        self.callbacks.load_state_dict(state["callbacks"])
        if self._fitting is not None and state["place"] is not None:
            self._fitting.load_state_dict(state["place"])

    def save(self, path: Any) -> None:
        """Write all that training goes on from to one file, which is complete or is not there."""
        save_checkpoint(self.state_dict(), path)

    def load(self, path: Any) -> None:
        """Go on from a file that `save` or the `Checkpoint` callback wrote.

        Raises:
            LoadError: it is damaged, or no checkpoint.
            StateError: it is of another model.
        """
        self.load_state_dict(load_checkpoint(path))


def _kind(x: Any) -> str:
    """What a checkpoint calls an optimizer or a schedule; nothing if there is none."""
    return "" if x is None or not hasattr(x, "state_dict") else type(x).__name__


def _is_schedule(x: Any) -> bool:
    return hasattr(x, "state_dict") and hasattr(x, "step")


def _check(
    model: Any, loss: Any, optimizer: Any, scheduler: Any, callbacks: Any, precision: Any,
    accumulate: Any,
) -> None:  # fmt: skip
    stepped = getattr(scheduler, "optimizer", None)
    makes = not isinstance(scheduler, type) and (callable(scheduler) or _is_schedule(scheduler))
    wrong = (
        (not isinstance(model, Module), "model is a Module", model),
        (loss is not None and not callable(loss), "loss is called with outputs and targets", loss),
        (optimizer is not None and not isinstance(optimizer, Optimizer),
         "optimizer is an Optimizer", optimizer),
        (scheduler is not None and not makes,
         "scheduler is a schedule, or a function (optimizer, updates) that makes one", scheduler),
        (stepped is not None and not isinstance(scheduler, type) and stepped is not optimizer,
         "scheduler is for the optimizer that is given as optimizer=", scheduler),
        (not all(isinstance(c, Callback) for c in callbacks), "callbacks are Callbacks", callbacks),
        (precision not in PRECISIONS, f"precision is one of {', '.join(PRECISIONS)}", precision),
        (not isinstance(accumulate, int) or accumulate < 1,
         "accumulate is a whole number from 1 on", accumulate),
    )  # fmt: skip
    for is_wrong, what, got in wrong:
        if is_wrong:
            raise ArgumentError(explain(f"Trainer: {what}", where=user_line(), got=f"{got!r:.60}"))


def _of_all(parts: Sequence[Any]) -> Any:
    """One output of all batches: samples one after another; what is nothing of samples stays."""
    if all(isinstance(part, Tensor) and part.ndim for part in parts):
        return cat(parts)
    if all(part is None for part in parts):
        return None
    raise ArgumentError(
        explain(
            f"Trainer.predict: an output of {len(parts)} batches cannot be put together",
            where=user_line(),
            expected="a tensor whose first axis is that of the samples, or None",
            got=repr(parts[0]),
            try_="a larger batch_size, or a model that leaves it out in evaluation mode",
        )
    )

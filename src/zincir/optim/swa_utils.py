"""Averages of a model's weights over training: stochastic weight averaging, moving averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, TypeAlias, cast

from zincir import recording
from zincir.autograd import no_grad
from zincir.creation import tensor
from zincir.errors import ArgumentError, explain
from zincir.functional import where
from zincir.graph.node import describe, here
from zincir.nn.layers.normalization_batch import BatchNorm
from zincir.nn.module.module import Module
from zincir.optim.lr_scheduler.scheduler import LRScheduler, Rates, per_group
from zincir.optim.optimizer import Optimizer
from zincir.pending import settle
from zincir.tensor import Tensor
from zincir.types import int64

Average: TypeAlias = Callable[[Tensor, Tensor, Any], Tensor]
"""(average so far, what the model has now, how many it is the average of) -> the new average."""

Averages: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]
"""The same for several tensors of one type, in place."""


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """A moving average: decay * average + (1 - decay) * now.

    Args:
        decay: how much the average keeps at each update, from 0 to 1.

    Raises:
        ArgumentError: decay is out of range.

    >>> import zincir
    >>> get_ema_avg_fn(0.75)(zincir.tensor([4.0]), zincir.tensor([8.0]), 1).tolist()
    [5.0]
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(average: Tensor, now: Tensor, number: Any) -> Tensor:
        return decay * average + (1 - decay) * now

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """The same as `get_ema_avg_fn` for lists of tensors, which it changes in place.

    >>> import zincir
    >>> average = zincir.tensor([4.0])
    >>> get_ema_multi_avg_fn(0.75)([average], [zincir.tensor([8.0])], 1)
    >>> average.tolist()
    [5.0]
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averages: Sequence[Tensor], now: Sequence[Tensor], number: Any) -> None:
        for average, p in zip(averages, now, strict=True):
            if average.dtype.is_floating_point:
                average.lerp_(p, 1 - decay)
            else:
                average.copy_(average * decay + p * (1 - decay))

    return ema_update


def get_swa_avg_fn() -> Average:
    """The mean of all: average + (now - average) / (number + 1).

    >>> import zincir
    >>> get_swa_avg_fn()(zincir.tensor([4.0]), zincir.tensor([8.0]), 3).tolist()
    [5.0]
    """

    @no_grad()
    def swa_update(average: Tensor, now: Tensor, number: Any) -> Tensor:
        return average + (now - average) / (number + 1)

    return swa_update


def get_swa_multi_avg_fn() -> Averages:
    """The same as `get_swa_avg_fn` for lists of tensors, which it changes in place.

    >>> import zincir
    >>> average = zincir.tensor([4.0])
    >>> get_swa_multi_avg_fn()([average], [zincir.tensor([8.0])], 3)
    >>> average.tolist()
    [5.0]
    """

    @no_grad()
    def swa_update(averages: Sequence[Tensor], now: Sequence[Tensor], number: Any) -> None:
        for average, p in zip(averages, now, strict=True):
            if average.dtype.is_floating_point:
                average.lerp_(p, 1 / (number + 1))
            else:
                average.add_(((p - average) / (number + 1)).to(average.dtype))

    return swa_update


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(
            explain(
                "decay is out of range",
                where=describe(here()),
                expected="a number from 0 to 1",
                got=str(decay),
            )
        )


class AveragedModel(Module):
    """A copy of a model whose weights are averages of the model's.

    At the first `update_parameters` the weights are copied, and averaged at each later one, also
    within compiled steps. Mean: Izmailov et al. 2018 (https://arxiv.org/abs/1803.05407); moving
    average: Polyak and Juditsky 1992.

    Args:
        model: what is averaged; the copy is `module`.
        device: "cpu", if given.
        avg_fn: how one tensor is averaged; see `get_swa_avg_fn`, which is taken unless given.
        multi_avg_fn: how lists of them are, in place of `avg_fn`.
        use_buffers: average buffers, too; otherwise they are copied at each update.

    Raises:
        ArgumentError: both functions are given.

    Example:
        >>> import zincir
        >>> net = zincir.nn.Linear(1, 1, bias=False)
        >>> average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.5))
        >>> for value in (4.0, 8.0):
        ...     with zincir.no_grad():
        ...         _ = net.weight.fill_(value)
        ...     average.update_parameters(net)
        >>> average.module.weight.item()
        6.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError(
                explain(
                    "AveragedModel: only one of avg_fn and multi_avg_fn can be given",
                    where=describe(here()),
                )
            )
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the copy makes of its inputs."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Average in what the model has now."""
        mine, theirs = self._averaged(self.module), self._averaged(model)
        pairs = [(a.detach(), p.detach()) for a, p in zip(mine, theirs, strict=False)]
        # A recording cannot look how many there were: it averages, and copies where it is the first
        number = None if recording.CURRENT.recording is not None else int(self.n_averaged)
        if number != 0:
            self._average(pairs)
        for average, now in pairs:
            if number == 0:
                average.copy_(now)
            elif number is None:
                average.copy_(where(self.n_averaged == 0, now, average))
        if not self.use_buffers:
            for buffer, now in zip(self.module.buffers(), model.buffers(), strict=True):
                buffer.detach().copy_(now.detach())
        self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterable[Tensor]:
        return chain(model.parameters(), model.buffers() if self.use_buffers else ())

    def _average(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        if self.multi_avg_fn is None:
            function = self.avg_fn or get_swa_avg_fn()
            for average, now in pairs:
                average.copy_(function(average, now, self.n_averaged))
            return
        for dtype in dict.fromkeys(average.dtype for average, _ in pairs):
            own = [pair for pair in pairs if pair[0].dtype is dtype]
            self.multi_avg_fn([a for a, _ in own], [now for _, now in own], self.n_averaged)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running mean and variance of batch norms anew, over all batches of a loader.

    Args:
        loader: gives batches: tensors, or lists whose first entry the model takes.
        model: whose batch norms are meant; it is in training mode meanwhile.
        device: where batches are put, if given.

    >>> import zincir
    >>> net = zincir.nn.BatchNorm1d(1)
    >>> update_bn([zincir.tensor([[1.0], [3.0]]), zincir.tensor([[5.0], [7.0]])], net)
    >>> net.running_mean.tolist(), net.momentum
    ([4.0], 0.1)
    """
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in loader:
        entry = cast(Any, batch[0] if isinstance(batch, list | tuple) else batch)
        model(entry if device is None else entry.to(device))
        settle()  # what is known of one batch is computed before the next
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Rates that go to a rate of their own in some steps, and stay there.

    From Izmailov et al. 2018 (https://arxiv.org/abs/1803.05407).

    Args:
        optimizer: whose rates are set; its groups get the key "swa_lr".
        swa_lr: the rate at the end, or one for each group.
        anneal_epochs: in how many steps.
        anneal_strategy: "cos" or "linear".
        last_epoch: the step to go on behind; -1 begins.

    Raises:
        ArgumentError: an argument is out of range.

    Example:
        >>> import zincir
        >>> optimizer = zincir.optim.SGD([zincir.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = per_group("swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        whole = isinstance(anneal_epochs, int) and anneal_epochs >= 0  # pyright: ignore[reportUnnecessaryIsInstance]
        if anneal_strategy not in ("cos", "linear") or not whole:
            raise ArgumentError(
                explain(
                    "SWALR: an argument is out of range",
                    where=describe(here()),
                    expected="anneal_strategy 'cos' or 'linear', a whole number of anneal_epochs",
                    got=f"{anneal_strategy!r} and {anneal_epochs!r}",
                )
            )
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How much of the way is done after a share of the steps."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> Rates:
        """The rates of this step, from those of now: other schedules may have changed them."""
        now = self._rates()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, after = (
            self.anneal_func(max(0, min(1, s / max(1, self.anneal_epochs))))
            for s in (step - 1, step)
        )
        rates: Rates = []
        for group, rate in zip(self.optimizer.param_groups, now, strict=True):
            last = group["swa_lr"]
            first = last if before == 1 else (rate - before * last) / (1 - before)
            rates.append(last * after + first * (1 - after))
        return rates

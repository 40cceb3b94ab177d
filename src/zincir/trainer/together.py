"""Training with several processes: what they exchange between backward and update."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.autograd import no_grad
from zincir.creation import as_tensor
from zincir.distributed import Comm, gather
from zincir.errors import StateError, explain
from zincir.functional import cat
from zincir.nn import Module
from zincir.operations.host import call
from zincir.tensor import Tensor, wrap
from zincir.types import float32, float64

_SAMPLES, _STOP, _INTERRUPTED, _TERMINATED, _CLOCK = range(5)


class Together:
    """The processes of a training: each update they add up their gradients, and with them what they
    have to agree on.

    Attributes:
        samples: of this update, in all processes.
        stop: whether any of them wants to stop.
        interrupted, terminated: whether any of them was asked to stop by a signal.
        clock: the seconds since the training began, as process 0 has them.
    """

    def __init__(self, comm: Comm) -> None:
        self.comm = comm
        self.own_samples = 0
        """Of this update, in this process; set before."""
        self.wishes: tuple[bool, bool, bool] = (False, False, False)
        """What this process has to say of stop, interrupted and terminated; set before."""
        self.samples = 0
        self.stop = self.interrupted = self.terminated = False
        self.clock = 0.0
        self._began = time.perf_counter()

    def meet(self) -> None:
        """Agree without gradients."""
        beside = self._beside(np.dtype(np.float64))
        self.comm.allreduce_(beside)
        self._note(beside)

    @no_grad()
    def exchange(self, parameters: Sequence[Tensor]) -> None:
        """In a step: let gradients of a sum over samples become those of the mean over the samples
        of all processes.
        """
        given: list[Any] = [p for p in parameters if p.grad is not None]
        if not given:
            return
        double = any(p.dtype is float64 for p in given)
        flat = cat([p.grad.reshape(-1).to(float64 if double else float32) for p in given])
        node = flat._node
        summed = wrap(call(self._mean, (node.shape, node.dtype), node))
        start = 0
        for p in given:
            part = summed[start : start + p.numel()]
            start += p.numel()
            p.grad.copy_(part.reshape(p.shape))

    def _mean(self, flat: Any) -> Any:
        """One array there and back: the gradients, and behind them what is to be agreed on."""
        sent = np.concatenate([flat, self._beside(flat.dtype)])
        self.comm.allreduce_(sent)
        self._note(sent[flat.size :])
        return sent[: flat.size] / flat.dtype.type(self.samples)

    def _beside(self, dtype: Any) -> Any:
        clock = time.perf_counter() - self._began if self.comm.rank == 0 else 0.0
        return np.array([self.own_samples, *self.wishes, clock], dtype)

    def _note(self, beside: Any) -> None:
        self.samples = int(beside[_SAMPLES])
        self.stop, self.interrupted = beside[_STOP] > 0, beside[_INTERRUPTED] > 0
        self.terminated, self.clock = beside[_TERMINATED] > 0, float(beside[_CLOCK])

    def begin(self, model: Module, batches: int | None) -> None:
        """Give all processes the model of process 0.

        Raises:
            StateError: the models differ in more than their numbers, or the processes have another
                number of batches, so that some would wait for others.
        """
        state = model.state_dict()
        form = [(name, tuple(x.shape), x.dtype.name) for name, x in state.items()]
        forms = gather(self.comm, (form, batches))
        for rank, (theirs, count) in enumerate(forms):
            if theirs != form:
                raise _differ(rank, "another model", "the same model in all of them")
            if count != batches or batches is None:
                raise _differ(
                    rank, f"{count} batches in an epoch, where this one has {batches}",
                    "arrays or a data set, which are dealt out; or "
                    "zincir.data.DistributedSampler, which gives all the same number",
                )  # fmt: skip
        self.spread(state)

    @no_grad()
    def spread(self, tensors: Any) -> None:
        """Write over tensors with those of process 0."""
        for x in tensors.values():
            array = np.array(x.detach().numpy(), order="C")
            self.comm.broadcast_(array.reshape(-1).view(np.uint8), 0)
            x.copy_(as_tensor(array))


def _differ(rank: int, how: str, remedy: str) -> StateError:
    return StateError(
        explain(
            "Trainer.fit: the processes do not train the same",
            got=f"rank {rank} has {how}",
            try_=remedy,
        )
    )

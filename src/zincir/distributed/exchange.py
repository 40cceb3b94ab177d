"""Exchanges built of the six words: any values, and sums inside recorded steps."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir import recording
from zincir.autograd.function import Function, FunctionCtx
from zincir.distributed.comm import Array, Comm
from zincir.errors import StateError, explain
from zincir.operations.host import call
from zincir.pending import settle
from zincir.tensor import Tensor, wrap


def gather(comm: Comm, value: Any) -> list[Any]:
    """The values of all processes, in the order of their ranks: what pickle can carry.

    Example:
        >>> from zincir.distributed import SelfComm
        >>> gather(SelfComm(), {"loss": 0.5})
        [{'loss': 0.5}]
    """
    if comm.size == 1:
        return [value]
    own = np.frombuffer(pickle.dumps(value), np.uint8)
    lengths = np.zeros(comm.size, np.int64)
    lengths[comm.rank] = len(own)
    comm.allreduce_(lengths)
    found: list[Any] = []
    for root, length in enumerate(lengths.tolist()):
        buffer = own.copy() if root == comm.rank else np.empty(length, np.uint8)
        comm.broadcast_(buffer, root)
        found.append(pickle.loads(buffer.tobytes()))
    return found


def all_sum(x: Tensor, comm: Comm) -> Tensor:
    """The sum of `x` over all processes, in a recorded step as well; its gradient is the sum of
    their gradients.

    Example:
        >>> import zincir
        >>> from zincir.distributed import SelfComm
        >>> all_sum(zincir.ones(2), SelfComm())
        tensor([1., 1.])
    """
    return x if comm.size == 1 else _AllSum.apply(x, comm)


class _AllSum(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, comm: Comm) -> Tensor:
        held: Any = ctx
        held.comm = comm
        return _summed(x, comm)

    @staticmethod
    def backward(ctx: FunctionCtx, *grad_outputs: Any) -> tuple[Tensor, None]:
        held: Any = ctx
        return _summed(grad_outputs[0], held.comm), None


def _summed(x: Tensor, comm: Comm) -> Tensor:
    node = x.contiguous()._node
    total = wrap(call(_Sum(comm), (node.shape, node.dtype), node))
    if recording.CURRENT.recording is None:
        settle()  # now: not when one of the processes happens to look at it
    return total


@dataclass(frozen=True)
class _Sum:
    """Adds arrays up, with the number of elements beside them: others that are met by mistake,
    in another order, are noticed.
    """

    comm: Comm

    def __call__(self, x: Array) -> Array:
        sent = np.empty(x.size + 1, x.dtype)
        sent[:-1], sent[-1] = x.ravel(), x.size
        self.comm.allreduce_(sent)
        if sent[-1] != x.size * self.comm.size:
            raise StateError(
                explain(
                    "all_sum: the processes add up different things",
                    expected=f"arrays of {x.size} elements",
                    got=f"{sent[-1] / self.comm.size:g} on average",
                    try_="the same model in the same mode in all of them",
                )
            )
        return sent[:-1].reshape(x.shape).copy()

"""What `torch.nn.modules` has besides layers: what layers are made of, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any, cast

from zincir.nn.layers import convolution, normalization_batch
from zincir.nn.layers.loss import reduced
from zincir.nn.module.saving import IncompatibleKeys

_ConvNd = convolution._Window
_NormBase = normalization_batch._ChannelNorm
_BatchNorm, _InstanceNorm = normalization_batch.BatchNorm, normalization_batch._InstanceNorm
_IncompatibleKeys = IncompatibleKeys
_Loss = _WeightedLoss = reduced.Loss


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that makes `n` of one number, and a tuple of several."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(cast(Any, x)) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take `prefix` away from the names that begin with it, in place and in their order.

    >>> state = {"module.weight": 1, "step": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'weight': 1, 'step': 2}
    """
    for name in list(state_dict):
        state_dict[name.removeprefix(prefix)] = state_dict.pop(name)

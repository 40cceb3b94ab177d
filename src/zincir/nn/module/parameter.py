"""Parameter: a tensor that is trained; Buffer: one that is state."""

from __future__ import annotations

from typing import Any

from zincir.creation import tensor
from zincir.errors import DTypeError, explain
from zincir.graph.node import describe, here
from zincir.operations.source import variable_like
from zincir.shared_value import share
from zincir.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module registers when it is assigned to an attribute, and that is trained.

    Args:
        data: the first value; a tensor, an array or nested lists.
        requires_grad: False freezes it.

    Example:
        >>> from zincir import nn
        >>> layer = nn.Linear(3, 2, bias=False)
        >>> isinstance(layer.weight, nn.Parameter), layer.weight.requires_grad
        (True, True)
    """

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        if not isinstance(data, Tensor):
            data = tensor(data)
        if requires_grad and not data.dtype.is_floating_point:
            raise DTypeError(
                explain(
                    f"Parameter: {data.dtype.name} tensors cannot require gradients",
                    where=describe(here()),
                    expected="float32 or float64",
                    try_="Parameter(data.float()), or requires_grad=False",
                )
            )
        self._held = variable_like(data._node, requires_grad)
        self._holds_node()
        share(self, data)
        if self._held.value is None:
            self._await()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A copy that is trained or frozen like this one, as in PyTorch: in memory of its own, and
        without its gradient.
        """
        new = memo[id(self)] = super().__deepcopy__({})
        new.grad = None
        return new

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that a module registers as state when it is assigned to an attribute.

    Args:
        data: the first value.
        persistent: whether it is part of the module's state_dict.

    Example:
        >>> from zincir import nn
        >>> layer = nn.Module()
        >>> layer.seen = nn.Buffer(tensor(0))
        >>> list(layer.state_dict())
        ['seen']
    """

    persistent: bool

    def __init__(self, data: Any = (), *, persistent: bool = True) -> None:
        data = data if isinstance(data, Tensor) else tensor(data)
        self._held = variable_like(data._node, data.requires_grad)
        self._holds_node()
        share(self, data)
        if self._held.value is None:
            self._await()
        self.persistent = persistent

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A copy in memory of its own, which modules register likewise."""
        new = memo[id(self)] = super().__deepcopy__({})
        new.__dict__["persistent"] = self.persistent
        return new

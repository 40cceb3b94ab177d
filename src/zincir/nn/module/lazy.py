"""What makes a layer lazy: its first input tells how many channels it takes."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from zincir.errors import ShapeError, explain
from zincir.evaluate import evaluate
from zincir.graph.node import user_line
from zincir.nn.module.module import Module
from zincir.nn.module.uninitialized import UninitializedBuffer, UninitializedParameter, is_lazy
from zincir.nn.module.user_line import node_of
from zincir.recording import paused
from zincir.tensor import Tensor
from zincir.types import DType, Shape


class Lazy(Module):
    """A layer that becomes an ordinary one, of the class `cls_to_become`, when it is first called.

    The constructor makes the ordinary layer with 0 channels and puts uninitialised parameters and
    buffers in the place of its own. At the first call, another layer with the right number is made
    and gives its values to them, so first values are drawn as ever. This happens while a function
    is recorded too, but is no part of the recording.
    """

    cls_to_become: ClassVar[type[Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, p in list(self._parameters.items()):
            if p is not None:
                setattr(self, name, UninitializedParameter(dtype=p.dtype))
        for name, b in list(self._buffers.items()):
            if b is not None and b.ndim:
                setattr(self, name, UninitializedBuffer(dtype=b.dtype))
        self._forward_pre_hooks[_first_call] = _first_call, True

    def _channels_of(self, x: Shape) -> int:
        """How many channels the layer takes: those of its weight, or else of an input."""
        raise NotImplementedError

    def _ordinary(self, channels: int, dtype: DType) -> Module:
        """An ordinary layer that takes so many channels, with parameters like this one's."""
        raise NotImplementedError

    def _learn(self, channels: int) -> None:
        """Remember how many channels the layer takes."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Nothing: first values are drawn at the first call."""

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or a buffer has no shape yet."""
        return bool(self._waiting())

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give shapes and values to parameters and buffers that have none: those for the input."""
        channels = self._channels_of(node_of(input, f"{type(self).__name__}: input").shape)
        waiting = self._waiting()
        if waiting:
            with paused():
                made = self._ordinary(channels, next(iter(waiting.values())).dtype)
                values = {**made._parameters, **made._buffers}
                taken = [(t, value) for k, t in waiting.items() if (value := values[k]) is not None]
                evaluate([value._node for _, value in taken])
                for t, value in taken:
                    t._order = value._order
                    t._become(value._node)
        self._learn(channels)

    def _waiting(self) -> dict[str, UninitializedParameter | UninitializedBuffer]:
        held = {**self._parameters, **self._buffers}
        return {name: t for name, t in held.items() if is_lazy(t)}

    def _refuse(self, x: Shape, expected: str) -> NoReturn:
        raise ShapeError(
            explain(
                f"{type(self).__name__}: input has {len(x)} axes",
                where=user_line(),
                expected=expected,
                got=str(x),
                try_="the layer for so many axes, or x.unsqueeze(0) if the batch is missing",
            )
        )


def _first_call(layer: Lazy, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    layer.initialize_parameters(*args, **kwargs)
    del layer._forward_pre_hooks[_first_call]
    layer.__class__ = layer.cls_to_become

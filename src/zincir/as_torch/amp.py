"""`torch.amp`: mixed precision: contexts in which products are computed in 16 bits, and a scaler.

`zincir.compile(step, precision="bf16")` is another thing: it rounds what products read, and results
keep their type.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Self

from zincir.device import Device
from zincir.errors import ArgumentError, explain
from zincir.graph.node import MODE, user_line
from zincir.lower_precision import converted
from zincir.recording import note_condition
from zincir.tensor import Tensor
from zincir.types import DType, bfloat16, float16

SUPPORTED = (bfloat16, float16)


class autocast:
    """A context, or a decorator, in which products are computed in a lower precision.

    On the CPU: products and convolutions take their operands in `dtype` (bfloat16 if left out),
    losses and some others in float32, and the rest as they are. For a GPU it is off, with PyTorch's
    warning: there is none.

    >>> import zincir
    >>> x = zincir.ones(2, 2)
    >>> with autocast("cpu"):
    ...     (x @ x).dtype, (x + x).dtype
    (zincir.bfloat16, zincir.float32)
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = Device(device_type).type
        self.dtype = self.fast_dtype = dtype or (bfloat16 if self.device == "cpu" else float16)
        if enabled and self.device != "cpu":
            warnings.warn(
                f"there is no {self.device} device: autocast is off", UserWarning, stacklevel=2
            )
            enabled = False
        if enabled and self.dtype not in SUPPORTED:
            warnings.warn(
                f"autocast on the CPU is for bfloat16 and float16, not for {self.dtype.name}: "
                "it is off",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[DType | None] = []

    def __enter__(self) -> Self:
        self._before.append(MODE.autocast)
        if self.device == "cpu":
            MODE.autocast = self.dtype if self._enabled else None
        return self

    def __exit__(self, *_: object) -> None:
        MODE.autocast = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, run in this context."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return run


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether an autocast context for this device is open."""
    return MODE.autocast is not None and Device(device_type).type == "cpu"


def is_autocast_available(device_type: str) -> bool:
    """Whether there can be such a context for this device."""
    return Device(device_type).type == "cpu"


def custom_fwd(
    fwd: Any = None, *, device_type: str = "cuda", cast_inputs: DType | None = None
) -> Any:
    """A decorator for the forward of a custom function, which notes whether autocast is on.

    Args:
        cast_inputs: inside autocast, tensors are converted to this type, and it is off within.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def run(*args: Any, **kwargs: Any) -> Any:
        on = is_autocast_enabled(device_type)
        args[0]._autocast = MODE.autocast if on and cast_inputs is None else None
        if cast_inputs is None or not on:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            given = [converted(x, cast_inputs) for x in args]
            return fwd(*given, **{k: converted(v, cast_inputs) for k, v in kwargs.items()})

    return run


def custom_bwd(bwd: Any = None, *, device_type: str = "cuda") -> Any:
    """A decorator for the backward of a custom function: autocast is what it was in forward."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def run(*args: Any, **kwargs: Any) -> Any:
        before, MODE.autocast = MODE.autocast, args[0]._autocast
        try:
            return bwd(*args, **kwargs)
        finally:
            MODE.autocast = before

    return run


class GradScaler:
    """Scales a loss, so that small gradients of 16 bits do not vanish, and gradients back.

    For a GPU it is off: losses, gradients and steps are left alone. For "cpu" it does its work:
    a step with gradients that are not finite is skipped, and the scale halved.

    >>> import zincir
    >>> scaler = GradScaler("cpu", init_scale=4.0)
    >>> scaler.scale(zincir.ones(())), GradScaler("cpu", enabled=False).scale(2.0)
    (tensor(4.), 2.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and Device(device).type != "cpu":
            warnings.warn(
                f"there is no {device} device: GradScaler is off", UserWarning, stacklevel=3
            )
            enabled = False
        if enabled and not (growth_factor > 1.0 and backoff_factor < 1.0):
            raise ArgumentError(
                explain(
                    "GradScaler: growth_factor must be > 1 and backoff_factor < 1",
                    where=user_line(),
                    got=f"{growth_factor} and {backoff_factor}",
                )
            )
        self._enabled = enabled
        self._scale = float(init_scale)
        self._growth, self._backoff, self._interval = growth_factor, backoff_factor, growth_interval
        self._good = 0
        self._finite: dict[int, bool] = {}
        """Whether the gradients of an optimizer were finite when they were scaled back."""

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """What losses are multiplied with."""
        return self._factor() if self._enabled else 1.0

    def _factor(self) -> float:
        note_condition(self, lambda: self._scale)
        return self._scale

    def scale(self, outputs: Any) -> Any:
        """A loss, or several, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._factor()
        return type(outputs)([self.scale(part) for part in outputs])

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, once before a step.

        Raises:
            ArgumentError: that was done since the last `update`.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._finite:
            raise ArgumentError(
                explain(
                    "unscale_() has already been called on this optimizer since the last update()",
                    where=user_line(),
                )
            )
        self._finite[id(optimizer)] = self._divide(_gradients(optimizer))

    def _divide(self, gradients: Iterable[Tensor]) -> bool:
        finite = True
        for grad in gradients:
            grad.mul_(1.0 / self._factor())
            finite = finite and bool(grad.isfinite().all())
        return finite

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(...)`, unless gradients are infinite or NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) not in self._finite:
            self.unscale_(optimizer)
        return optimizer.step(*args, **kwargs) if self._finite[id(optimizer)] else None

    def update(self, new_scale: Any = None) -> None:
        """Halve the scale after a step that was skipped; double it after many that were not."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not all(self._finite.values()):
            self._scale, self._good = self._scale * self._backoff, 0
        else:
            self._good += 1
            if self._good == self._interval:
                self._scale, self._good = self._scale * self._growth, 0
        self._finite.clear()

    def state_dict(self) -> dict[str, Any]:
        """What goes on elsewhere by `load_state_dict`; empty if it is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._good,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state."""
        if not self._enabled:
            return
        if not state_dict:
            raise ArgumentError(
                explain("GradScaler: the state is empty, of one that was off", where=user_line())
            )
        self._scale, self._good = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        self._growth = state_dict["growth_factor"]
        self._backoff = state_dict["backoff_factor"]
        self._interval = state_dict["growth_interval"]


def _gradients(optimizer: Any) -> list[Tensor]:
    return [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]

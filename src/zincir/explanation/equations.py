"""The equations of optimizers with numbers in them, for parameters of one element."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from zincir.explanation.reading import number

Written: TypeAlias = tuple[Sequence[str], float]
"""Lines, and the new value that they end with: NaN if there are no words for these settings."""


def _decay(name: str, p: float, g: float, group: Mapping[str, Any]) -> Written:
    decay = float(group["weight_decay"])
    if not decay:
        return [], g
    new = g + decay * p
    numbers = f"{_n(g)} + {_n(decay)} * {_p(p)} = {_n(new)}"
    return [f"g = dL/d{name} + weight_decay * {name} = {numbers}"], new


def _sgd(
    name: str, p: float, g: float, state: Mapping[str, float], group: Mapping[str, Any]
) -> Written:
    lr, momentum = float(group["lr"]), float(group["momentum"])
    if group["maximize"] or group["dampening"]:
        return [], math.nan
    lines, along = _decay(name, p, g, group)
    what = "g" if lines else f"dL/d{name}"
    if momentum:
        old = state.get("momentum_buffer", 0.0)
        b = momentum * old + along
        numbers = f"{_n(momentum)} * {_p(old)} + {_p(along)} = {_n(b)}"
        lines = [*lines, f"b = momentum * b + {what} = {numbers}"]
        if group["nesterov"]:
            ahead = along + momentum * b
            numbers = f"{_n(along)} + {_n(momentum)} * {_p(b)} = {_n(ahead)}"
            text = f"n = {what} + momentum * b = {numbers}"
            lines, along, what = [*lines, text], ahead, "n"
        else:
            along, what = b, "b"
    new = p - lr * along
    text = f"{name} = {name} - lr * {what} = {_n(p)} - {_n(lr)} * {_p(along)} = {_n(new)}"
    return [*lines, text], new


def _adam(
    name: str, p: float, g: float, state: Mapping[str, float], group: Mapping[str, Any]
) -> Written:
    lr, eps = float(group["lr"]), float(group["eps"])
    beta1, beta2 = (float(beta) for beta in group["betas"])
    if group["maximize"] or group["amsgrad"]:
        return [], math.nan
    lines: Sequence[str] = []
    what = f"dL/d{name}"
    if group["weight_decay"] and group.get("decoupled_weight_decay"):
        kept = p * (1 - lr * float(group["weight_decay"]))
        lines = [f"{name} = (1 - lr * weight_decay) * {name} = {_n(kept)}"]
        p = kept
    else:
        lines, g = _decay(name, p, g, group)
        what = "g" if lines else what
    square = what if what == "g" else f"({what})"
    t = state.get("step", 0.0) + 1
    m0, v0 = state.get("exp_avg", 0.0), state.get("exp_avg_sq", 0.0)
    m, v = beta1 * m0 + (1 - beta1) * g, beta2 * v0 + (1 - beta2) * g * g
    m1, v1 = m / (1 - beta1**t), v / (1 - beta2**t)
    new = p - lr * m1 / (math.sqrt(v1) + eps)
    return [
        *lines,
        f"m = beta1 * m + (1 - beta1) * {what} = {_n(beta1)} * {_p(m0)} + {_n(1 - beta1)} * {_p(g)}"
        f" = {_n(m)}",
        f"v = beta2 * v + (1 - beta2) * {square} ** 2 = {_n(beta2)} * {_p(v0)} + {_n(1 - beta2)} * "
        f"{_p(g)} ** 2 = {_n(v)}",
        f"both began at 0 and are too small at first, here at step {t:.0f}: m / (1 - beta1 ** t) = "
        f"{_n(m1)}, v / (1 - beta2 ** t) = {_n(v1)}",
        f"{name} = {name} - lr * {_p(m1)} / (sqrt({_n(v1)}) + eps) = {_n(p)} - {_n(lr)} * "
        f"{_p(m1 / (math.sqrt(v1) + eps))} = {_n(new)}",
    ], new


WRITERS: dict[str, Callable[..., Written]] = {"SGD": _sgd, "Adam": _adam, "AdamW": _adam}


def _n(value: float) -> str:
    return number(value)


def _p(value: float) -> str:
    text = number(value)
    return f"({text})" if text.startswith("-") else text

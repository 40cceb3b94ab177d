"""Whether a saved state fits a module: everything is checked before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zincir.creation import tensor
from zincir.errors import StateError, ZincirError, explain
from zincir.nn.module.uninitialized import is_lazy
from zincir.tensor import Tensor

SHOWN = 12


def check_fit(
    owner: str, own: Mapping[str, Tensor], state: Mapping[str, Any], strict: bool
) -> tuple[dict[str, Tensor], list[str], list[str]]:
    """The tensors of `state` that belong to `own`, the names missing, and the names not known.

    Raises:
        StateError: a shape differs, a value is not an array, or, if `strict`, the names differ.
    """
    if not isinstance(state, Mapping):
        raise StateError(
            explain(
                f"{owner}.load_state_dict: not a state",
                expected="a dictionary of names and tensors",
                got=type(state).__name__,
            )
        )
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    problems: list[str] = []
    if strict and missing:
        problems.append(_some("missing:    ", missing))
    if strict and unexpected:
        problems.append(_some("unexpected: ", unexpected))
    fitting: dict[str, Tensor] = {}
    for name, mine in own.items():
        if name in state:
            problem = fit(mine, name, state[name], fitting)
            problems += [problem] if problem else []
    if problems:
        raise StateError(
            explain(
                f"{owner}.load_state_dict: the state does not fit; nothing was changed",
                got="\n".join(problems),
                try_=_advice(missing, unexpected, own),
            )
        )
    return fitting, missing, unexpected


def fit(mine: Tensor, name: str, value: Any, fitting: dict[str, Tensor]) -> str | None:
    """Note under `name` what can be copied into `mine`; else, what is wrong with it."""
    try:
        new = value if isinstance(value, Tensor) else tensor(np.asarray(value))
    except (ZincirError, RuntimeError, TypeError, ValueError):
        return f"{name}: not a tensor or an array but {type(value).__name__}"
    if is_lazy(new) and not is_lazy(mine):
        return (
            f"{name}: not initialised in the state (its layer was never called), {mine.shape} here"
        )
    if not is_lazy(mine) and tuple(new.shape) != tuple(mine.shape):
        return f"{name}: shape {tuple(new.shape)} in the state, {tuple(mine.shape)} here"
    if new.dtype.is_floating_point and not mine.dtype.is_floating_point:
        return f"{name}: {new.dtype.name} in the state, {mine.dtype.name} here"
    fitting[name] = new.detach()
    return None


def _some(title: str, names: list[str]) -> str:
    more = len(names) - SHOWN
    return title + ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _advice(missing: list[str], unexpected: list[str], own: Mapping[str, Tensor]) -> str:
    for name in unexpected:
        _, dot, rest = name.partition(".")
        if dot and rest in own:
            prefix = name[: -len(rest)]
            return f"take the prefix away: {{k.removeprefix({prefix!r}): v for k, v in ...}}"
    if missing or unexpected:
        return "load_state_dict(state, strict=False) loads what has the same name and shape"
    return "build the module with the sizes it was saved with"

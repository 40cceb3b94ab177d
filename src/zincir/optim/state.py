"""An optimizer's saved state: checked as a whole before anything of it is taken over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zincir.errors import StateError, ZincirError, explain
from zincir.optim.groups import Group, check_settings
from zincir.runtime.buffer import Buffer, arranged
from zincir.tensor import Tensor, from_array, from_buffer


def loaded_settings(owner: str, groups: list[Group], saved: Mapping[str, Any]) -> list[Group]:
    """The settings of each group, without those that this optimizer does not have.

    Raises:
        StateError: the groups differ in number or size.
    """
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        got = f"keys {list(saved)[:5]}" if isinstance(saved, Mapping) else type(saved).__name__
        raise _misfit(owner, "not a state of an optimizer", "'state' and 'param_groups'", got)
    theirs = [len(group["params"]) for group in saved["param_groups"]]
    ours = [len(group["params"]) for group in groups]
    if ours != theirs:
        raise _misfit(
            owner,
            "the state belongs to other parameter groups",
            f"groups of {ours} parameters",
            f"groups of {theirs}",
        )
    settings: list[Group] = []
    for group, other in zip(groups, saved["param_groups"], strict=True):
        known = {k: other[k] for k in group if k != "params" and k in other}
        if _is_array(known.get("lr")):
            known["lr"] = from_array(np.array(_array_of(known["lr"])))
        check_settings(f"{owner}.load_state_dict", {**group, **known})
        settings.append(known)
    return settings


def loaded_state(
    owner: str, groups: list[Group], saved: Mapping[str, Any]
) -> dict[Tensor, dict[str, Tensor]]:
    """Copies of the saved tensors for each parameter.

    Parameters of a group whose step counts are equal share one.

    Raises:
        StateError: a tensor does not have the shape of its parameter.
    """
    found: dict[Tensor, dict[str, Tensor]] = {}
    problems: list[str] = []
    for group, other in zip(groups, saved["param_groups"], strict=True):
        counts: dict[float, Tensor] = {}
        for p, number in zip(group["params"], other["params"], strict=True):
            for name, value in saved["state"].get(number, {}).items():
                if value is None:
                    continue
                array = _try_array(value)
                if array is None or array.shape not in ((), p.shape):
                    got = type(value).__name__ if array is None else str(array.shape)
                    problems.append(f"{name} of parameter {number}: {got}, not {p.shape}")
                    continue
                tensor = _tensor(name, array, p)
                if name == "step":
                    tensor = counts.setdefault(float(array), tensor)
                found.setdefault(p, {})[name] = tensor
    if problems:
        what = "the state belongs to other parameters"
        raise _misfit(owner, what, "tensors of the parameters' shapes", "\n".join(problems))
    return found


def _tensor(name: str, array: np.ndarray[Any, Any], p: Tensor) -> Tensor:
    dtype = np.float32 if name == "step" else p.dtype.numpy
    return stored_like(np.array(array, dtype), p)


def stored_like(array: np.ndarray[Any, Any], p: Tensor) -> Tensor:
    """A tensor of these values that lie in memory as those of a parameter of this shape."""
    value = p._node.value
    order = value.order if value is not None and array.shape == p.shape else None
    return from_buffer(arranged(Buffer(array), order))


def _is_array(value: Any) -> bool:
    return value is not None and not isinstance(value, bool | int | float)


def _array_of(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(value._value("load_state_dict") if isinstance(value, Tensor) else value)


def _try_array(value: Any) -> np.ndarray[Any, Any] | None:
    try:
        array = _array_of(value)
    except (ZincirError, RuntimeError, TypeError, ValueError):
        return None
    return array if array.dtype.kind in "fiub" else None


def _misfit(owner: str, what: str, expected: str, got: str) -> StateError:
    return StateError(
        explain(
            f"{owner}.load_state_dict: {what}; nothing was changed",
            expected=expected,
            got=got,
            try_="build the optimizer with the same parameters in the same order",
        )
    )

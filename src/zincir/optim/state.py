"""An optimizer's saved state: checked as a whole before anything of it is taken over."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from zincir.errors import StateError, TraceError, ZincirError, explain
from zincir.graph.node import Node
from zincir.half import converted
from zincir.optim.settings import Group
from zincir.runtime.buffer import Buffer, arranged
from zincir.tensor import Tensor, from_array, from_buffer
from zincir.types import DType, Shape, float32


def copied_settings(owner: str, groups: list[Group], saved: Mapping[str, Any]) -> list[Group]:
    """The settings of each group.

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
    return [
        {**_names(group), **{k: copy.deepcopy(v) for k, v in other.items() if k != "params"}}
        for group, other in zip(groups, saved["param_groups"], strict=True)
    ]


def _names(group: Group) -> Group:
    """The names of a group's parameters, if they have any: they stay if none are saved."""
    return {k: group[k] for k in ("param_names",) if k in group}


def loaded_groups(
    owner: str, groups: list[Group], defaults: Group, saved: Mapping[str, Any]
) -> list[Group]:
    """The groups with what was saved of them; settings that were not saved have their defaults.

    Raises:
        StateError: the groups differ in number or size.
    """
    found: list[Group] = []
    for group, other in zip(groups, copied_settings(owner, groups, saved), strict=True):
        if _is_array(other.get("lr")):
            other["lr"] = from_array(np.array(_array_of(other["lr"])))
        found.append({"params": group["params"], **defaults, **other})
    return found


def copied_state(groups: list[Group], saved: Mapping[str, Any]) -> dict[Any, dict[str, Any]]:
    """A copy of all that was remembered; tensors in the type of their parameter."""
    numbered = {
        number: p
        for group, other in zip(groups, saved["param_groups"], strict=True)
        for p, number in zip(group["params"], other["params"], strict=True)
    }
    found: dict[Any, dict[str, Any]] = {}
    for key, state in saved["state"].items():
        if key in numbered:
            p = numbered[key]
            found[p] = {name: _copied(name, value, p) for name, value in state.items()}
        else:
            found[key] = copy.deepcopy(state)
    return found


def _copied(name: str, value: Any, p: Tensor) -> Any:
    if isinstance(value, Mapping):
        entries = cast(Mapping[Any, Any], value)
        return {k: _copied(str(k), v, p) for k, v in entries.items()}
    if isinstance(value, list | tuple):
        several = cast(list[Any], value)
        return type(several)(_copied(name, v, p) for v in several)
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    typed = p.dtype.is_floating_point and name != "step"
    array = _array_of(value)
    return stored_like(converted(array, p.dtype) if typed else np.array(array), p)


class StateSpec(NamedTuple):
    """What a part of a parameter's state is before the first update: full of one value.

    Attributes:
        shared: one tensor for all parameters of a group that are always updated together, such as
            a step count. `precompute` gives its new values.
        lazy: it is what the first step leaves: if a group holds a parameter twice, each of the two
            updates of that step finds the value.
    """

    shape: Shape
    dtype: DType
    value: float = 0.0
    shared: bool = False
    lazy: bool = False

    @classmethod
    def like(cls, p: Node, value: float = 0.0, lazy: bool = False) -> StateSpec:
        """In the shape and type of a parameter."""
        return cls(p.shape, p.dtype, value, lazy=lazy)


STEP = StateSpec((), float32, shared=True)
"""A count of updates."""

Init: TypeAlias = Callable[[Node, Group], Mapping[str, StateSpec]]


def loaded_state(
    owner: str, groups: list[Group], saved: Mapping[str, Any], init: Init
) -> dict[Tensor, dict[str, Tensor]]:
    """Copies of the saved tensors for each parameter: shapes and types are those of `init`.

    What `init` does not name has the shape of the parameter, or none. Parameters of a group share
    what `init` says can be shared, if all of it is equal.

    Args:
        groups: as they will be when the state is there.

    Raises:
        StateError: a tensor has another shape.
    """
    found: dict[Tensor, dict[str, Tensor]] = {}
    problems: list[str] = []
    for group, other in zip(groups, saved["param_groups"], strict=True):
        shared: set[str] = set()
        for p, number in zip(group["params"], other["params"], strict=True):
            values = {k: v for k, v in saved["state"].get(number, {}).items() if v is not None}
            if values:
                specs = init(p._node, group)
                found[p] = _fitting(p, values, specs, f"parameter {number}", problems)
                shared |= {name for name, spec in specs.items() if spec.shared}
        if not problems:
            _share(sorted(shared), [found[p] for p in group["params"] if p in found])
    if problems:
        what = "the state belongs to other parameters"
        raise _misfit(owner, what, "tensors of the parameters' shapes", "\n".join(problems))
    return found


def _fitting(
    p: Tensor,
    values: Mapping[str, Any],
    specs: Mapping[str, StateSpec],
    whose: str,
    problems: list[str],
) -> dict[str, Tensor]:
    """Copies of what fits a parameter; what does not is added to the problems."""
    found: dict[str, Tensor] = {}
    for name, value in values.items():
        array = _try_array(value)
        spec = specs.get(name, StateSpec.like(p._node))
        shapes = [spec.shape] if name in specs else [spec.shape, ()]
        if array is not None and array.shape in shapes:
            found[name] = stored_like(converted(array, spec.dtype), p)
        else:
            got = type(value).__name__ if array is None else str(array.shape)
            problems.append(f"{name} of {whose}: {got}, not {spec.shape}")
    return found


def _share(names: list[str], states: list[dict[str, Tensor]]) -> None:
    """Let states have the tensors of these names in common, if all of them are equal."""
    known: dict[Any, dict[str, Tensor]] = {}
    for state in states:
        own = {name: state[name] for name in names if name in state}
        key = tuple((name, float(number_in(t))) for name, t in own.items())
        state.update(known.setdefault(key, own))


def number_in(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The value of a tensor that is known, also while a function is recorded."""
    buffer = tensor._node.value
    return np.array(tensor._value("optimizer") if buffer is None else buffer.array)


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
    except TraceError:
        raise
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

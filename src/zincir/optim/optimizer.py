"""Optimizer: parameter groups, their state, and what is saved of both."""

from __future__ import annotations

import copy
import functools
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from zincir.errors import explain
from zincir.graph.node import describe, here
from zincir.hook_handle import Hooks, RemovableHandle
from zincir.nn.module.module import clear_grad
from zincir.optim.groups import Group, checked_group, groups_of, required as required
from zincir.optim.state import copied_settings, copied_state
from zincir.recording import CURRENT, by_value, note_condition, note_module
from zincir.tensor import Tensor

Hook = Callable[..., Any]


class Optimizer:
    """Changes parameters along their gradients.

    A subclass gives its settings to `__init__` and defines `step`, as for PyTorch. `Formula` is for
    those that can be written as formulas.

    Attributes:
        param_groups: dictionaries of "params" and the settings for them, such as "lr"; settings
            may be changed between steps.
        state: for each parameter, whatever the optimizer remembers, by name.

    Example:
        >>> import zincir
        >>> class Signs(Optimizer):
        ...     def __init__(self, params, lr=0.1):
        ...         super().__init__(params, {"lr": lr})
        ...
        ...     @zincir.no_grad()
        ...     def step(self):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 if p.grad is not None:
        ...                     p.add_(p.grad.sign(), alpha=-group["lr"])
        >>> w = zincir.tensor([4.0], requires_grad=True)
        >>> optimizer = Signs([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.item()
        3.5
    """

    param_groups: list[Group]
    state: defaultdict[Tensor, dict[str, Any]]
    _stepping = False

    def __init__(self, params: Any, defaults: Group) -> None:
        self.defaults = defaults
        self.param_groups = []
        self.state = defaultdict(dict)
        for group in groups_of(type(self).__name__, params):
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _watched(cls.step)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own: `{"params": [...], "lr": 0.1}`."""
        name = type(self).__name__
        self.param_groups.append(checked_group(name, param_group, self.defaults, self.param_groups))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or (`set_to_none=False`) make them zero."""
        note_condition(self, self._whose)
        for group in self.param_groups:
            for p in group["params"]:
                clear_grad(p, set_to_none)

    def _whose(self) -> list[int]:
        """Which parameters there are."""
        return [id(p) for group in self.param_groups for p in group["params"]]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; every subclass defines it."""
        name = type(self).__name__
        raise NotImplementedError(
            explain(
                f"{name} has no step",
                where=describe(here()),
                try_=f"define step(self, closure=None) in {name}",
            )
        )

    def _hooks(self, moment: str) -> Hooks:
        """Hooks of a moment; there from the first question on, also without `__init__`."""
        return self.__dict__.setdefault(f"_hooks_{moment}", {})

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before every step; it may return both anew."""
        return RemovableHandle(self._hooks("before_step"), hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after every step."""
        return RemovableHandle(self._hooks("after_step"), hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before every `state_dict()`."""
        return RemovableHandle(self._hooks("before_saving"), hook, prepend=prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` with what was made; it may return another."""
        return RemovableHandle(self._hooks("after_saving"), hook, prepend=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before every loading; it may return another."""
        return RemovableHandle(self._hooks("before_loading"), hook, prepend=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after every loading."""
        return RemovableHandle(self._hooks("after_loading"), hook, prepend=prepend)

    def state_dict(self) -> dict[str, Any]:
        """State and settings, with numbers in place of parameters, as PyTorch has it."""
        for hook in list(self._hooks("before_saving").values()):
            hook(self)
        note_condition(self.__dict__, lambda: by_value(self.param_groups))
        held = chain.from_iterable(group["params"] for group in self.param_groups)
        numbers: dict[Any, int] = {p: number for number, p in enumerate(held)}
        state = {numbers.get(k, k): self._saved(held) for k, held in self.state.items()}
        saved: dict[str, Any] = {
            "state": {k: held for k, held in state.items() if held != {}},
            "param_groups": [
                {
                    **{k: v for k, v in group.items() if k != "params"},
                    "params": [numbers[p] for p in group["params"]],
                }
                for group in self.param_groups
            ],
        }
        for hook in list(self._hooks("after_saving").values()):
            saved = hook(self, saved) or saved
        return saved

    @staticmethod
    def _group_tensors_by_device_and_dtype(
        tensorlistlist: list[list[Any]], with_indices: bool = False
    ) -> dict[tuple[Any, Any], tuple[list[list[Any]], list[int]]]:
        """Columns of lists by the type of their first tensor, for steps of other libraries."""
        found: dict[tuple[Any, Any], tuple[list[list[Any]], list[int]]] = {}
        for number, column in enumerate(zip(*tensorlistlist, strict=True)):
            lists, indices = found.setdefault(
                (column[0].device, column[0].dtype), ([[] for _ in tensorlistlist], [])
            )
            for held, tensor in zip(lists, column, strict=True):
                held.append(tensor)
            indices.append(number)
        return found

    def _saved(self, held: Any) -> Any:
        """What is saved of what is remembered under one key of the state."""
        return copy.copy(held)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a copy of a state: tensors in the type of their parameter, but for "step".

        Raises:
            StateError: it belongs to other parameters; nothing has been changed.
        """
        if self._hooks("before_loading"):
            state_dict = dict(state_dict)
        for hook in list(self._hooks("before_loading").values()):
            state_dict = hook(self, state_dict) or state_dict
        self._load(state_dict)
        for hook in list(self._hooks("after_loading").values()):
            hook(self)

    def _load(self, state_dict: Mapping[str, Any]) -> None:
        name = type(self).__name__
        settings = copied_settings(name, self.param_groups, state_dict)
        self._take_over(settings, copied_state(self.param_groups, state_dict))

    def _take_over(self, settings: list[Group], state: Mapping[Any, dict[str, Any]]) -> None:
        groups = [
            {"params": group["params"], **new}
            for group, new in zip(self.param_groups, settings, strict=True)
        ]
        for group, new in zip(self.param_groups, groups, strict=True):
            group.clear()
            group.update(new)
        self.__setstate__({"state": defaultdict(dict, state), "param_groups": self.param_groups})

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: hooks stay behind."""
        return {k: getattr(self, k) for k in ("defaults", "state", "param_groups")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Called with what was loaded or unpickled; a subclass may add what is missing."""
        self.__dict__.update(state)

    def __repr__(self) -> str:
        blocks: list[str] = []
        for number, group in enumerate(self.param_groups):
            settings = [f"    {k}: {v}\n" for k, v in sorted(group.items()) if k != "params"]
            blocks.append(f"Parameter Group {number}\n" + "".join(settings))
        return f"{type(self).__name__} (\n" + "\n".join(blocks) + ")"

    def _note_step(self) -> None:
        """Note for a schedule, if there is one, that there was a step."""
        if "_opt_called" in self.__dict__:
            self.__dict__["_opt_called"] = True

    def _note_remembered(self) -> None:
        """Note what a recorded step takes for constant."""
        note_condition(self, self._remembered, instead=True)

    def _remembered(self) -> list[Any]:
        """Settings, and what is no tensor of the state. A replay asks: it is a step, too."""
        self._note_step()
        groups: list[Group] = self.__dict__.get("param_groups", [])
        kept = [group[k] for group in groups for k in group if k != "params"]
        states: dict[Any, dict[str, Any]] = self.__dict__.get("state", {})
        kept += [value for state in states.values() for value in state.values()]
        params = [id(p) for group in groups for p in group["params"]]
        return params + [id(v) if isinstance(v, Tensor) else repr(v) for v in kept]


class _HooksOfSteps:
    """What recordings watch: no hook may come or go unnoticed."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._before = optimizer._hooks("before_step")
        self._after = optimizer._hooks("after_step")


def _watched(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step with hooks around it, recorded anew when what it took for constant has changed."""

    @functools.wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._stepping:  # a step that calls the one it overrides
            return step(self, *args, **kwargs)
        self._note_remembered()
        self._note_step()
        if CURRENT.recording is not None:
            note_module(_HooksOfSteps(self))
        self._stepping = True
        try:
            for hook in list(self._hooks("before_step").values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    args, kwargs = changed
            result = step(self, *args, **kwargs)
            for hook in list(self._hooks("after_step").values()):
                hook(self, args, kwargs)
        finally:
            self._stepping = False
        return result

    return run

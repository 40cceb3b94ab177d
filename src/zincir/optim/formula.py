"""Optimizers that are formulas: the one loop that they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from zincir import recording
from zincir.autograd import enable_grad
from zincir.graph.node import MODE, Node, here
from zincir.ops.arithmetic import cast
from zincir.optim.arithmetic import neg
from zincir.optim.groups import Group, check_settings
from zincir.optim.numbers import number_nodes, switches
from zincir.optim.optimizer import Optimizer
from zincir.optim.state import loaded_settings, loaded_state, stored_like
from zincir.step import Compiled, compile
from zincir.tensor import Tensor, from_array
from zincir.types import DType, Shape, float64

Nodes: TypeAlias = dict[str, Node]
Start: TypeAlias = dict[str, tuple[Shape, DType, float]]


class Formula(Optimizer):
    """An optimizer that is four pure functions.

    They are: what a parameter's state begins with (`init`), the numbers of a group (`numbers`),
    what follows from them once for all its parameters (`shared`), and the update of one parameter
    (`update`). Everything else is here.
    """

    def __init__(self, params: Any, defaults: Group) -> None:
        self._compiled: Compiled[[], None] = compile(self._step)
        super().__init__(params, defaults)

    def init(self, param: Node, group: Group) -> Start:
        """The state of a parameter before its first update: shape, type and value by name."""
        return {}

    @abstractmethod
    def numbers(self, group: Group) -> dict[str, float]:
        """The numbers that updates look at, "lr" among them."""

    def shared(self, numbers: Nodes, step: Node | None) -> Nodes:
        """What the updates of a group have in common: from float64 numbers and the step count."""
        return numbers

    @abstractmethod
    def update(self, param: Node, grad: Node, state: Nodes, now: Nodes, group: Group) -> Nodes:
        """New values for "param" and for whatever changes in its state.

        Args:
            now: what `shared` returned, in the type of the parameter.
        """

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own: `{"params": [...], "lr": 0.1}`."""
        super().add_param_group(param_group)
        try:
            check_settings(type(self).__name__, self.param_groups[-1])
        except Exception:
            self.param_groups.pop()
            raise

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss again, and is called first; what it returned is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        mode = MODE
        before = mode.grad, mode.origin
        mode.grad, mode.origin = False, mode.origin or here()
        try:
            self._compiled()
        finally:
            mode.grad, mode.origin = before
        return loss

    def _step(self) -> None:
        for group in self.param_groups:
            self._step_group(group)
        recording.note_condition(self, self._form)

    def _form(self) -> Any:
        """What decides which operations a step has, apart from gradients."""
        groups = [(switches(group), list(map(id, group["params"]))) for group in self.param_groups]
        states = [state.values() for state in self.state.values()]
        return groups, list(map(id, chain.from_iterable(states)))

    def _step_group(self, group: Group) -> None:
        active = [p for p in group["params"] if p.grad is not None]
        if not active:
            return
        numbers = number_nodes(group, self.numbers)
        self._begin([p for p in active if p not in self.state], group, new=True)
        self._begin(active, group)
        for step, params in self._in_step(active):
            count = None
            if step is not None:
                step._rebind(step._node + 1.0)
                count = cast(step._node, float64)
            exact = self.shared(numbers, count)
            now: dict[DType, Nodes] = {}
            for p in params:
                dtype = p._node.dtype
                if dtype not in now:
                    now[dtype] = {k: cast(n, dtype) for k, n in exact.items()}
                self._update_one(p, now[dtype], group)

    def _update_one(self, p: Tensor, now: Nodes, group: Group) -> None:
        node, state = p._node, self.state[p]
        assert p._grad is not None
        grad = cast(p._grad._node, node.dtype)
        if group["maximize"]:
            grad = neg(grad)
        nodes = {name: t._node for name, t in state.items()}
        for name, t in state.items():
            if t.dtype is not node.dtype and name != "step":  # the module was converted
                nodes[name] = cast(nodes[name], node.dtype)
        for name, value in self.update(node, grad, nodes, now, group).items():
            t = p if name == "param" else state[name]
            t._rebind(cast(value, t.dtype))

    def _begin(self, params: list[Tensor], group: Group, new: bool = False) -> None:
        """Make what is not yet there of the state: leaves with values, which a program can read.

        What is missing from a state that was loaded begins as zeros. New parameters share a step
        count.
        """
        step: Tensor | None = None
        for p in params:
            state = self.state.setdefault(p, {})
            for name, (shape, dtype, value) in self.init(p._node, group).items():
                if state.get(name) is not None:
                    continue
                start = stored_like(np.full(shape, value if new else 0.0, dtype.numpy), p)
                if name == "step":
                    start = step = start if step is None else step
                state[name] = start

    def _in_step(self, active: list[Tensor]) -> list[tuple[Tensor | None, list[Tensor]]]:
        """Step counts, each with the parameters that share it.

        Parameters that were always updated together share one tensor, so that a step counts once;
        those that now go on without the others get a count of their own.
        """
        sharing: dict[int, list[Tensor]] = {}
        for p in active:
            sharing.setdefault(id(self.state[p].get("step")), []).append(p)
        found: list[tuple[Tensor | None, list[Tensor]]] = []
        for params in sharing.values():
            step = self.state[params[0]].get("step")
            if step is not None and self._holders(step) > len(params):
                buffer = step._node.value
                array = step._value("step count") if buffer is None else buffer.array
                step = from_array(np.array(array))
                for p in params:
                    self.state[p]["step"] = step
            found.append((step, params))
        return found

    def _holders(self, step: Tensor) -> int:
        return sum(state.get("step") is step for state in self.state.values())

    def _remembered(self) -> list[Any]:
        """Nothing: settings are read again at each replay, and `_form` tells the rest."""
        return []

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state (of tensors or arrays), whole or not at all.

        Raises:
            StateError: it belongs to other parameters; nothing has been changed.
        """
        name = type(self).__name__
        settings = loaded_settings(name, self.param_groups, state_dict, self.defaults)
        state = loaded_state(name, self.param_groups, state_dict, self.init)
        self._take_over(settings, state)
        self._compiled = compile(self._step)  # the recordings hold on to the state there was

"""What happens around a module's forward: its path in messages, and the hooks users hang on it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from zincir.errors import GradientError, explain
from zincir.graph.node import MODE, user_line
from zincir.hook_handle import Hooks, RemovableHandle
from zincir.operations.arithmetic import copy
from zincir.recording import note_module, refuse_replay
from zincir.tensor import Tensor, wrap

Hook = Callable[..., Any]


def _hang(hooks: Hooks, hook: Any, prepend: bool) -> RemovableHandle:
    refuse_replay("it registers a hook")
    return RemovableHandle(hooks, hook, prepend=prepend)


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(cast(list[Any], x)) if isinstance(x, tuple | list) else (x,)


class Hooked:
    """Something that is called, and runs `forward` with hooks around it."""

    _forward_pre_hooks: dict[object, tuple[Hook, bool]]
    _forward_hooks: dict[object, tuple[Hook, bool]]
    _backward_pre_hooks: dict[object, Hook]
    _backward_hooks: dict[object, Hook]
    _name_in_parent: str
    """The name under which the parent runs this one, such as `fc1` or `layers.0`."""
    forward: Callable[..., Any]
    training: bool

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every forward.

        What it returns, unless None, takes the place of the arguments. With `with_kwargs` it is
        called as `hook(module, args, kwargs)` and returns both, in a tuple.
        """
        return _hang(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every forward.

        What it returns, unless None, takes the place of the output. With `with_kwargs` it is
        called as `hook(module, args, kwargs, output)`. With `always_call` it is called, with None
        as output, when forward raises, too.
        """
        if always_call:
            hook = _Always(hook)
        return _hang(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when a backward pass has crossed the module.

        Both are tuples, with None where no gradient flows. What the hook returns, unless None,
        takes the place of `grad_input`; that is possible for modules with one differentiable input.
        """
        return _hang(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """The older name of `register_full_backward_hook`, which this is."""
        return self.register_full_backward_hook(hook)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before a backward pass enters the module.

        What it returns, unless None, takes the place of `grad_output`; that is possible for
        modules with one differentiable output.
        """
        return _hang(self._backward_pre_hooks, hook, prepend)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        note_module(self)
        mode = MODE
        before = mode.layer
        mode.layer = (
            f"{before}.{self._name_in_parent}"
            if before
            else self._name_in_parent or type(self).__name__
        )
        try:
            if self._has_hooks():
                return self._run_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        finally:
            mode.layer = before

    def _has_hooks(self) -> bool:
        return bool(
            self._forward_pre_hooks
            or self._forward_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        )

    def _run_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            changed = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if changed is not None and with_kwargs:
                args, kwargs = changed
            elif changed is not None:
                args = _as_tuple(changed)
        crossing = None
        if self._backward_hooks or self._backward_pre_hooks:
            crossing = _Crossing(self)
            args = crossing.enter(args)
        try:
            output = self.forward(*args, **kwargs)
        except Exception:
            for hook, with_kwargs in list(self._forward_hooks.values()):
                if isinstance(hook, _Always):
                    hook(self, args, kwargs, None) if with_kwargs else hook(self, args, None)
            raise
        if crossing is not None:
            output = crossing.leave(output)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            changed = hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
            output = output if changed is None else changed
        return output


class _Always:
    """A forward hook that is called when forward raises, too."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)


class _Crossing:
    """One call of a module: the gradients that backward passes bring to both of its ends."""

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.grad_input: list[Tensor | None] = []
        self.grad_output: list[Tensor | None] = []
        self.inputs: set[int] = set()
        self.outputs: set[int] = set()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, those that need gradients under names of their own."""
        self.grad_input = [None] * len(args)
        self.inputs = {k for k, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad}
        inside = [wrap(copy(x._node)) if k in self.inputs else x for k, x in enumerate(args)]
        for k in self.inputs:
            inside[k].register_hook(functools.partial(self._arrived, k))
        return tuple(inside)

    def leave(self, output: Any) -> Any:
        """The output, watched."""
        outputs = list(_as_tuple(output))
        self.grad_output = [None] * len(outputs)
        for k, y in enumerate(outputs):
            if isinstance(y, Tensor) and y.requires_grad:
                self.outputs.add(k)
                outputs[k] = wrap(copy(y._node))
                outputs[k].register_hook(functools.partial(self._left, k))
        if isinstance(output, tuple):
            return tuple(outputs)
        return outputs if isinstance(output, list) else outputs[0]

    def _left(self, place: int, g: Tensor) -> Tensor | None:
        self.grad_output[place] = g
        if any(self.grad_output[k] is None for k in self.outputs):
            return None
        changed = self._call_before()
        if not self.inputs:
            self._call()
        return changed

    def _call_before(self) -> Tensor | None:
        """The hooks before the backward pass; what takes the place of the output's gradient."""
        new = None
        for hook in list(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, tuple(self.grad_output))
            if changed is not None:
                if len(self.outputs) != 1:
                    self._refuse_change("output")
                self.grad_output = list(_as_tuple(changed))
                new = self.grad_output[next(iter(self.outputs))]
        return new

    def _arrived(self, place: int, g: Tensor) -> Tensor | None:
        self.grad_input[place] = g
        if any(self.grad_input[k] is None for k in self.inputs):
            return None
        return self._call()

    def _call(self) -> Tensor | None:
        for hook in list(self.module._backward_hooks.values()):
            changed = hook(self.module, tuple(self.grad_input), tuple(self.grad_output))
            if changed is not None:
                if len(self.inputs) != 1:
                    self._refuse_change()
                self.grad_input = list(_as_tuple(changed))
        found = [self.grad_input[k] for k in self.inputs]
        self.grad_input = [None] * len(self.grad_input)
        self.grad_output = [None] * len(self.grad_output)
        return found[0] if len(found) == 1 else None

    def _refuse_change(self, end: str = "input") -> None:
        count = len(self.inputs if end == "input" else self.outputs)
        raise GradientError(
            explain(
                f"{type(self.module).__name__}: a backward hook returned a gradient",
                where=user_line(),
                expected=f"None, from modules without exactly one differentiable {end}",
                got=f"{count} differentiable {end}s",
                try_=f"register_hook on the {end} tensors themselves",
            )
        )

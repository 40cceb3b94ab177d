"""What happens around a module's forward: its path in messages, and the hooks users hang on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zincir.errors import GradientError, explain
from zincir.graph.node import MODE, describe, here
from zincir.ops.source import variable
from zincir.tensor import Tensor, wrap

Hook = Callable[..., Any]


class Handle:
    """Takes a hook away again: `handle.remove()`, or as a context manager at the end of `with`."""

    def __init__(self, hooks: dict[int, Any]) -> None:
        self._hooks = hooks

    def remove(self) -> None:
        """Take the hook away. Doing it twice is harmless."""
        self._hooks.pop(id(self), None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def _hang(hooks: dict[int, Any], hook: Any, prepend: bool) -> Handle:
    handle = Handle(hooks)
    others = dict(hooks)
    if prepend:
        hooks.clear()
    hooks[id(handle)] = hook
    hooks.update(others)
    return handle


class Hooked:
    """Something that is called, and runs `forward` with hooks around it."""

    _forward_pre_hooks: dict[int, tuple[Hook, bool]]
    _forward_hooks: dict[int, tuple[Hook, bool]]
    _backward_hooks: dict[int, Hook]
    _place: str
    """The name under which the parent runs this one, such as `fc1` or `layers.0`."""
    forward: Callable[..., Any]

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args)` before every forward.

        What it returns, unless None, takes the place of the arguments. With `with_kwargs` it is
        called as `hook(module, args, kwargs)` and returns both, in a tuple.
        """
        return _hang(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args, output)` after every forward.

        What it returns, unless None, takes the place of the output. With `with_kwargs` it is
        called as `hook(module, args, kwargs, output)`.
        """
        return _hang(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` when a backward pass has crossed the module.

        Both are tuples, with None where no gradient flows. What the hook returns, unless None,
        takes the place of `grad_input`; that is possible for modules with one differentiable input.
        """
        return _hang(self._backward_hooks, hook, prepend)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode = MODE
        before = mode.layer
        mode.layer = f"{before}.{self._place}" if before else self._place or type(self).__name__
        try:
            if self._forward_pre_hooks or self._forward_hooks or self._backward_hooks:
                return self._run_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        finally:
            mode.layer = before

    def _run_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            changed = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if changed is not None and with_kwargs:
                args, kwargs = changed
            elif changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        crossing = _Crossing(self) if self._backward_hooks else None
        if crossing is not None:
            args = crossing.enter(args)
        output = self.forward(*args, **kwargs)
        if crossing is not None:
            crossing.leave(output)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            changed = hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
            output = output if changed is None else changed
        return output


class _Crossing:
    """One backward pass through one call of a module: gradients collected at both ends."""

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.inputs: list[Tensor | None] = []
        self.grad_input: list[Tensor | None] = []
        self.grad_output: list[Tensor | None] = []

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, tensors that need gradients under names of their own."""
        inside: list[Any] = []
        for place, arg in enumerate(args):
            if isinstance(arg, Tensor) and arg.requires_grad:
                arg = wrap(variable(arg._node))
                arg.register_hook(lambda g, place=place: self._arrived(place, g))
                self.inputs.append(arg)
            else:
                self.inputs.append(None)
            inside.append(arg)
        self.grad_input = [None] * len(args)
        return tuple(inside)

    def leave(self, output: Any) -> None:
        outputs = list(output) if isinstance(output, tuple | list) else [output]
        self.grad_output = [None] * len(outputs)
        for place, y in enumerate(outputs):
            if isinstance(y, Tensor) and y.requires_grad:
                y.register_hook(lambda g, place=place: self._left(place, g))

    def _left(self, place: int, g: Tensor) -> None:
        self.grad_output[place] = g
        if not any(x is not None for x in self.inputs):
            self._call()

    def _arrived(self, place: int, g: Tensor) -> Tensor | None:
        self.grad_input[place] = g
        waiting = [
            k for k, x in enumerate(self.inputs) if x is not None and self.grad_input[k] is None
        ]
        if waiting:
            return None
        return self._call()

    def _call(self) -> Tensor | None:
        differentiable = [k for k, x in enumerate(self.inputs) if x is not None]
        for hook in list(self.module._backward_hooks.values()):
            changed = hook(self.module, tuple(self.grad_input), tuple(self.grad_output))
            if changed is None:
                continue
            if len(differentiable) != 1:
                raise GradientError(
                    explain(
                        f"{type(self.module).__name__}: a backward hook returned a gradient",
                        where=describe(MODE.origin or here()),
                        expected="None, from modules without exactly one differentiable input",
                        got=f"{len(differentiable)} differentiable inputs",
                        try_="register_hook on the input tensors themselves",
                    )
                )
            self.grad_input = list(changed) if isinstance(changed, tuple | list) else [changed]
        return self.grad_input[differentiable[0]] if len(differentiable) == 1 else None

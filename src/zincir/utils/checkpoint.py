"""Functions that are run again in the backward pass: `torch.utils.checkpoint`.

PyTorch does so to forget what a function computes in between. Nothing here is kept from one program
to the next but what a tensor holds, and what is computed in one program has its memory planned; so
nothing needs to be forgotten, and what is computed again is found to be equal, where both are in
one program. What remains of running again is what users see of it: the function is called twice, so
that batch norms count twice, and a dropout drops the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

from zincir.autograd.function import Function
from zincir.autograd.gradients import backward
from zincir.autograd.modes import enable_grad
from zincir.errors import ArgumentError, GradientError, explain
from zincir.generator import drawing_again, noting_draws
from zincir.graph.node import Node, user_line
from zincir.inplace import is_leaf
from zincir.tensor import Tensor
from zincir.tensor_backward import PASS


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args)`, which the backward pass calls again.

    Args:
        function: of tensors and what else; it must do the same both times.
        args: its arguments.
        use_reentrant: False is right. True differentiates the second call, as PyTorch once did:
            then an argument must require gradients, `autograd.grad` is refused, and there are no
            `kwargs`. That is what happens, with a warning, if it is left out.
        context_fn: gives a context for the first call, and one for the second.
        determinism_check, debug, early_stop: taken as PyTorch has them; they change nothing here.
        preserve_rng_state: whether the second call draws the same random numbers.
        kwargs: more arguments.

    Raises:
        ArgumentError: arguments that exclude one another.

    Example:
        >>> x = Tensor([0.5]).requires_grad_()
        >>> checkpoint(lambda x: (x * 3).exp(), x, use_reentrant=False).backward()
        >>> x.grad
        tensor([13.4451])
    """
    if use_reentrant is None:
        _warn("checkpoint")
        use_reentrant = True
    if use_reentrant:
        if kwargs or context_fn is not noop_context_fn or debug:
            raise ArgumentError(
                explain(
                    "checkpoint: keyword arguments, `context_fn` and `debug` are only supported "
                    "when use_reentrant=False",
                    where=user_line(),
                    got=", ".join(kwargs) or "context_fn or debug",
                )
            )
        return _Reentrant.apply(function, preserve_rng_state, *args)
    first, second = context_fn()
    with first, noting_draws() as draws:
        result = function(*args, **kwargs)
    again = _Again(function, args, kwargs, second, draws if preserve_rng_state else None)
    given = [id(x) for x in (*args, *kwargs.values())]
    for y in _tensors(result):
        if y.requires_grad and not is_leaf(y) and id(y) not in given:
            again.follow(y)
    return result


class _Again:
    """The second call, once in each backward pass, when the first gradient arrives."""

    def __init__(self, *call: Any) -> None:
        self._call = call
        self._arrived: set[int] = set()

    def follow(self, y: Tensor) -> None:
        """Watch for the gradient of an output."""
        number = id(y)
        y.register_hook(lambda g: self._hear(number))

    def _hear(self, number: int) -> None:
        begun = bool(self._arrived) and number not in self._arrived
        if not begun:  # the first one, or one that comes for the second time
            self._arrived.clear()
            function, args, kwargs, context, draws = self._call
            with enable_grad(), context, _same_numbers(draws):
                function(*map(_apart, args), **{k: _apart(v) for k, v in kwargs.items()})
        self._arrived.add(number)


@contextmanager
def _same_numbers(draws: list[Node] | None) -> Generator[None]:
    """The random numbers of the first call, if they are to be the same."""
    if draws is None:
        yield
        return
    with drawing_again(draws):
        yield


def _apart(x: Any) -> Any:
    """An argument for the second call: what it requires, and none of its graph."""
    if not isinstance(x, Tensor):
        return x
    return x.detach().requires_grad_(x.requires_grad)


def _tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        return _tensors(list(cast("dict[Any, Any]", result).values()))
    if isinstance(result, list | tuple):
        return [t for part in cast("list[Any]", result) for t in _tensors(part)]
    return []


class _Reentrant(Function):
    """The first call without gradients; the second one, with them, is differentiated."""

    @staticmethod
    def forward(ctx: Any, function: Any, preserve: bool, *args: Any) -> Any:
        """The first call."""
        if not any(isinstance(x, Tensor) and x.requires_grad for x in args):
            warnings.warn(
                "checkpoint: None of the inputs have requires_grad=True. Gradients will be None",
                stacklevel=4,
            )
        with noting_draws() as draws:
            result = function(*args)
        ctx.function, ctx.draws = function, draws if preserve else None
        ctx.inputs = [None if isinstance(x, Tensor) else x for x in args]
        ctx.places = [k for k, x in enumerate(args) if isinstance(x, Tensor)]
        ctx.save_for_backward(*(x for x in args if isinstance(x, Tensor)))
        return result

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The second call, and its gradients."""
        if PASS.chosen:
            raise GradientError(
                explain(
                    "When use_reentrant=True, checkpoint is incompatible with .grad() or passing "
                    "an `inputs` parameter to .backward()",
                    where=user_line(),
                    try_="use_reentrant=False",
                )
            )
        inputs = list(ctx.inputs)
        for place, saved in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[place] = _apart(saved)
        with enable_grad(), _same_numbers(ctx.draws):
            result = ctx.function(*inputs)
        outputs = cast("tuple[Any, ...]", result if isinstance(result, tuple) else (result,))
        pairs = zip(outputs, grad_outputs, strict=True)
        wanted = [(y, g) for y, g in pairs if isinstance(y, Tensor) and y.requires_grad]
        if not wanted:
            raise GradientError(
                explain(
                    "none of output has requires_grad=True, this checkpoint() is not necessary",
                    where=user_line(),
                )
            )
        with enable_grad():
            backward([y for y, _ in wanted], [g for _, g in wanted])
        found = [x.grad if isinstance(x, Tensor) else None for x in inputs]
        return (None, None, *found)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Functions one after another, in segments that are checkpoints; the last one is none.

    Args:
        functions: an `nn.Sequential`, or a list of functions of one tensor.
        segments: how many.
        input: of the first one.
        use_reentrant: see `checkpoint`.
        kwargs: `preserve_rng_state`, see there.

    Raises:
        ArgumentError: other keyword arguments.

    Example:
        >>> double = lambda x: 2 * x
        >>> checkpoint_sequential([double] * 4, 2, Tensor([1.0]), use_reentrant=False)
        tensor([16.])
    """
    if use_reentrant is None:
        _warn("checkpoint_sequential")
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ArgumentError(
            explain(
                "checkpoint_sequential: Unexpected keyword arguments",
                where=user_line(),
                got=", ".join(kwargs),
            )
        )
    chain = list(functions)
    size = len(chain) // segments
    done = 0
    for start in range(0, size * (segments - 1), size or 1):
        done = start + size
        input = checkpoint(
            _Chain(chain[start:done]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    return _Chain(chain[done:])(input)


class _Chain:
    """Functions one after another."""

    def __init__(self, functions: list[Any]) -> None:
        self._functions = functions

    def __call__(self, x: Any) -> Any:
        for function in self._functions:
            x = function(x)
        return x


def _warn(name: str) -> None:
    warnings.warn(
        f"{name}: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
        "recommended; it is taken for True where it is left out",
        stacklevel=3,
    )

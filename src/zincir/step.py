"""`zincir.compile`: a Python function recorded once and replayed as one native call.

Recording runs the function on lazy tensors and notes what it does to the world: which tensors it
changes in place, which gradients it assigns, which numbers it asks for anew each time. A replay
does all of that again without running the function.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np

from zincir.compiler.precision import checked, terms_of, warn_lacking
from zincir.errors import TraceError, explain
from zincir.graph.node import MODE, describe, here
from zincir.graph.walk import toposort
from zincir.recording import CURRENT, Recording
from zincir.replay import Replay, record_replay
from zincir.tensor import Tensor, _pending, from_array, settle
from zincir.types import from_numpy_dtype

P = ParamSpec("P")
R = TypeVar("R")

_MOST_RECORDINGS = 32

# Arguments are of any type, and so is what they hold: these names check without narrowing them.
_ARRAY: type[Any] = np.ndarray
_SEQUENCES: tuple[type[Any], ...] = (tuple, list)
_MAPPING: type[Any] = dict


def compile(function: Callable[P, R], *, precision: str | None = None) -> Compiled[P, R]:
    """Record `function` once for each kind of arguments, and replay it as native code.

    The function may hold a whole training step: `zero_grad`, forward, `backward` and the
    optimizer's `step`. Tensors and NumPy arrays among its arguments (also inside lists, tuples and
    dictionaries) are inputs; every other argument is a constant, and another value of it means
    another recording. Learning rates, dropout and whether modules are training stay live.

    Python code of the function does not run in a replay, so it must do the same for every call:
    looking at a value (`.item()`, `if x > 0`) is an error, and effects outside of tensors (a print,
    a counter) happen only while recording.

    With `precision="bf16"`, float32 matrix products and convolutions, those of gradients included,
    read their operands rounded to bfloat16 (8 bits of precision, halves to even) and sum in
    float32. All else stays float32: parameters, the optimizer's state, results. Where a CPU has no
    instructions for bfloat16, a warning says so, and float32 is used. Where it has no fast ones for
    vectors (Intel's: AMX is not used), a step takes as long as in float32. A result that somebody
    may still differentiate is computed in float32, and so is a compiled function that another one
    calls unless that one asks for bfloat16.

    Args:
        function: what to record.
        precision: of products: "bf16", or None for float32.

    Raises:
        TraceError: the function looks at a value.
        ArgumentError: there is no such precision.

    Example:
        >>> import zincir
        >>> w = zincir.tensor([2.0], requires_grad=True)
        >>> optimizer = zincir.optim.SGD([w], lr=0.1)
        >>> @zincir.compile
        ... def step(x):
        ...     optimizer.zero_grad()
        ...     loss = ((w * x) ** 2).sum()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> [round(step(zincir.tensor([1.0])).item(), 4) for _ in range(3)]
        [4.0, 2.56, 1.6384]
    """
    return Compiled(function, checked(precision))


class Compiled(Generic[P, R]):
    """A function with its recordings."""

    def __init__(self, function: Callable[P, R], precision: str | None = None) -> None:
        # First: of a function that is compiled itself, it copies all that stands below.
        functools.update_wrapper(self, function)
        self._function = function
        self._precision = precision
        self._warned = False
        self._recordings: dict[Any, list[Replay]] = {}
        self._plain: set[Any] = set()

    def __reduce__(self) -> Any:
        """A copy records anew: what a recording changes is the original's."""
        return type(self), (self._function, self._precision)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if CURRENT.recording is not None:
            return self._function(*args, **kwargs)
        inputs: list[Any] = []
        key = (_flatten((args, kwargs) if kwargs else args, inputs), MODE.grad)
        for replay in self._recordings.get(key, ()):
            if replay.holds(inputs):
                return replay.run(inputs)
        if key in self._plain:
            return self._function(*args, **kwargs)
        return self._record(key, args, kwargs, inputs)

    def _record(self, key: Any, args: Any, kwargs: Any, inputs: list[Any]) -> R:
        settle()
        terms = terms_of(self._precision)
        if terms is None and self._precision is not None and not self._warned:
            self._warned = True
            warn_lacking()
        function: Callable[..., R] = self._function
        stand_ins = [_stand_in(x) for x in inputs]
        left = iter(stand_ins)
        new_args, new_kwargs = _rebuild((args, kwargs), left)
        recording = Recording()
        CURRENT.recording = recording
        try:
            result = function(*new_args, **new_kwargs)
        except BaseException:
            CURRENT.recording = None
            undo(recording)
            raise
        CURRENT.recording = None
        recording.forget_temporaries()
        outputs: list[Tensor] = []
        form = _outputs(result, outputs)
        if _stays_differentiable(outputs) or _leaves_behind(recording, outputs):
            return self._as_it_was(key, recording, outputs, result, args, kwargs)
        del result, new_args, new_kwargs
        replay = record_replay(
            recording, stand_ins, outputs, form, functools.partial(undo, recording), terms
        )
        kept = self._recordings.setdefault(key, [])
        kept.insert(0, replay)
        del kept[_MOST_RECORDINGS:]
        # What was recorded is not to be computed besides: the replay settles what is alive.
        del outputs, stand_ins, left, recording
        return replay.run(inputs, first=True)

    def _as_it_was(
        self,
        key: Any,
        recording: Recording,
        outputs: list[Tensor],
        result: Any,
        args: Any,
        kwargs: Any,
    ) -> Any:
        """What cannot be replayed has still been computed, lazily: leave it at that."""
        if _stays_differentiable(outputs):
            # The caller differentiates the result, so it has to see the whole graph each time.
            self._plain.add(key)
            undo(recording)
            function: Callable[..., R] = self._function
            return function(*args, **kwargs)
        settle()
        return result


def undo(recording: Recording) -> None:
    """Give tensors back the nodes and gradients they had before a recording."""
    for tensor, node in recording.changed.values():
        node.superseded = None
        tensor._node = node
    for tensor, grad, _ in recording.grads.values():
        tensor._grad = grad


class _Itself:
    """A tensor as a key: the very same one."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)


def _is_input(x: Any) -> bool:
    """Whether an argument is data, which may differ from call to call.

    A leaf that collects gradients is not: an optimizer may hold it too, so it has to stay itself.
    """
    if isinstance(x, Tensor):
        return not (x._node.needs_grad and x.is_leaf)
    return isinstance(x, _ARRAY)


def _flatten(x: Any, inputs: list[Any]) -> Any:
    """A hashable description of arguments; tensors and arrays are put into `inputs`."""
    if isinstance(x, Tensor):
        if not _is_input(x):
            return _Itself(x)
        inputs.append(x)
        node = x._node
        return (Tensor, node.shape, node.dtype, node.needs_grad)
    if isinstance(x, _ARRAY):
        inputs.append(x)
        return (np.ndarray, x.shape, x.dtype)
    if isinstance(x, _SEQUENCES):
        return (type(x), *[_flatten(item, inputs) for item in x])
    if isinstance(x, _MAPPING):
        return (dict, *[(k, _flatten(v, inputs)) for k, v in x.items()])
    try:
        hash(x)
    except TypeError:
        raise TraceError(
            explain(
                f"zincir.compile: an argument of type {type(x).__name__} cannot be told apart",
                where=describe(here()),
                expected="tensors, arrays, hashable constants, and lists, tuples or dicts of them",
            )
        ) from None
    return (type(x), x)


def _rebuild(x: Any, stand_ins: Any) -> Any:
    if _is_input(x):
        return next(stand_ins)
    if isinstance(x, _SEQUENCES):
        return type(x)([_rebuild(item, stand_ins) for item in x])
    if isinstance(x, _MAPPING):
        return {k: _rebuild(v, stand_ins) for k, v in x.items()}
    return x


def _stand_in(x: Any) -> Tensor:
    """A tensor of the shape and type of an argument, with its values."""
    if isinstance(x, Tensor):
        array = np.ascontiguousarray(x._value("zincir.compile")).reshape(x.shape)
        return from_array(array, x.requires_grad)
    from_numpy_dtype(x.dtype)
    return from_array(np.ascontiguousarray(x).reshape(x.shape))


def _outputs(x: Any, found: list[Tensor]) -> Any:
    """The form of a result, with numbers in place of tensors."""
    if isinstance(x, Tensor):
        found.append(x)
        return (Tensor, len(found) - 1)
    if isinstance(x, _SEQUENCES):
        return (type(x), [_outputs(item, found) for item in x])
    if isinstance(x, _MAPPING):
        return (dict, {k: _outputs(v, found) for k, v in x.items()})
    return (None, x)


def _stays_differentiable(outputs: Sequence[Tensor]) -> bool:
    """Whether somebody may still call backward on a result."""
    for t in outputs:
        node = t._node
        if node.needs_grad and node.inputs:
            graph = toposort([node], lambda n: n.needs_grad)
            if not any(n.freed for n in graph) and any(n.op.saves for n in graph if n.inputs):
                return True
    return False


def _leaves_behind(recording: Recording, outputs: Sequence[Tensor]) -> bool:
    """Whether tensors that the recording made live on outside of what a replay can renew."""
    expected = {id(t) for t in outputs} | set(recording.changed)
    for t, _, _ in recording.grads.values():
        if t._grad is not None:
            expected.add(id(t._grad))

    def others() -> bool:
        alive = (reference() for reference in _pending)
        return any(t is not None and t._node.value is None and id(t) not in expected for t in alive)

    if others():
        gc.collect()
        return others()
    return False

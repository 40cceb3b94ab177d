"""`zincir.compile`: a Python function recorded once and replayed as one native call.

Recording runs the function on lazy tensors and notes what it does to the world: which tensors it
changes in place, which gradients it assigns, which numbers it asks for anew each time. A replay
does all of that again without running the function. What could not be done again that way is not
replayed: the function is then run as it is written.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain
from typing import Any, Generic, ParamSpec, TypeVar, overload

from zincir import anomaly
from zincir.arguments import Arguments, Numbers, Receiver, with_arrays
from zincir.array_argument import ArrayArgument
from zincir.compiler.rewrite.precision import checked, terms_of, warn_lacking
from zincir.errors import ArgumentError, RecordingWarning, explain
from zincir.executed import Executed
from zincir.graph.node import MODE, Origin, describe, here
from zincir.names import Names
from zincir.pending import settle
from zincir.recorder import take_back
from zincir.recording import CURRENT, resumed
from zincir.replay import Replay
from zincir.runtime import native
from zincir.stand_in import give_back
from zincir.take import (
    ALIASED,
    COUNTED,
    DIFFERENTIABLE,
    DRAWN,
    FILLED,
    ITERATED,
    KEPT,
    LEFT,
    NEXT,
    REPLACED,
    RETURNED,
    SET,
    Known,
    Take,
)
from zincir.types import DEFAULT, DType
from zincir.watched import modules_of

P = ParamSpec("P")
R = TypeVar("R")

_MOST_RECORDINGS = 64
"""So many recordings a function may have; after that it is run as it is written."""

_TRIES = 3
"""So often a function that keeps tensors is recorded, until it puts new ones in their place."""

_DIFFERENCES = 3
"""So often a second recording may differ from the first."""


def _mode() -> tuple[bool, DType, DType | None]:
    """What nodes take from their surroundings: another one, another recording."""
    return MODE.grad, DEFAULT.floating, MODE.autocast


@overload
def compile(
    function: Callable[P, R],
    *,
    precision: str | None = None,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "zincir",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Compiled[P, R]: ...
@overload
def compile(
    function: None = None,
    *,
    precision: str | None = None,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "zincir",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...
def compile(
    function: Any = None,
    *,
    precision: str | None = None,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "zincir",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Record `function` once for each kind of arguments, and replay it as native code.

    The function may hold a whole training step: `zero_grad`, forward, `backward` and the
    optimizer's `step`. Tensors and NumPy arrays among its arguments (also inside lists, tuples,
    dictionaries and dataclasses) are inputs, and so are numbers that differ from call to call;
    every other argument is a constant, and another value of it means another recording. Learning
    rates and dropout stay live; attributes of modules, hooks, `requires_grad`, globals and
    closed-over names are watched, and another recording is made when they are set.

    Python code of the function does not run in a replay, so it must do the same for every call:
    looking at a value (`.item()`, `if x > 0`) is an error, and what it prints or writes to files it
    does only while recording, at the first two calls. docs/laziness.md says what is watched, and
    when a function is run as it is written instead: if it counts, say, or draws random numbers of
    Python.

    With `precision="bf16"`, float32 matrix products and convolutions, those of gradients included,
    read their operands rounded to bfloat16 (8 bits of precision, halves to even) and sum in
    float32. All else stays float32: parameters, the optimizer's state, results. Where a CPU has no
    instructions for bfloat16, a warning says so, and float32 is used. Where it has no fast ones for
    vectors (Intel's: AMX is not used), a step takes as long as in float32. A result that somebody
    may still differentiate is computed in float32, and so is a compiled function that another one
    calls unless that one asks for bfloat16.

    Args:
        function: what to record: a function, a method, or a module, of which a module is made.
            Without it, a decorator.
        precision: of products: "bf16", or None for float32.
        fullgraph: whether a function that cannot be replayed is an error.
        dynamic, backend, mode, options: taken as PyTorch has them; they change nothing here.
        disable: return `function` as it is.

    Raises:
        TraceError: the function looks at a value.
        ArgumentError: there is no such precision; or `fullgraph`, and it cannot be replayed.

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
    precision = checked(precision)
    if function is None:
        return functools.partial(compile, precision=precision, fullgraph=fullgraph, disable=disable)
    if disable:
        return function
    kind = function.__class__
    of_module = getattr(kind, "_compiled_with", None)
    if of_module is not None:
        return of_module(function, Compiled(function.__call__, precision, whole=fullgraph))
    if not callable(function):
        raise ArgumentError(
            explain(
                "zincir.compile: this cannot be called",
                where=describe(here()),
                expected="a function, a method or a module",
                got=type(function).__name__,
            )
        )
    return Compiled(function, precision, whole=fullgraph)


class Compiled(Generic[P, R]):
    """A function with its recordings."""

    def __init__(
        self, function: Callable[P, R], precision: str | None = None, whole: bool = False
    ) -> None:
        # First: of a function that is compiled itself, it copies all that stands below.
        functools.update_wrapper(self, function)
        self._function = function
        self._precision = precision
        self._whole = whole
        self._told: set[str] = set()
        self._count = 0
        self._kinds: dict[Any, Numbers[Known]] = {}
        """By what arguments look like: what is known of them."""

    def __reduce__(self) -> Any:
        """A copy records anew: what a recording changes is the original's."""
        return type(self), (self._function, self._precision, self._whole)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A method: each instance is an argument of its own."""
        if instance is None:
            return self
        of: Any = Receiver(instance) if dataclasses.is_dataclass(instance) else instance
        return functools.partial(self, of)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if CURRENT.recording is not None or anomaly.STATE.on:
            return self._plain(args, kwargs)
        given = Arguments(args, kwargs)
        if given.iterated:
            return self._as_written(ITERATED, here(), args, kwargs)
        if given.differentiable:  # gradients may flow on into the caller's graph
            return self._plain(args, kwargs)
        known = self._find(given)
        if known is None:
            return self._record(given, args, kwargs)
        inputs, stale = given.inputs, None
        for replay in known.replays:
            if not replay.holds(inputs):
                continue
            if replay.names.hold():
                return self._again(replay, given, args, kwargs)
            stale = replay if replay.names.differ_in_settings() else stale
        if known.plain:
            return self._plain(args, kwargs)
        return self._record(given, args, kwargs, stale=stale, look=bool(known.replays))

    def _again(self, replay: Replay, given: Arguments, args: Any, kwargs: Any) -> R:
        if replay.aliased(given.inputs):
            return self._as_written(ALIASED, here(), args, kwargs)
        if not replay.checked:
            return self._record(given, args, kwargs, replay, look=True)
        return replay.run(given.inputs, given.numbers)

    def _find(self, given: Arguments) -> Known | None:
        """What is known of arguments like these."""
        numbers = self._kinds.get(given.shape)
        if numbers is None:
            numbers = Numbers[Known]()
            if self._count < _MOST_RECORDINGS:
                self._kinds[given.shape] = numbers
        known = numbers.known.get((numbers.fixed(given.numbers), _mode()))
        if known is None:
            numbers.learn(given.numbers)
            known = numbers.known.get((numbers.fixed(given.numbers), _mode()))
        return known

    def _plain(self, args: Any, kwargs: Any) -> R:
        function: Callable[..., R] = self._function
        args, kwargs = with_arrays((args, kwargs), ArrayArgument.over)
        return function(*args, **kwargs)

    def _as_written(self, why: str, where: Origin, args: Any, kwargs: Any) -> R:
        self._tell(why, where)
        return self._plain(args, kwargs)

    def _record(
        self,
        given: Arguments,
        args: Any,
        kwargs: Any,
        first: Replay | None = None,
        stale: Replay | None = None,
        look: bool = False,
    ) -> R:
        """Record the function; a second time to see whether it is the same, if there is a first.

        Args:
            stale: a replay that names have changed for. If this is the same, it is good again.
            look: whether to see what runs, which takes its time: if there was a recording before.
        """
        self._count += first is None
        if first is None and self._count > _MOST_RECORDINGS:
            return self._as_written(_OTHER_STATE if look else _TOO_MANY, here(), args, kwargs)
        settle()
        terms = self._terms()
        numbers = self._kinds[given.shape]
        of = self._function, (args, kwargs)
        before = Names(*of, closely=look)
        with Executed() if look else nullcontext() as executed:
            took = Take(self._function, given, numbers, args, kwargs)
        # What the function itself has changed would be another recording each time.
        own = before.changed()
        counted = None if executed is None else before.counted(executed, took.recording.made)
        drawn = [] if executed is None else before.drawn()
        del before
        # Numbers may have been looked at: then the recording is good for them alone.
        known = numbers.known.setdefault((numbers.fixed(given.numbers), _mode()), Known())
        with resumed(took.recording):
            why = took.why_not(known, again=first is not None)
        if why is None and counted is not None:
            why = COUNTED + counted, here()
        if why is not None:
            return self._step_aside(known, took, why, args, kwargs, again=first is not None)
        modules = modules_of(*of)
        replay = took.replay(modules, terms, stale or first)
        tensors = [c.tensor for c in (*replay.captured, *replay.changed)]
        compared = [t for t in tensors if t is not None]
        replay.names = Names(*of, executed, own, compared, given.inputs)
        self._keep(known, replay, first, stale)
        other = _why_other(replay, known, drawn, look)
        if other is not None:
            self._give_up(known, other)
        # What was recorded is not to be computed besides: the replay settles what is alive.
        stand_ins = [weakref.ref(t) for t in took.stand_ins]
        took.let_go()
        if give_back(stand_ins, given.inputs):
            self._give_up(known, KEPT)
        return replay.run(given.inputs, given.numbers)

    def _step_aside(
        self,
        known: Known,
        took: Take,
        why: tuple[str, Origin],
        args: Any,
        kwargs: Any,
        *,
        again: bool,
    ) -> R:
        """What cannot be replayed has still been done, lazily: leave it at that.

        Args:
            again: whether the last time it could: then it depends on what is not watched.
        """
        known.tries += 1
        most = 0 if why[0] in (DIFFERENTIABLE, ALIASED) else _TRIES if why[0] == LEFT else 1
        if known.tries > most or again:
            known.plain = True
            known.replays.clear()
        # What happens at the first call alone, as lazy layers that learn their size, is no matter.
        if why[0] != DIFFERENTIABLE and (self._whole or known.plain):
            self._tell(*why)
        if why[0] != ALIASED:
            return took.stand()
        take_back(took.recording)
        del took
        return self._plain(args, kwargs)

    def _keep(
        self, known: Known, replay: Replay, first: Replay | None, stale: Replay | None
    ) -> None:
        if replay is first:
            replay.checked = True
        elif replay is stale:
            self._count -= 1
        else:
            self._forget_places(replay)
            known.replays.insert(0, replay)
            if first is not None:
                known.replays = [r for r in known.replays if r is not first]
                known.differed += 1

    def _give_up(self, known: Known, why: str) -> None:
        """Run what is called like this as it is written from now on."""
        known.plain = True
        known.replays.clear()
        self._tell(why, here())

    def _forget_places(self, replay: Replay) -> None:
        """Forget replays that put tensors where this one has put others."""
        if replay.left:
            for known in chain.from_iterable(k.known.values() for k in self._kinds.values()):
                known.replays = [r for r in known.replays if not r.left]

    def _terms(self) -> Any:
        terms = terms_of(self._precision, native.target())
        if terms is None and self._precision is not None and "terms" not in self._told:
            self._told.add("terms")
            warn_lacking(native.target())
        return terms

    def _tell(self, why: str, where: Origin) -> None:
        """Say once, for each reason, that the function is run as it is written."""
        if why in self._told:
            return
        self._told.add(why)
        name = getattr(self._function, "__qualname__", type(self._function).__name__)
        text = explain(
            f"zincir.compile: {name} is run as it is written, which is slower: {why}",
            where=describe(where),
            try_=_REMEDY.get(why, "count outside of it" if why.startswith(COUNTED) else ""),
        )
        if self._whole:
            raise ArgumentError(text)
        warnings.warn(text, RecordingWarning, stacklevel=4)


def _why_other(replay: Replay, known: Known, drawn: list[Any], look: bool) -> str | None:
    """Why the next call would be another one, if so.

    Args:
        drawn: the generators that were drawn from meanwhile.
        look: whether what ran is known.
    """
    if look and replay.names.depend_on(drawn):
        return DRAWN
    if look and replay.names.iterate():
        return NEXT
    return _DIFFERENT if known.differed >= _DIFFERENCES else None


_TOO_MANY = f"it was recorded {_MOST_RECORDINGS} times, and its arguments are of a new kind again"
_OTHER_STATE = f"it was recorded {_MOST_RECORDINGS} times, and what it reads is different again"
_DIFFERENT = "each recording is another one: it depends on something that is not watched"
_REMEDY = {
    LEFT: "return the tensor",
    RETURNED: "keep a copy: x.clone()",
    SET: "set it outside of the function",
    _TOO_MANY: "pass what differs from call to call as a tensor",
    _OTHER_STATE: "pass what changes as an argument",
    _DIFFERENT: "pass random numbers, counters and the like as arguments",
    REPLACED: "change it in place: total.add_(x) instead of total = total + x",
    FILLED: "return the tensors",
    ITERATED: "pass what next() gives",
    NEXT: "pass what next() gives",
    DRAWN: "pass the random numbers as arguments, or draw them by zincir",
}

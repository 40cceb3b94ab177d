"""`zincir.compile`: a Python function recorded once and replayed as one native call.

Recording runs the function on lazy tensors and notes what it does to the world: which tensors it
changes in place, which gradients it assigns, which numbers it asks for anew each time. A replay
does all of that again without running the function. What could not be done again that way is not
replayed: the function is then run as it is written.
"""

from __future__ import annotations

import functools
import gc
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from zincir import anomaly
from zincir.arguments import Arguments, Numbers, Rebuilt, built, results_of, with_arrays
from zincir.array_argument import ArrayArgument
from zincir.compiler.precision import checked, terms_of, warn_lacking
from zincir.errors import ArgumentError, RecordingWarning, TraceError, explain
from zincir.graph.node import MODE, Node, Origin, describe, here
from zincir.graph.walk import toposort
from zincir.inplace import is_leaf, rebind, write_through
from zincir.ops.live_number import LiveNumber
from zincir.ops.source import alias, custom_p, detach
from zincir.recorder import Recorder, take_back
from zincir.recording import CURRENT, Change, Recording, live, resumed
from zincir.replay import Replay, shares
from zincir.runtime.buffer import Buffer
from zincir.storage import as_it_was, gaps, path, storage_of, whole_of
from zincir.tensor import Tensor, alive_pending, from_array, settle
from zincir.watched import modules_of, tensors_of

P = ParamSpec("P")
R = TypeVar("R")

_MOST_RECORDINGS = 64
"""So many recordings a function may have; after that it is run as it is written."""

_TRIES = 3
"""So often a function that keeps tensors is recorded, until it puts new ones in their place."""

_DIFFERENCES = 3
"""So often a second recording may differ from the first."""


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
    rates and dropout stay live; attributes of modules, hooks, `requires_grad` and the like are
    watched, and another recording is made when they are set.

    Python code of the function does not run in a replay, so it must do the same for every call:
    looking at a value (`.item()`, `if x > 0`) is an error, and effects outside of tensors (a print,
    a counter) happen only while recording, at the first two calls. docs/laziness.md says what is
    watched, and when a function is run as it is written instead.

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


@dataclass
class _Known:
    """What is known of one kind of arguments."""

    replays: list[Replay] = field(default_factory=list[Replay])
    plain: bool = False
    """Whether the function is run as it is written."""
    refused: int = 0
    """How often a recording could not be replayed."""
    differed: int = 0
    """How often a second recording was not as the first."""
    tries: int = 0
    """How often it was recorded and could not be replayed."""
    left: list[weakref.ref[Tensor]] | None = None
    """Tensors that the last recording left elsewhere, if it could not be replayed for that."""


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
        self._known: dict[Any, _Known] = {}
        self._numbers: dict[Any, Numbers] = {}

    def __reduce__(self) -> Any:
        """A copy records anew: what a recording changes is the original's."""
        return type(self), (self._function, self._precision, self._whole)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A method: each instance is an argument of its own."""
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if CURRENT.recording is not None or anomaly.STATE.on:
            return self._plain(args, kwargs)
        given = Arguments(args, kwargs)
        if given.differentiable:  # gradients may flow on into the caller's graph
            return self._plain(args, kwargs)
        known = self._find(given)
        if known is None:
            return self._record(given, args, kwargs)
        inputs = given.inputs
        for replay in known.replays:
            if replay.holds(inputs):
                if replay.aliased(inputs):
                    return self._as_written(_ALIASED, here(), args, kwargs)
                if not replay.checked:
                    return self._record(given, args, kwargs, replay)
                return replay.run(inputs, given.numbers)
        if known.plain:
            return self._plain(args, kwargs)
        return self._record(given, args, kwargs)

    def _find(self, given: Arguments) -> _Known | None:
        """What is known of arguments like these."""
        numbers = self._numbers.get(given.shape)
        if numbers is None:
            numbers = self._numbers[given.shape] = Numbers()
        known = self._known.get((given.shape, numbers.fixed(given.numbers), MODE.grad))
        if known is None:
            numbers.learn(given.numbers)
            known = self._known.get((given.shape, numbers.fixed(given.numbers), MODE.grad))
        return known

    def _plain(self, args: Any, kwargs: Any) -> R:
        function: Callable[..., R] = self._function
        args, kwargs = with_arrays((args, kwargs), ArrayArgument.over)
        return function(*args, **kwargs)

    def _as_written(self, why: str, where: Origin, args: Any, kwargs: Any) -> R:
        self._tell(why, where)
        return self._plain(args, kwargs)

    def _record(self, given: Arguments, args: Any, kwargs: Any, first: Replay | None = None) -> R:
        """Record the function; a second time to see whether it is the same, if there is a first."""
        self._count += first is None
        if first is None and self._count > _MOST_RECORDINGS:
            return self._as_written(_TOO_MANY, here(), args, kwargs)
        settle()
        terms = self._terms()
        took = _Take(self._function, given, self._numbers[given.shape], args, kwargs)
        # Numbers may have been looked at: then the recording is good for them alone.
        key = (given.shape, self._numbers[given.shape].fixed(given.numbers), MODE.grad)
        known = self._known.setdefault(key, _Known())
        with resumed(took.recording):
            why = took.why_not(known, again=first is not None)
        if why is not None:
            return self._step_aside(known, took, why, args, kwargs)
        modules = modules_of(self._function, (args, kwargs))
        replay = took.replay(modules, terms, first)
        if replay is first:
            replay.checked = True
        else:
            self._forget_places(replay)
            known.replays.insert(0, replay)
            if first is not None:
                known.replays = [r for r in known.replays if r is not first]
                known.differed += 1
        if known.differed >= _DIFFERENCES:
            known.plain = True
            known.replays.clear()
            self._tell(_DIFFERENT, here())
        # What was recorded is not to be computed besides: the replay settles what is alive.
        del took
        return replay.run(given.inputs, given.numbers)

    def _step_aside(
        self, known: _Known, took: _Take, why: tuple[str, Origin], args: Any, kwargs: Any
    ) -> R:
        """What cannot be replayed has still been done, lazily: leave it at that."""
        known.tries += 1
        most = 0 if why[0] in (_DIFFERENTIABLE, _ALIASED) else _TRIES if why[0] == _LEFT else 1
        if known.tries > most:
            known.plain = True
            known.replays.clear()
        # What happens at the first call alone, as lazy layers that learn their size, is no matter.
        if why[0] != _DIFFERENTIABLE and (self._whole or known.plain):
            self._tell(*why)
        if why[0] != _ALIASED:
            return took.stand()
        take_back(took.recording)
        del took
        return self._plain(args, kwargs)

    def _forget_places(self, replay: Replay) -> None:
        """Forget replays that put tensors where this one has put others."""
        if replay.left:
            for known in self._known.values():
                known.replays = [r for r in known.replays if not r.left]

    def _terms(self) -> Any:
        terms = terms_of(self._precision)
        if terms is None and self._precision is not None and "terms" not in self._told:
            self._told.add("terms")
            warn_lacking()
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
            try_=_REMEDY.get(why, ""),
        )
        if self._whole:
            raise ArgumentError(text)
        warnings.warn(text, RecordingWarning, stacklevel=4)


_DIFFERENTIABLE = "its result can still be differentiated"
_LEFT = "it keeps a tensor that it computes"
_ALIASED = "an argument shares memory with something that it changes"
_TOO_MANY = f"it was recorded {_MOST_RECORDINGS} times, and its arguments are of a new kind again"
_DIFFERENT = "each recording is another one: it depends on something that is not watched"
_MADE = "it keeps a tensor that it makes and changes"
_LATER = "it changes a setting that it has used"
_REPLACED = "it reads a tensor that it puts another one in the place of"
_FILLED = "it changes a list, a dictionary or an object among its arguments"
_SET = "it changes a setting of an optimizer after it was used"
_REMEDY = {
    _LEFT: "return the tensor",
    _SET: "set it outside of the function",
    _TOO_MANY: "pass what differs from call to call as a tensor",
    _DIFFERENT: "pass random numbers, counters and the like as arguments",
    _REPLACED: "change it in place: total.add_(x) instead of total = total + x",
    _FILLED: "return the tensors",
}


class _Take:
    """One recording of a function, on stand-ins for its arguments."""

    def __init__(
        self, function: Any, given: Arguments, numbers: Numbers, args: Any, kwargs: Any
    ) -> None:
        self.inputs = given.inputs
        self.stand_ins = [_stand_in(x) for x in given.inputs]
        self.recording = recording = Recording()
        self.box = list(given.numbers)
        new = [self._number(i, n, numbers) for i, n in enumerate(given.numbers)]
        for t in self.stand_ins:
            recording.given[id(t)] = t._held
        self.rebuilt = Rebuilt((args, kwargs), iter(self.stand_ins), iter(new))
        self.result: Any = None
        self.outputs: list[Tensor] = []
        self.aliased = False
        """Whether what was done to a tensor had to reach what is the same tensor."""
        CURRENT.recording = recording
        try:
            self.result = function(*self.rebuilt.args[0], **self.rebuilt.args[1])
        except Exception as error:
            CURRENT.recording = None
            if isinstance(error, TraceError):
                take_back(recording)
            elif recording.flags and self._reached(function):
                self.aliased = True
                return
            else:
                self.stand()
            raise
        except BaseException:
            CURRENT.recording = None
            take_back(recording)
            raise
        CURRENT.recording = None
        self.aliased = bool(recording.flags) and self._reached(function)
        self.form = results_of(self.result, self.outputs)
        self.left: list[Tensor] = []

    def _reached(self, function: Any) -> bool:
        """Whether an argument is given twice, or is reached by the function otherwise too."""
        given = [x for x in self.inputs if isinstance(x, Tensor)]
        if len({id(x._storage or x) for x in given}) < len(given):
            return True
        others = tensors_of(function)
        return any(shares(x, t) for x in given for t in others)

    def _number(self, i: int, number: Any, numbers: Numbers) -> Any:
        if i not in numbers.live:
            return number
        box, kind = self.box, float if isinstance(number, float) else int
        return LiveNumber(
            kind, lambda: box[i], lambda: numbers.look(i), lambda now, d: live(now, (), d)
        )

    def why_not(self, known: _Known, again: bool) -> tuple[str, Origin] | None:
        """Why this cannot be replayed, and the line."""
        recording, where = self.recording, here()
        if self.aliased:
            return _ALIASED, where
        survived = self._forget_temporaries()
        if self._aliased():
            return _ALIASED, where
        recording.back.clear()
        if recording.refused is not None:
            return recording.refused
        if self.rebuilt.changed():
            return _FILLED, where
        if any(getter() != then for getter, then in recording.settings):
            return _SET, where
        made = (recording.changed[id(t)].node for t in survived)
        if survived and (again or any(node.value is None for node in made)):
            return _MADE, survived[0]._held.origin
        return self._why_not_set() or self._why_not_kept(known)

    def _why_not_set(self) -> tuple[str, Origin] | None:
        """Whether it sets what a replay would not set, or makes what is to be differentiated."""
        recording = self.recording
        grads = [t._grad for t, _, _ in recording.grads.values() if t._grad is not None]
        for t in (*self.outputs, *grads):
            if _stays_differentiable(t):
                return _DIFFERENTIABLE, t._held.origin
        for c in recording.changed.values():
            if c.tensor.requires_grad and not (c.node.needs_grad and is_leaf(c.tensor)):
                return _DIFFERENTIABLE, c.tensor._held.origin
        given = {id(t) for t in self.stand_ins}
        flags = [(t, node) for t, node in recording.flags.values() if id(t) not in given]
        if any(t.requires_grad != node.needs_grad for t, node in flags):
            return "it sets requires_grad", here()
        return None

    def _why_not_kept(self, known: _Known) -> tuple[str, Origin] | None:
        self.left = self._leaves_behind()
        for t in self.left:
            if t.requires_grad and not is_leaf(t):
                return _DIFFERENTIABLE, t._held.origin
        given_up = self._given_up()
        if given_up is not None:
            return _REPLACED, given_up.origin
        if self._shares_results():
            return "it returns tensors that share memory", here()
        if self.left:
            return self._left(known)
        return None

    def _shares_results(self) -> bool:
        """Whether two results share memory, and the first is not what the other is a view of."""
        before: set[int] = set()
        seen: set[int] = set()
        there = {id(t._storage) for t in self.stand_ins}
        for t in self.outputs:
            storage, whole = t._storage, whole_of(t)
            if storage is None or id(storage) in there or self.recording.was_there(whole):
                continue
            if id(storage) in seen and id(whole) not in before:
                return True
            seen.add(id(storage))
            before.add(id(t))
        return False

    def _given_up(self) -> Node | None:
        """The value of a tensor that was there before, and that the function has let go of.

        The next call finds another one in its place.
        """
        began = self.recording.began
        roots = [t._node for t in (*self._computed(), *self.left)]
        for node in toposort(roots, lambda n: n.serial >= began):
            for x in node.inputs:
                older = x.serial < began and not x.needs_grad
                if older and x.owner is not None and x.owner() is None:
                    return x
        return None

    def _left(self, known: _Known) -> tuple[str, Origin] | None:
        """Tensors that are kept are renewed by replays, if each call puts new ones there."""
        before, known.left = known.left, [weakref.ref(t) for t in self.left]
        if before is not None and len(before) == len(self.left):
            gc.collect()
            if all(reference() is None for reference in before):
                return None
        if any(r.left for r in known.replays):
            return None
        return _LEFT, self.left[0]._held.origin

    def _forget_temporaries(self) -> list[Tensor]:
        """Let go of tensors that the function made itself and then changed.

        Returns:
            those that somebody keeps.
        """
        recording = self.recording
        returned = {id(t) for t in self.outputs} | {id(whole_of(t)) for t in self.outputs}
        returned |= {id(t._grad) for t, _, _ in recording.grads.values()}
        kept: dict[int, Change] = {}
        survived: list[Tensor] = []
        for k, change in recording.changed.items():
            if change.there:
                kept[k] = change
                continue
            reference = weakref.ref(change.tensor)
            change.tensor = None
            # What had no value yet is no state: if somebody keeps it, it is left behind.
            tensor = None if k in returned or change.node.value is None else reference()
            if tensor is not None:
                change.tensor = tensor
                kept[k] = change
                survived.append(tensor)
        recording.changed = kept
        return survived

    def _aliased(self) -> bool:
        """Whether something that is written to shares memory with an argument."""
        changed = self.recording.changed
        whole = {id(c.tensor) for c in changed.values()} | set(self.recording.reassigned)
        storages = {id(c.tensor._storage) for c in changed.values() if c.tensor._storage}
        inputs = self.inputs
        written = [i for i, t in enumerate(self.stand_ins) if id(t) in whole]
        for x in inputs:
            if isinstance(x, Tensor):
                base = whole_of(x)
                if id(base) in whole or id(x._storage) in storages:
                    return True
        for i in written:
            if any(shares(inputs[i], y) for j, y in enumerate(inputs) if j != i):
                return True
            if isinstance(inputs[i], Tensor) and self._captures(inputs[i]):
                return True
        return False

    def _captures(self, x: Tensor) -> bool:
        """Whether the function looks at `x` besides getting it as an argument."""
        graph = toposort([t._node for t in self._computed()])
        owners = (n.owner() for n in graph if n.owner is not None and n.value is not None)
        return any((t is not None and t is not x and shares(t, x)) or t is x for t in owners)

    def _computed(self) -> list[Tensor]:
        changed = [c.tensor for c in self.recording.changed.values()]
        grads = [t._grad for t, _, _ in self.recording.grads.values() if t._grad is not None]
        return [*self.outputs, *changed, *grads]

    def _leaves_behind(self) -> list[Tensor]:
        """Tensors that the recording made and that live on outside of what a replay renews."""
        recording = self.recording
        expected = {id(t) for t in self.outputs} | set(recording.changed)
        expected |= {id(whole_of(t)) for t in self.outputs}
        expected |= {id(t) for t in self.stand_ins}
        for t, _, _ in recording.grads.values():
            if t._grad is not None:
                expected.add(id(t._grad))
        for node in toposort([t._node for t in self._computed()]):
            if node.op is custom_p and hasattr(node.attrs[0], "kept"):
                expected |= {id(t) for t in node.attrs[0].kept()}

        def others() -> list[Tensor]:
            alive = [t for t in alive_pending() if t._held.value is None]
            return [t for t in alive if id(t) not in expected]

        if others():
            gc.collect()
            return others()
        return []

    def replay(self, modules: list[Any], terms: Any, first: Replay | None) -> Replay:
        """The replay of this recording, or the first if it is the same."""
        recorder = Recorder(self.recording, self.stand_ins, modules, terms)
        self.result = None
        made = recorder.replay(self.outputs, self.form, self.left, first)
        if made is not first:
            made.box = self.box
        return made

    def stand(self) -> Any:
        """Leave what was recorded as what the call has done, to the arguments themselves.

        Returns:
            what the function returned.
        """
        recording = self.recording
        for node in recording.windows.values():
            # Memory that others may write to was read in place: from now on this is a copy.
            while node.value is None:
                node = node.inputs[0]
            node.value = Buffer(node.value.array.copy())
        for storage in recording.written:
            write_through(storage)
        arguments = dict(zip(map(id, self.stand_ins), self.inputs, strict=True))
        memory = self._memory(arguments)
        for t in self.stand_ins:
            self._reach(arguments[id(t)], t, memory)
        for t, _ in recording.reassigned.values():
            if id(t) not in arguments:
                _taken_over(t, t, memory)
        results = [self._shown(t, arguments) for t in self.outputs]
        self.rebuilt.hand_over(arguments)
        form, self.result, self.outputs = getattr(self, "form", (None, None)), None, []
        settle()
        return built(form, results)

    def _reach(self, x: Any, t: Tensor, memory: dict[int, Tensor]) -> None:
        """Do to an argument what was done to its stand-in."""
        recording = self.recording
        if id(t) in recording.reassigned and isinstance(x, Tensor):
            if not _taken_over(x, t, memory):
                x.data = t
        elif id(t) in recording.changed or t._storage in recording.written:
            _change(x, t)
        if id(t) in recording.flags and isinstance(x, Tensor):
            x.requires_grad_(t.requires_grad)

    def _memory(self, arguments: dict[int, Any]) -> dict[int, Tensor]:
        """By id of the storage of a stand-in: a tensor with the memory of the argument."""
        reassigned, memory = self.recording.reassigned, dict[int, Tensor]()
        for t in self.stand_ins:
            x, fields = arguments[id(t)], reassigned.get(id(t), (t, t.__dict__))[1]
            if isinstance(x, Tensor) and fields.get("_storage") is not None:
                was, storage = reassigned.get(id(x)), fields["_storage"]
                memory[id(storage)] = found = x.detach() if was is None else as_it_was(*was)
                if id(t) in reassigned and storage in self.recording.written:
                    rebind(found, alias(storage.node))
        return memory

    def _shown(self, t: Tensor, arguments: dict[int, Any]) -> Any:
        """A result: the argument itself, or a view of it, where it is that of a stand-in."""
        if id(t) in arguments:
            return arguments[id(t)]
        storage = t._storage
        for s in self.stand_ins if storage is not None else ():
            x = arguments[id(s)]
            if s._storage is storage and isinstance(x, Tensor):
                found = x if whole_of(t) is s else x.detach()
                return found._view(*reversed(path(t))) if t._base is not None else found
        return t


def _change(x: Any, stand_in: Tensor) -> None:
    """Give an argument the value that its stand-in has got."""
    if isinstance(x, Tensor):
        # Of gradients that it has as a leaf the argument hears besides.
        node = stand_in._node
        rebind(x, alias(detach(node) if is_leaf(stand_in) else node))
    else:
        x[...] = stand_in._value("zincir.compile")


def _taken_over(t: Tensor, like: Tensor, memory: dict[int, Tensor]) -> bool:
    """Give `t` the memory of an argument where `like` has that of its stand-in."""
    found = memory.get(id(like._storage))
    if found is None:
        return False
    found = found.detach()
    t.data = found._view(*reversed(path(like))) if like._base is not None else found
    return True


def _stand_in(x: Any) -> Tensor:
    """A tensor of the shape and type of an argument, with its values, as if it lay as that does."""
    if isinstance(x, Tensor):
        array = np.ascontiguousarray(x._value("zincir.compile")).reshape(x.shape)
        t, lies = from_array(array, x.requires_grad), gaps(x)
    else:
        t = from_array(np.ascontiguousarray(x).reshape(x.shape))
        lies = tuple([s // x.itemsize for s in x.strides]) if not x.flags.c_contiguous else None
    if lies is not None:
        storage_of(t).lies = lies
    if isinstance(x, Tensor):
        return t
    new = ArrayArgument.__new__(ArrayArgument)
    new.__dict__.update(t.__dict__)
    new._holds_node()
    new._array = x
    return new


def _stays_differentiable(t: Tensor) -> bool:
    """Whether somebody may still call backward on a result."""
    node = t._held if t._storage is None else t._node
    if node.needs_grad and node.inputs:
        graph = toposort([node], lambda n: n.needs_grad)
        if not any(n.freed for n in graph):
            return any(n.op.saves for n in graph if n.inputs) or not graph[0].inputs
    return False

"""Random programs as data, and what becomes of one in each library, statement by statement."""

from __future__ import annotations

import copy
import functools
import gc
import pickle
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import torch
from program_words import HEADER
from torch.overrides import TorchFunctionMode

import zincir
from zincir.errors import GradientError, ZincirError

EQUAL = "equal"
WRONG = "WRONG"
REFUSAL = "FALSE REFUSAL"
CRASH = "CRASH"
MISSING = "MISSING"  # a name that Zincir does not have: its own clear answer
INTENDED = "refused by intention"
RIGHT = "zincir does right"  # where PyTorch refuses
FAILURES = (WRONG, REFUSAL, CRASH)

# Where the libraries differ by intention; nothing else is left out of the comparison.
#
# - Rounding: values agree to a tolerance, relative to the largest number of a tensor. Most numbers
#   come from float32, those of float64 tensors too.
# - Random numbers are others: programs use none.
# - Python code of a compiled function runs while it is recorded: functions look at no value, and
#   change nothing but tensors, modules and optimizers.
# - Memory that changes behind the back of PyTorch's version counters (NumPy, `.data`): PyTorch's
#   later gradient reads the new numbers without a word. `Torch.notice` lets the counter see it, so
#   that PyTorch refuses; Zincir may refuse or use the numbers of the moment of the call.
# - A tensor written from another that overlaps it: PyTorch's numbers depend on the order in which
#   it happens to copy, or it refuses. `Apart` gives it a copy to read from; Zincir may refuse the
#   gradient, which needs what was written over.
# - Gradients from `autograd.grad` whose elements are one in memory (that of a sum): `Apart` copies
#   them, since nobody wants to write to all elements at once.
# - An integer tensor written from one that requires a gradient: PyTorch says it requires one too.
#   `Apart` writes it from a detached one.
# - Layout: results lie row by row in Zincir, and in PyTorch as what they were computed from, so
#   that `reshape` copies them (not to be depended on, it says). `Apart` lays them row by row.
# - Rounding that a norm magnifies: of (nearly) equal numbers, by up to 1 / sqrt(eps) = 316.
# - A view that is given other memory (`view.data = other`), or whose base is: PyTorch still takes
#   it for a view of its base, and gradients become nonsense. `Apart` refuses it.
# - Which graph a view belongs to after its memory was changed and its base was detached: in PyTorch
#   that of the moment at which somebody first asked for its `grad_fn`. `Torch.notice` asks at once.
# - What requires a gradient and is given another shape or type: what PyTorch then collects depends
#   on whether a graph with the old one is alive. `Apart` refuses it.
# - A gradient that Zincir refuses since `x.data = other` made a tensor share the memory of one that
#   was changed later: PyTorch's version counters do not know that they share it.
# - What NumPy makes of bools beside a tensor: PyTorch turns them into uint8 (of which `~` is no
#   mask). `Apart` leaves them bools.
TOLERANCE = 1e-4
MAGNIFIED = 400  # times as large a tolerance
REFUSALS = (
    "a function wrapped by zincir.compile cannot look at a value",
    "mse_loss: input and target have different shapes",  # PyTorch warns of a likely mistake
    "a parameter was given twice",  # PyTorch warns, and says it will refuse
    # PyTorch refuses arithmetic, and takes what sets numbers, in some places and not in all.
    "in-place change of an expanded tensor",
)
CHANGED = "changed in place since"

CHANGES = re.compile(r"[a-z]_$|__(i[a-z]+|setitem)__$")  # names of methods that write
MOVES = re.compile("index|scatter|setitem")
INDEXES = re.compile("index|scatter|gather|take|embedding|nll_loss|cross_entropy")
NAMES = re.compile(r"[tnm]\d+")
PROGRAM = "<program>"
FOLDER = zincir.__path__[0]


@dataclass(frozen=True)
class Statement:
    """One statement: its first line, the lines of its body, and the family it is of."""

    head: str
    body: tuple[str, ...] = ()
    family: str = ""

    @property
    def text(self) -> str:
        return "\n    ".join((self.head, *self.body))


Part = tuple[Statement, ...]


@dataclass(frozen=True)
class Program:
    """Parts that know nothing of one another, each for a thread of its own."""

    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(1 + len(statement.body) for part in self.parts for statement in part)


Facts = dict[str, Any]


@dataclass
class Trace:
    """What was seen: the error of each statement and what it looked at, and all that is left."""

    errors: list[Exception | None] = field(default_factory=list[Exception | None])
    looks: list[Facts] = field(default_factory=list[Facts])
    end: Facts = field(default_factory=dict)
    finished: bool = False
    failed: Exception | None = None  # while looking at what is left
    copied: bool = False  # whether an operand was, since it overlaps what is written
    connected: bool = False  # whether counting what NumPy writes gave a view gradients


@dataclass(frozen=True)
class Outcome:
    kind: str
    detail: str = ""
    key: str = ""  # equal for failures that are likely one

    @property
    def is_failure(self) -> bool:
        return self.kind in FAILURES


@functools.lru_cache(50_000)
def code(text: str) -> CodeType:
    return compile(text, PROGRAM, "exec")


def is_tensor(x: Any) -> bool:
    return isinstance(x, torch.Tensor | zincir.Tensor)


def is_module(x: Any) -> bool:
    return isinstance(x, torch.nn.Module | zincir.nn.Module)


def tensor_facts(name: str, x: Any) -> Iterator[tuple[str, Any]]:
    yield f"{name} type", type(x).__name__
    yield f"{name} dtype", str(x.dtype).rpartition(".")[2]
    yield f"{name} shape", tuple(x.shape)
    if x.dtype.is_floating_point:
        yield f"{name} requires_grad", x.requires_grad
        yield f"{name} is_leaf", x.is_leaf
    yield f"{name} values", np.array(x.tolist())
    yield f"{name} grad is None", x.grad is None
    if x.grad is not None:
        yield from tensor_facts(f"{name} grad", x.grad)


def facts(name: str, x: Any) -> Iterator[tuple[str, Any]]:
    """All that can be seen of a value, under names that tell what it is."""
    if is_tensor(x):
        yield from tensor_facts(name, x)
    elif isinstance(x, np.ndarray):
        yield f"{name} dtype", x.dtype.name
        yield f"{name} values", x.copy()
    elif is_module(x):
        yield f"{name} training", x.training
        for key, value in (*x.named_parameters(), *x.named_buffers()):
            yield from facts(f"{name}.{key}", value)
    elif isinstance(x, dict):
        for key, value in x.items():
            yield from facts(f"{name}.{key}", value)
    elif isinstance(x, list | tuple) and not all(isinstance(v, int | float) for v in x):
        for i, value in enumerate(x):
            yield from facts(f"{name}[{i}]", value)
    elif isinstance(x, list | tuple):
        yield f"{name} values", np.array(x)
    else:
        yield f"{name} value", x


class Session:
    """A library and the names of a program that runs in it."""

    def __init__(self, library: ModuleType, compile_: Any) -> None:
        self.looks: Facts = {}
        self.names: dict[str, Any] = {
            "T": library, "nn": library.nn, "F": library.nn.functional, "C": compile_,
            "np": np, "copy": copy, "pickle": pickle, "look": self._look,
        }  # fmt: skip
        exec(code(HEADER), self.names)

    def _look(self, *things: Any) -> None:
        for i, thing in enumerate(things):
            self.looks.update(facts(f"looked at {i}", thing))

    def run(self, text: str, local: dict[str, Any] | None = None) -> Exception | None:
        """The error of a statement, or None."""
        self.looks = {}
        try:
            exec(code(text), self.names, local)
        except Exception as error:
            return error
        return None

    def live(self) -> list[tuple[str, Any]]:
        return [(k, v) for k, v in self.names.items() if NAMES.fullmatch(k)]

    def finish(self, trace: Trace) -> None:
        trace.finished = True
        try:
            for name, value in self.live():
                trace.end.update(facts(name, value))
        except Exception as error:
            trace.failed = error


class Apart(TorchFunctionMode):
    """Lets PyTorch write only from what lies apart, lays its results out, keeps it from dying.

    Attributes:
        indices: what was given to functions that index; the graph may be all that holds it.
        copied: whether an operand with gradients was, since it overlaps what is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.indices: list[torch.Tensor] = []
        self.copied = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.Tensor.register_hook:
            repr(args[0].grad_fn)  # or PyTorch dies of a view of a leaf changed under no_grad
        if func == torch.Tensor.data.__set__:
            refuse_data(*args)
        if func is torch.Tensor.__array_wrap__:
            return torch.from_numpy(np.array(kwargs["array"], order="C"))
        if CHANGES.search(getattr(func, "__name__", "")) and len(args) > 1:
            moved = MOVES.search(func.__name__) is not None
            before = args
            args = (args[0], *(apart(x, args[0], moved) for x in args[1:]))
            pairs = zip(before, args, strict=True)
            self.copied = self.copied or any(a is not b and _tracked(a) for a, b in pairs)
            if not args[0].is_floating_point():
                args = (args[0], *(detached(x) for x in args[1:]))
        if func is torch.Tensor.__getitem__:
            args = (args[0], copied(args[1]))
        self._note_indices(getattr(func, "__name__", ""), (*args[1:], *(kwargs or {}).values()))
        result = func(*args, **(kwargs or {}))
        if func is torch.autograd.grad:
            result = tuple(x.clone() if x is not None and 0 in x.stride() else x for x in result)
        if getattr(func, "__name__", "") != "__get__":  # of what is there, such as `.grad`
            for x in result if isinstance(result, tuple | list) else (result,):
                lay_out(x, args)
        return result

    def _note_indices(self, function: str, args: tuple[Any, ...]) -> None:
        if INDEXES.search(function):
            self.indices += (x for x in args if is_tensor(x) and not x.is_floating_point())


def _tracked(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.requires_grad


def refuse_data(x: torch.Tensor, value: torch.Tensor) -> None:
    if x._base is not None:
        raise RuntimeError("a view is given other memory")
    if any(type(view) is torch.Tensor and view._base is x for view in gc.get_objects()):
        raise RuntimeError("a tensor with views is given other memory")
    if (x.shape, x.dtype) != (value.shape, value.dtype) and x.requires_grad:
        raise RuntimeError("what requires a gradient is given another shape or type")


def lay_out(x: Any, args: tuple[Any, ...]) -> None:
    """Lay a new tensor row by row; what shows the memory of an argument stays as it is."""
    if not isinstance(x, torch.Tensor) or x._base is not None or x.is_contiguous():
        return
    if not any(shares_memory(x, other) for other in args):
        with torch.no_grad():
            x.data = x.detach().contiguous()


def shares_memory(x: torch.Tensor, other: Any) -> bool:
    if isinstance(other, list | tuple):
        return any(shares_memory(x, item) for item in other)
    if isinstance(other, torch.Tensor):  # through NumPy, one memory is several storages
        one, two = x.untyped_storage(), other.untyped_storage()
        first, last = max(one.data_ptr(), two.data_ptr()), min(map(_end, (one, two)))
        return first < last
    return isinstance(other, np.ndarray) and np.may_share_memory(x.detach().numpy(), other)


def _end(storage: Any) -> int:
    return storage.data_ptr() + storage.nbytes()


def copied(index: Any) -> Any:
    """An index of which nobody changes the arrays before its gradient is computed."""
    if isinstance(index, tuple):
        return tuple(map(copied, index))
    return index.copy() if isinstance(index, np.ndarray) else index


def detached(x: Any) -> Any:
    return x.detach() if isinstance(x, torch.Tensor) else x


def apart(x: Any, written: torch.Tensor, moved: bool) -> Any:
    """A copy of a tensor that shares memory with the one that is written, element by other.

    Args:
        moved: whether elements go to other places than they have.
    """
    if isinstance(x, tuple):
        return tuple(apart(item, written, moved) for item in x)
    if isinstance(x, np.ndarray) and isinstance(written, torch.Tensor):
        return x.copy() if np.may_share_memory(x, written.detach().numpy()) else x
    if not isinstance(x, torch.Tensor) or not isinstance(written, torch.Tensor):
        return x
    one, other = ((t.data_ptr(), t.shape, t.stride()) for t in (x, written))
    return x.clone() if (moved or one != other) and shares_memory(x, written) else x


class Compiled(torch.nn.Module):
    """What `torch.compile` makes of a module, uncompiled."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.forward = module.__call__
        del self.__dict__["training"]
        self._orig_mod = module

    def __getattr__(self, name: str) -> Any:
        modules = self.__dict__["_modules"]
        return modules[name] if name in modules else getattr(modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_orig_mod" in self.__dict__.get("_modules", ()):
            setattr(self._orig_mod, name, value)
        else:
            super().__setattr__(name, value)

    def train(self, mode: bool = True) -> Any:
        self._orig_mod.train(mode)
        return self


def uncompiled(x: Any) -> Any:
    return Compiled(x) if isinstance(x, torch.nn.Module) else x


class Torch(Session):
    """PyTorch, whose version counters also see what NumPy and `.data` do."""

    def __init__(self) -> None:
        super().__init__(torch, uncompiled)
        self._known: dict[str, tuple[torch.Tensor, int, bytes]] = {}
        self.connected = False
        self.apart = Apart()

    def run(self, text: str, local: dict[str, Any] | None = None) -> Exception | None:
        with self.apart:
            error = super().run(text, local)
        self.notice()
        return error

    def tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        for name, value in self.live():
            if isinstance(value, torch.Tensor):
                yield name, value
            elif isinstance(value, torch.nn.Module):
                yield from ((f"{name}.{k}", p) for k, p in value.named_parameters())
        yield from ((f"index {i}", index) for i, index in enumerate(self.apart.indices))

    def notice(self) -> None:
        tensors = dict(self.tensors())
        self._known = {name: known for name, known in self._known.items() if name in tensors}
        for name, tensor in tensors.items():
            try:
                tensor.grad_fn  # noqa: B018
                now = tensor.detach().numpy().tobytes()
            except RuntimeError:  # a view that PyTorch lets nobody use any more
                continue
            known = self._known.get(name)
            if known and known[0] is tensor and known[1] == tensor._version and known[2] != now:
                before = [t for t in tensors.values() if _is_leaf(t)]
                torch._C._autograd._unsafe_set_version_counter((tensor,), (tensor._version + 1,))
                # PyTorch itself, which sees no such write, would leave views as they are.
                self.connected = self.connected or not all(map(_is_leaf, before))
            self._known[name] = (tensor, tensor._version, now)


def _is_leaf(tensor: torch.Tensor) -> bool:
    try:
        return tensor.is_leaf
    except RuntimeError:  # a view that PyTorch lets nobody use any more
        return False


class Zincir(Session):
    def __init__(self) -> None:
        super().__init__(zincir, zincir.compile)


def is_half_done(statement: Statement, error: Exception) -> bool:
    """Whether a statement that both refuse may have done a part of its work."""
    frames = traceback.extract_tb(error.__traceback__)
    if sum(frame.filename == PROGRAM for frame in frames) > 1 or "; " in statement.text:
        return True  # in a function, or between two statements
    if "out of bounds" in str(error) or "out of range" in str(error):
        return True  # what comes before a wrong index may be written
    words = ("backward", "step", "for ", "= m", "(m")
    return not isinstance(error, NameError) and any(word in statement.text for word in words)


def torch_trace(part: Part) -> Trace:
    trace, session = Trace(), Torch()
    for statement in part:
        error = session.run(statement.text)
        trace.errors.append(error)
        trace.looks.append(session.looks)
        if error is not None and is_half_done(statement, error):
            break
    else:
        session.finish(trace)
    trace.copied, trace.connected = session.apart.copied, session.connected
    return trace


def zincir_trace(part: Part, theirs: Trace) -> Trace:
    """Zincir's, as far as it and PyTorch take or refuse the same statements."""
    trace, session = Trace(), Zincir()
    for statement, error in zip(part, theirs.errors, strict=False):
        ours = session.run(statement.text)
        trace.errors.append(ours)
        trace.looks.append(session.looks)
        if (ours is None) != (error is None):
            return trace
    if theirs.finished:
        session.finish(trace)
    return trace


def in_threads(parts: tuple[Part, ...], theirs: list[Trace]) -> list[Trace]:
    """Zincir's traces of all parts, each in a thread of its own."""
    traces = [Trace() for _ in parts]

    def work(i: int) -> None:
        traces[i] = zincir_trace(parts[i], theirs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(parts))]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    return traces


def judge(program: Program) -> Outcome:
    """What becomes of a program: the first part that differs decides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [torch_trace(part) for part in program.parts]
        if len(program.parts) == 1:
            ours = [zincir_trace(program.parts[0], theirs[0])]
        else:
            ours = in_threads(program.parts, theirs)
    outcomes = [
        compared(part, a, b) for part, a, b in zip(program.parts, theirs, ours, strict=True)
    ]
    worst = [o for o in outcomes if o.is_failure] or [o for o in outcomes if o.kind != EQUAL]
    return worst[0] if worst else Outcome(EQUAL)


def compared(part: Part, theirs: Trace, ours: Trace) -> Outcome:
    text = "\n".join(statement.text for statement in part)
    tolerance = TOLERANCE * (MAGNIFIED if re.search("Norm|_norm", text) else 1)
    steps = zip(part, theirs.errors, ours.errors, theirs.looks, ours.looks, strict=False)
    for i, (statement, their, our, seen, looked) in enumerate(steps):
        if our is not None and their is None:
            return refused(our, f"statement {i}: {statement.text}", text, theirs.copied)
        if our is None and their is not None:
            return Outcome(RIGHT, f"{statement.text}: {their}")
        found = difference(seen, looked, tolerance)
        if found:
            return unless_connected(found, theirs)
    if theirs.failed is not None:
        return Outcome(RIGHT, f"looking at what is left: {theirs.failed}")
    if ours.failed is not None:
        return refused(ours.failed, "looking at what is left", text, theirs.copied)
    found = difference(theirs.end, ours.end, tolerance)
    return unless_connected(found, theirs) if found else Outcome(EQUAL)


def unless_connected(found: Outcome, theirs: Trace) -> Outcome:
    """A difference, which is none if this comparison itself changed what PyTorch does."""
    return Outcome(INTENDED, found.detail) if theirs.connected else found


def refused(error: Exception, where: str, program: str, copied: bool) -> Outcome:
    text = str(error).partition("\n")[0]
    kind = REFUSAL if isinstance(error, ZincirError) else CRASH
    if re.search(r"has no attribute|unexpected keyword", text) and "NoneType" not in text:
        kind = MISSING
    if kind == REFUSAL and any(words in text for words in REFUSALS):
        kind = INTENDED
    if kind == REFUSAL and isinstance(error, GradientError):
        unseen = copied or ".data" in program
        kind = INTENDED if CHANGED in text and unseen else kind
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(FOLDER)]
    place = f"{frames[-1].filename[len(FOLDER) + 1 :]} {frames[-1].name}" if frames else ""
    key = re.sub(r"\d+|\(.*?\)|<.*?>", "#", f"{type(error).__name__}: {text}")
    return Outcome(kind, f"{where}\n{type(error).__name__}: {error}", f"{kind} {key} [{place}]")


def difference(theirs: Facts, ours: Facts, tolerance: float) -> Outcome | None:
    for name, value in theirs.items():
        if name in ours and not alike(value, ours[name], tolerance):
            detail = f"{name}: {_short(ours[name])}; PyTorch {_short(value)}"
            return Outcome(WRONG, detail, f"WRONG {_kind(name)}")
    odd = sorted(set(theirs) ^ set(ours))
    if odd:
        return Outcome(WRONG, f"only one has {', '.join(odd[:6])}", f"WRONG {_kind(odd[0])}")
    return None


def _kind(name: str) -> str:
    return re.sub(r"^.*?\d+\S* ", "", name)


def _short(x: Any) -> str:
    return str(x.tolist() if isinstance(x, np.ndarray) else x)[:200]


def alike(theirs: Any, ours: Any, tolerance: float) -> bool:
    if isinstance(theirs, float):
        near = 3 * tolerance
        return bool(np.isclose(ours, theirs, near, near, equal_nan=True))
    if not isinstance(theirs, np.ndarray):
        return theirs == ours
    if theirs.shape != ours.shape:
        return False
    a, b = theirs.astype(float), ours.astype(float)
    scale = np.abs(a, where=np.isfinite(a), out=np.zeros_like(a)).max(initial=0.0)
    tolerance = tolerance * (1 + scale) if theirs.dtype.kind == "f" else 0.0
    return bool(np.allclose(b, a, 0.0, tolerance, equal_nan=True))

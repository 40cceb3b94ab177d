"""PyTorch's own samples of its operations, tried with both libraries.

PyTorch tests each of its operations on samples: `op_db`, a list of `OpInfo`, has arguments for
every type of element, calls that must be refused, and the names of variants. `Walk` takes one
operation, gives both libraries the same arguments, and says what came out differently:

- values, shapes, types, `requires_grad`, and for floating types the gradients of all inputs with a
  fixed cotangent (`samples`);
- the same as a method, in place, and with `out=` (`variants`);
- what PyTorch refuses (`errors`).

`compatibility.py` prints what it finds, and writes the table for users.
"""

from __future__ import annotations

import gc
import inspect
import itertools
import random
import traceback
import types
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_utils import SEED

import zincir
from zincir.errors import ZincirError

TOGETHER = 12
"""Samples whose values are computed by one program."""
TYPES = ("float32", "int64", "bool", "float64", "int32", "uint8")
"""Types of elements, in the order in which they are tried."""
MAIN = 4
"""Of these, how many all samples are tried with; of the others, a few."""

NOT_COMPARED: dict[str, str] = {
    "_": "private",
    "torch.": "private",
    "jiterator_": "for CUDA",
    "sparse": "sparse tensors",
    "to_sparse": "sparse tensors",
    "masked.": "masked tensors, a prototype",
    "native_": "what PyTorch builds others of",
    "max_pool2d_with_indices_backward": "what PyTorch builds others of",
    "hash_tensor": "what PyTorch builds others of",
    "nn.functional.linear_cross_entropy": "a prototype",
}
"""How names begin that are not compared, and why."""
COPIES = "copies for PyTorch's functional form"
COMPLEX_ONLY = ("cfloat", "cdouble", "chalf", "imag", "view_as_complex", "view_as_real")

RANDOM = (
    *("bernoulli", "cauchy", "exponential", "geometric", "log_normal", "normal", "uniform"),
    *("multinomial", "randn", "randn_like", "rand_like", "randint", "randint_like"),
    *("nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d"),
    *("nn.functional.alpha_dropout", "nn.functional.feature_alpha_dropout", "nn.functional.rrelu"),
    *("nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d"),
    *("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"),
    *("resize_", "resize_as_", "svd_lowrank", "pca_lowrank"),
    "nn.functional.multi_head_attention_forward",
)
"""Operations whose values differ from call to call: types and shapes are compared."""


TIED = (
    *("sort", "argsort", "topk", "msort", "kthvalue", "median", "nanmedian", "mode"),
    *("min", "max", "cummax", "cummin"),
)
"""Operations whose results are positions: of equal elements, any may be named."""


def full_name(op: Any) -> str:
    """`where`, or `nn.functional.pad[reflect]` for a variant."""
    return f"{op.name}[{op.variant_test_name}]" if op.variant_test_name else op.name


def left_out(op: Any) -> str | None:
    """Why an operation is not compared, if it is not."""
    if op.name.startswith("__"):
        return None
    if op.name in COMPLEX_ONLY or op.variant_test_name == "complex":
        return "complex numbers"
    if op.name.endswith("_copy") and op.name != "index_copy":
        return COPIES
    return next((why for start, why in NOT_COMPARED.items() if op.name.startswith(start)), None)


OPERATIONS = {full_name(op): op for op in op_db}
COMPARED = {name: op for name, op in OPERATIONS.items() if left_out(op) is None}


def core_names() -> list[str]:
    """The operations that count first: the names in `core_operations.txt`."""
    text = (Path(__file__).parent / "core_operations.txt").read_text()
    words = " ".join(line.partition("#")[0] for line in text.splitlines()).split()
    names: list[str] = []
    for word in words:
        bare, bracket, variant = word.partition("[")
        wanted = variant.rstrip("]") if bracket else None
        found = [
            full
            for full, op in OPERATIONS.items()
            if op.name == bare and wanted in (None, op.variant_test_name) and not left_out(op)
        ]
        assert found, f"PyTorch has no samples of {word}"
        names += found
    return names


# What stands for what ---------------------------------------------------------------------------


def _sliced(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


SPELLED = {"slice": _sliced}
"""Operations without a name that users write."""


def _named(path: str) -> Any:
    found: Any = zincir
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def retargeted(function: Any) -> Any:
    """A function of PyTorch's tests as one that calls this library, wherever it says `torch`."""
    if not isinstance(function, types.FunctionType):
        return function
    if function.__module__.startswith("torch.nn"):
        return getattr(zincir.nn.functional, function.__name__)
    words = {
        **function.__globals__,
        "torch": zincir,
        "F": zincir.nn.functional,
        "wrapper_set_seed": lambda inner, *args, **named: inner(*args, **named),
    }
    for name in function.__code__.co_names:
        inner = function.__globals__.get(name)
        if isinstance(inner, types.FunctionType) and words[name] is inner is not function:
            words[name] = retargeted(inner)
    made = types.FunctionType(
        function.__code__, words, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def ours_of(op: Any) -> Callable[..., Any] | None:
    """What this library has for an operation; None if there is nothing."""
    if op.name in SPELLED:
        return SPELLED[op.name]
    if op.name.startswith("__"):
        return getattr(zincir.Tensor, op.name, None)
    method = op.name.rpartition(".")[2]
    if not isinstance(op.op, types.FunctionType) or op.op.__module__.startswith("torch.nn"):
        found = _named(op.name)
        return found if found is not None else None
    if op.op.__name__ != "<lambda>":
        return _named(op.name)
    known = _named(op.name) is not None or hasattr(zincir.Tensor, method)
    known = known or hasattr(zincir.Tensor, f"{method}_")
    return retargeted(op.op) if known else None


class Both:
    """Arguments for both libraries, made of those of a sample."""

    def __init__(self, gradients: bool, shared: Iterable[int] = ()) -> None:
        self.gradients = gradients
        self.leaves: list[tuple[Any, Any]] = []
        self._made: dict[int, tuple[Any, Any]] = {}
        self._memory: dict[int, Any] = dict.fromkeys(shared)

    def of(self, value: Any) -> tuple[Any, Any]:
        """The same for PyTorch and for this library."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self._made:
                self._made[id(value)] = self._tensor(value)
            return self._made[id(value)]
        if isinstance(value, torch.Size):
            return value, tuple(value)
        if isinstance(value, list | tuple):
            pairs = [self.of(v) for v in value]
            return type(value)(p[0] for p in pairs), type(value)(p[1] for p in pairs)
        if isinstance(value, dict):
            pairs = {k: self.of(v) for k, v in value.items()}
            return {k: p[0] for k, p in pairs.items()}, {k: p[1] for k, p in pairs.items()}
        if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
            return value, getattr(zincir, str(value).partition(".")[2], str(value))
        if isinstance(value, torch.device):
            return value, str(value)
        if isinstance(value, torch.nn.Module):
            return value, getattr(zincir.nn, type(value).__name__)()
        return value, retargeted(value)

    def _tensor(self, value: Any) -> tuple[Any, Any]:
        x = value.detach().clone()
        if x.layout is not torch.strided:
            raise NotImplementedError("a sparse tensor")
        memory = value.untyped_storage().data_ptr()
        if memory in self._memory:
            return x, self._part(memory, value)
        y = as_zincir(x)
        if value.requires_grad and self.gradients:
            x.requires_grad_()
            y.requires_grad_()
            self.leaves.append((x, y))
        return x, y

    def _part(self, memory: int, value: Any) -> Any:
        """A view of memory that several tensors share."""
        if self._memory[memory] is None:
            whole = torch.empty(0, dtype=value.dtype).set_(value.untyped_storage())
            self._memory[memory] = as_zincir(whole.clone())
        return self._memory[memory].as_strided(
            tuple(value.shape), value.stride(), value.storage_offset()
        )


def sharing(arguments: Any) -> set[int]:
    """Memory that several tensors share, or several elements of one."""
    found: dict[int, set[int]] = {}
    again: set[int] = set()
    for x in flat(arguments):
        if isinstance(x, torch.Tensor) and x.layout is torch.strided and x.numel():
            memory = x.untyped_storage().data_ptr()
            found.setdefault(memory, set()).add(id(x))
            if len(found[memory]) > 1 or 0 in x.stride():
                again.add(memory)
    return again


def as_zincir(x: Any) -> Any:
    """A tensor of PyTorch as one of this library, which lies in memory as it does."""
    if x.dtype is torch.bfloat16:
        return zincir.tensor(x.float().numpy()).to(zincir.bfloat16)
    array = np.array(x.numpy(), order="K", copy=True)
    return zincir.tensor(array) if x.is_contiguous() else zincir.from_numpy(array)


# What came out ----------------------------------------------------------------------------------


def flat(value: Any) -> list[Any]:
    """What a result is made of."""
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size | zincir.Size):
        return [x for v in value for x in flat(v)]
    if isinstance(value, dict):
        return flat(list(value.values()))
    return [value]


def type_name(value: Any) -> str:
    """The type of elements, under the name that both libraries have for it."""
    return str(value.dtype).rpartition(".")[2]


def array_of(value: Any) -> Any:
    """The numbers of a tensor of PyTorch."""
    value = value.detach()
    if value._is_zerotensor():
        return np.zeros(tuple(value.shape), str(value.dtype).rpartition(".")[2])
    if value.dtype is torch.bfloat16:
        value = value.float()
    return value.resolve_conj().resolve_neg().numpy()


def our_array(value: Any) -> Any:
    """The numbers of a tensor of this library."""
    array = value.detach()
    if type_name(value) == "bfloat16":
        array = array.float()
    return array.numpy()


SLACK = {"nn.functional.ctc_loss": 10}
"""Where sums are long: by how much errors may be larger."""
TOLERANCE = {"float64": 1e-7, "complex128": 1e-7, "float16": 1e-3, "bfloat16": 1.6e-2}


def unlike(ours: Any, theirs: Any, what: str, values: bool = True, slack: int = 1) -> str | None:
    """How a result differs from PyTorch's."""
    if not isinstance(theirs, torch.Tensor):
        if isinstance(theirs, torch.dtype):
            return (
                None if type_name_of(ours) == type_name_of(theirs) else f"{what}: {ours}, {theirs}"
            )
        if isinstance(theirs, torch.Size):
            theirs, ours = tuple(theirs), tuple(ours)
        same = type(ours) is type(theirs) and (
            ours == theirs or (ours != ours and theirs != theirs)
        )
        if isinstance(theirs, float) and isinstance(ours, float):
            same = same or abs(ours - theirs) <= 1e-5 * abs(theirs)
        return None if same or not values else f"{what}: {ours!r}, not {theirs!r}"
    if not isinstance(ours, zincir.Tensor):
        return f"{what}: {type(ours).__name__} is no tensor"
    if tuple(ours.shape) != tuple(theirs.shape):
        return f"{what}: shape {tuple(ours.shape)}, not {tuple(theirs.shape)}"
    if type_name(ours) != type_name(theirs):
        return f"{what}: {type_name(ours)}, not {type_name(theirs)}"
    if not values:
        return None
    a, b = our_array(ours), array_of(theirs)
    if b.dtype.kind not in "fc":
        return None if np.array_equal(a, b) else f"{what}: {_first(a, b, a != b)}"
    tolerance = slack * TOLERANCE.get(type_name(theirs), 1e-5)
    with np.errstate(all="ignore"):
        finite = np.abs(b[np.isfinite(b)])
        scale = max(1.0, float(finite.max())) if finite.size and finite.max() < 1e30 else 1.0
        wrong = ~np.isclose(a, b, 10 * tolerance, tolerance * min(scale, 1e4), equal_nan=True)
    return f"{what}: {_first(a, b, wrong)}" if wrong.any() else None


def type_name_of(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def _first(a: Any, b: Any, wrong: Any) -> str:
    if a.ndim == 0:
        return f"{a}, not {b}"
    at = tuple(int(i[0]) for i in np.nonzero(wrong))
    return f"{a[at]}, not {b[at]} at {at} of {a.shape}, {int(wrong.sum())} of {a.size}"


def cotangent(y: Any, number: int) -> Any:
    """The fixed cotangent of an output."""
    drawn = np.random.default_rng(number).standard_normal(tuple(y.shape))
    return np.asarray(drawn, np.float64)


def differentiable(values: Sequence[Any]) -> list[Any]:
    """The results that have gradients."""
    found = [v for v in values if hasattr(v, "requires_grad") and v.requires_grad]
    return found


def pointed(result: Any, sample: Any, name: str) -> list[Any]:
    """The results, with positions of elements replaced by what lies there."""
    x = sample.input
    values = flat(result)
    number = int(name in ("topk", "kthvalue"))
    dim = sample.kwargs.get("dim", sample.args[number] if len(sample.args) > number else None)
    if not isinstance(x, torch.Tensor) or not x.ndim or sample.kwargs.get("stable"):
        return values
    if dim is None or isinstance(dim, bool | torch.Tensor):
        dim = 0 if name == "msort" else -1
    found = []
    for k, y in enumerate(values):
        if k == len(values) - 1 and (k or name == "argsort"):
            ours = isinstance(y, zincir.Tensor)
            index = torch.from_numpy(our_array(y).copy()) if ours else y
            kept = index.unsqueeze(dim) if index.ndim < x.ndim else index
            there = x.detach().gather(dim, kept)
            y = as_zincir(there.clone()) if ours else there
        found.append(y)
    return found


@dataclass
class Try:
    """A call of both libraries, whose values may be computed later."""

    what: str
    ours: list[Any] = field(default_factory=list)
    theirs: list[Any] = field(default_factory=list)
    our_grads: list[Any] = field(default_factory=list)
    their_grads: list[Any] = field(default_factory=list)
    values: bool = True
    slack: int = 1
    gradients: bool = False
    problem: str | None = None

    def judged(self) -> str | None:
        """What is different."""
        if self.problem is not None:
            return self.problem
        if len(self.ours) != len(self.theirs):
            return f"{len(self.ours)} results, not {len(self.theirs)}"
        for k, (a, b) in enumerate(zip(self.ours, self.theirs, strict=True)):
            found = unlike(a, b, f"result {k}", self.values, self.slack)
            if found is not None:
                return found
            if (
                isinstance(b, torch.Tensor)
                and self.gradients
                and a.requires_grad != b.requires_grad
            ):
                return f"result {k}: requires_grad is {a.requires_grad}, not {b.requires_grad}"
        for k, (a, b) in enumerate(zip(self.our_grads, self.their_grads, strict=True)):
            if a is None or b is None:
                given = b if a is None else a
                if given is None or not (our_array(a) if b is None else array_of(b)).any():
                    continue
                return f"gradient {k}: {'none' if a is None else 'one'} where there is one or none"
            found = unlike(a, b, f"gradient {k}", self.values, self.slack)
            if found is not None:
                return found
        return None


def message(error: BaseException) -> str:
    """The first line of an error, and where in this library a crash began."""
    first = (str(error).splitlines() or [""])[0]
    crash = "" if isinstance(error, ZincirError) else _place(error)
    return f"{type(error).__name__}: {first[:150]}{crash}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if "/zincir/" in f.filename]
    return f" ({Path(inside[-1].filename).name}:{inside[-1].lineno})" if inside else ""


# The walk ---------------------------------------------------------------------------------------

Again = Callable[[], Try]
"""A call of both libraries, to be made once more if need be."""


def _seed(seed: int) -> None:
    """As `torch.manual_seed`, which takes milliseconds to remember where it was called from."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**31)


def _seeded(made: Iterable[Any]) -> Iterator[Any]:
    """PyTorch's samples, each drawn after the seed that PyTorch draws it after."""
    left = iter(made)
    while True:
        _seed(SEED)
        try:
            sample = next(left)
        except StopIteration:
            return
        yield sample


@dataclass
class Walk:
    """One operation, tried with both libraries.

    Args:
        name: as in `OPERATIONS`.
        few: how many samples of each type are tried; all, if None.
    """

    name: str
    few: int | None = None
    dtypes: tuple[str, ...] = TYPES
    tried: int = 0

    def __post_init__(self) -> None:
        self.op: Any = OPERATIONS[self.name]
        self.function = ours_of(self.op)
        self.values = self.op.name not in RANDOM

    @property
    def absent(self) -> bool:
        """Whether this library has no such operation."""
        return self.function is None

    def _types(self) -> list[str]:
        has = [t for t in self.dtypes if getattr(torch, t) in self.op.dtypes and hasattr(zincir, t)]
        return has

    def _samples(self, dtype: str, number: int | None) -> Iterator[tuple[str, Any]]:
        _seed(zlib.crc32(f"{self.name} {dtype}".encode()))
        floating = getattr(torch, dtype).is_floating_point and self.op.supports_autograd
        made = _seeded(self.op.sample_inputs_func(self.op, "cpu", getattr(torch, dtype), floating))
        samples = list(itertools.islice(made, 1 if number == 1 else None))
        chosen = range(len(samples))
        if number is not None and len(samples) > number:
            steps = np.linspace(0, len(samples) - 1, number)
            chosen = sorted({round(s) for s in steps})
        for k in chosen:
            yield f"{dtype} {k}", samples[k]

    def samples(self) -> list[str]:
        """What differs in values, types and gradients."""
        return self._judge(self._calls())

    def _calls(self) -> Iterator[Again]:
        for k, dtype in enumerate(self._types()):
            few = self.few
            if few is not None and k:
                few = 1
            elif few is None and dtype not in TYPES[:MAIN]:
                few = 4
            for what, sample in self._samples(dtype, few):
                yield partial(self._call, what, sample)

    def _judge(self, calls: Iterable[Again]) -> list[str]:
        """What is different in calls; the values of some are computed together."""
        found: list[str] = []
        left = iter(calls)
        while part := list(itertools.islice(left, TOGETHER)):
            alone = False
            for again, tried in [(again, again()) for again in part]:
                try:
                    problem = (again() if alone else tried).judged()
                except Exception:
                    alone = True
                    gc.collect()
                    problem = self._alone(again)
                if problem is not None:
                    found.append(f"{tried.what}: {problem}")
        return found

    def _alone(self, again: Again) -> str | None:
        try:
            return again().judged()
        except Exception as error:
            return message(error)

    def _call(self, what: str, sample: Any) -> Try:
        """One sample, in both libraries."""
        self.tried += 1
        values = self.values and not sample.kwargs.get("dropout_p")
        tried = Try(what, values=values, slack=SLACK.get(self.op.name, 1))
        both = Both(self.op.supports_autograd)
        process = sample.output_process_fn_grad
        plain = "output_process_fn_grad" in repr(process) or process is None
        arguments = both.of(((sample.input, *sample.args), sample.kwargs))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = self.op.op(*arguments[0][0], **arguments[0][1])
                theirs = theirs if plain else process(theirs)
        except Exception as error:  # a sample that PyTorch does not take is none
            tried.problem = None
            tried.what += f" (PyTorch: {error})"
            return tried
        assert self.function is not None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ours = self.function(*arguments[1][0], **arguments[1][1])
                ours = ours if plain else retargeted(process)(ours)
            tried.theirs, tried.ours = flat(theirs), flat(ours)
            tried.gradients = bool(both.leaves)
            self._differentiate(tried, both)
            if self.op.name in TIED and " " in what and not what.startswith("float"):
                tried.theirs = pointed(theirs, sample, self.op.name)
                tried.ours = pointed(ours, sample, self.op.name)
        except Exception as error:
            tried.problem = message(error)
        return tried

    def _differentiate(self, tried: Try, both: Both) -> None:
        """The gradients of all inputs, with the same cotangents."""
        a, b = differentiable(tried.ours), differentiable(tried.theirs)
        if not b or len(a) != len(b) or not both.leaves:
            return
        weights = [cotangent(y, k) for k, y in enumerate(b)]
        xs, ys = [x for x, _ in both.leaves], [y for _, y in both.leaves]
        theirs = [torch.from_numpy(w).to(y.dtype) for w, y in zip(weights, b, strict=True)]
        tried.their_grads = list(torch.autograd.grad(b, xs, theirs, allow_unused=True))
        ours = [zincir.tensor(w).to(y.dtype) for w, y in zip(weights, a, strict=True)]
        tried.our_grads = list(zincir.autograd.grad(a, ys, ours, allow_unused=True))

    # Variants -----------------------------------------------------------------------------------

    def variants(self) -> list[str]:
        """What differs as a method, in place, with `out=`, and which other names are missing."""
        if not self._types():
            return []
        problems = [
            f"no alias {a.name}"
            for a in self.op.aliases
            if self.op.name[:2] != "__" and _named(a.name.removeprefix("torch.")) is None
        ]
        return problems + self._judge(self._variants())

    def _variants(self) -> Iterator[Again]:
        number = 2 if self.few is not None else 8
        for what, sample in self._samples(self._types()[0], number):
            for kind in (self._method, self._in_place, self._out):
                yield partial(self._variant, f"{kind.__name__[1:]} {what}", kind, sample)

    def _variant(self, what: str, kind: Callable[..., Any], sample: Any) -> Try:
        both = Both(False)
        tried = Try(what, values=self.values)
        (theirs, names), (ours, our_names) = both.of(((sample.input, *sample.args), sample.kwargs))
        if not isinstance(theirs[0], torch.Tensor) and kind != self._out:
            return tried
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = kind(torch, theirs, names, None)
            except Exception:
                return tried
            if expected is None:
                return tried
            try:
                got = kind(zincir, ours, our_names, expected)
            except Exception as error:
                tried.problem = message(error)
                return tried
        tried.ours, tried.theirs = flat(got), flat(expected)
        return tried

    def _method(self, library: Any, args: Any, names: Any, _: Any) -> Any:
        if not inspect.ismethoddescriptor(self.op.method_variant):
            return None
        name = self.op.method_variant.__name__
        return getattr(library.Tensor, name)(*args, **names)

    def _in_place(self, library: Any, args: Any, names: Any, _: Any) -> Any:
        if not inspect.ismethoddescriptor(self.op.inplace_variant):
            return None
        changed = args[0]
        result = getattr(library.Tensor, self.op.inplace_variant.__name__)(*args, **names)
        assert result is changed
        return changed

    def _out(self, library: Any, args: Any, names: Any, expected: Any) -> Any:
        if not self.op.supports_out or isinstance(self.op.op, types.FunctionType):
            return None
        if library is torch:
            like = self.op.op(*args, **names)
            outs = [torch.empty_like(y) for y in flat(like)]
            outs = outs if isinstance(like, tuple | list) else outs[0]
            return self.op.op(*args, **names, out=outs)
        made = [
            zincir.zeros(tuple(y.shape), dtype=getattr(zincir, type_name(y)))
            for y in flat(expected)
        ]
        outs = made if isinstance(expected, tuple | list) else made[0]
        assert self.function is not None
        result = self.function(*args, **names, out=outs)
        assert all(a is b for a, b in zip(flat(result), made, strict=True))
        return result

    # Errors -------------------------------------------------------------------------------------

    def errors(self) -> list[str]:
        """What PyTorch refuses, and this library does not."""
        if self.op.error_inputs_func is None:
            return []
        problems: list[str] = []
        _seed(0)
        for k, wrong in enumerate(_seeded(self.op.error_inputs_func(self.op, "cpu"))):
            sample = wrong.sample_input
            given = (sample.input, *sample.args), sample.kwargs
            try:
                theirs, (args, names) = Both(False, sharing(given)).of(given)
            except (NotImplementedError, TypeError, ValueError):
                continue  # what NumPy does not know either
            if "device" in names or (self.name[:2] == "__" and type(args[0]) is int):
                continue
            found = self._refused(args, names)
            if found is not None and not self._taken_there(*theirs):
                problems.append(f"{k}: {found} where PyTorch says {wrong.error_regex[:90]!r}")
        return problems

    def _taken_there(self, args: Any, names: Any) -> bool:
        """Whether PyTorch takes what it lists among errors."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.op.op(*args, **names)
        except Exception:
            return False
        return True

    def _refused(self, args: Any, names: Any) -> str | None:
        assert self.function is not None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for y in flat(self.function(*args, **names)):
                    if isinstance(y, zincir.Tensor):
                        y.numpy()
        except (ZincirError, TypeError, IndexError, ValueError, NotImplementedError):
            return None
        except Exception as error:
            return message(error)
        return "taken"


KINDS = ("samples", "variants", "errors")


def differences(name: str, few: int | None, kinds: Iterable[str] = KINDS) -> dict[str, list[str]]:
    """What differs for one operation, by kind."""
    walk = Walk(name, few)
    if walk.absent:
        return {"absent": ["no such name"]}
    found = {kind: getattr(walk, kind)() for kind in kinds}
    return {kind: problems for kind, problems in found.items() if problems}

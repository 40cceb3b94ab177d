"""Parameters that are computed from others whenever they are read."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar, cast

from zincir import recording
from zincir.autograd import no_grad
from zincir.errors import ArgumentError, TraceError, explain
from zincir.graph.node import user_line
from zincir.nn.module.container import ModuleDict, ModuleList
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor

M = TypeVar("M", bound=Module)


class _Cache(threading.local):
    """The values of this thread's `cached` blocks, and how many of these are open."""

    depth = 0
    outside = False
    """Whether the outermost block was entered before the function that is being recorded."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, str], Tensor] = {}


CACHE = _Cache()


@contextmanager
def cached() -> Generator[None]:
    """Within the block a parametrized tensor is computed when it is first read, and then kept.

    Within a compiled function the block must stand inside the function.

    >>> import zincir
    >>> from zincir.nn.utils import parametrizations
    >>> layer = parametrizations.weight_norm(zincir.nn.Linear(2, 2))
    >>> with cached():
    ...     layer.weight is layer.weight
    True
    """
    if not CACHE.depth and recording.CURRENT.recording is None:
        _stand_outside(True)
    CACHE.depth += 1
    try:
        yield
    finally:
        CACHE.depth -= 1
        if not CACHE.depth:
            CACHE.values = {}
            if CACHE.outside:
                _stand_outside(False)


def _stand_outside(outside: bool) -> None:
    CACHE.outside = outside
    recording.changed_setting()


class ParametrizationList(ModuleList):
    """The modules that one tensor goes through, and the parameters that it is computed from.

    These are `original`, or `original0`, `original1`, ... if `right_inverse` of the first module
    gives several tensors. `register_parametrization` makes it.

    Example:
        >>> from zincir import nn
        >>> layer = register_parametrization(nn.Linear(2, 3), "weight", nn.Tanh(), unsafe=True)
        >>> list(layer.state_dict())
        ['bias', 'parametrizations.weight.original']
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            _refuse("ParametrizationList: there are no modules")
        super().__init__(modules)
        self.unsafe = unsafe
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        continue
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(_tensors(new))
        shape, dtype = original.shape, original.dtype
        if self.is_tensor:
            _check_type("right_inverse gives another type", new, dtype)
            _assign(original, new)
            _hold(self, "original", original)
        else:
            for i, part in enumerate(new):
                trained = original.requires_grad
                if isinstance(original, Parameter):
                    part = Parameter(part, trained)
                part.requires_grad_(trained)
                _hold(self, f"original{i}", part)
        if not unsafe:
            _check_same("the parametrization", self(), shape, dtype)

    def right_inverse(self, value: Tensor) -> None:
        """Set what the tensor is computed from so that it becomes `value`."""
        new: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    _refuse(
                        f"the tensor cannot be set: {type(module).__name__} has no right_inverse"
                    )
                new = module.right_inverse(new)
        if self.is_tensor:
            parts, names = [new], ["original"]
        else:
            parts, names = _tensors(new), [f"original{i}" for i in range(self.ntensors)]
        if len(parts) != len(names) or not all(isinstance(part, Tensor) for part in parts):
            _refuse(f"right_inverse gives something else than {len(names)} tensors")
        for name, part in zip(names, parts, strict=True):
            _check_type("right_inverse gives another type", part, getattr(self, name).dtype)
        for name, part in zip(names, parts, strict=True):
            _assign(getattr(self, name), part)

    def forward(self) -> Tensor:
        first, *others = self
        if self.is_tensor:
            x = first(self.original)
        else:
            x = first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in others:
            x = module(x)
        return x


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Let a parameter or buffer be `parametrization(original)` whenever it is read.

    If the parametrization has a `right_inverse`, the original is `right_inverse(tensor)`, and the
    tensor can be assigned to. Several parametrizations of one tensor follow each other.

    Args:
        unsafe: do not check that shape and type stay as they are.

    Raises:
        ArgumentError: there is no such tensor, or its shape or type would change.

    >>> import zincir
    >>> from zincir import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held = _lists(module)[tensor_name]
        if not unsafe:
            now = getattr(module, tensor_name)
            new = parametrization(now)
            _check_same("the parametrization", new, now.shape, now.dtype)
            if hasattr(parametrization, "right_inverse"):
                try:
                    back = cast("Any", parametrization).right_inverse(new)
                except NotImplementedError:
                    back = now
                _check_same("right_inverse", back, now.shape, now.dtype)
        held.append(parametrization)
        held.unsafe = held.unsafe or unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        held = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
        kind = type_before_parametrizations(module)
        _lists(module)[tensor_name] = held
        module.__class__ = _with_properties(kind, list(_lists(module)))
    else:
        _refuse(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer "
            f"{tensor_name!r}"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the tensor of this name, or any, has a parametrization.

    >>> from zincir import nn
    >>> is_parametrized(nn.Linear(2, 2))
    False
    """
    lists = getattr(module, "parametrizations", None)
    if not isinstance(lists, ModuleDict):
        return False
    return len(lists) > 0 if tensor_name is None else tensor_name in lists


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make the tensor a parameter or buffer again: as it is now, or as its original is.

    Args:
        leave_parametrized: False: as its original is; there must be one alone.

    Raises:
        ArgumentError: it has no parametrization, or several originals.

    >>> from zincir import nn
    >>> from zincir.nn.utils import parametrizations
    >>> layer = parametrizations.weight_norm(nn.Linear(2, 2))
    >>> list(remove_parametrizations(layer, "weight").state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        _refuse(f"remove_parametrizations: {tensor_name!r} has none")
    held = _lists(module)[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                now = getattr(module, tensor_name)
            _assign(original, now)
    elif leave_parametrized:
        now = getattr(module, tensor_name)
        original = Parameter(now.detach()) if now.requires_grad else now
    else:
        _refuse(f"remove_parametrizations: {tensor_name!r} is computed from several tensors")
    kind = type_before_parametrizations(module)
    del _lists(module)[tensor_name]
    left = list(_lists(module))
    if not left:
        delattr(module, "parametrizations")
    module.__class__ = _with_properties(kind, left) if left else kind
    _hold(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type[Any]:
    """The type that the module was made with.

    >>> from zincir import nn
    >>> layer = register_parametrization(nn.Linear(2, 2), "weight", nn.Tanh())
    >>> type(layer).__name__, type_before_parametrizations(layer).__name__
    ('ParametrizedLinear', 'Linear')
    """
    kind = type(module)
    return kind.__bases__[0] if is_parametrized(module) and "_of" in vars(kind) else kind


def _with_properties(kind: type[Any], names: list[str]) -> type[Any]:
    """A class below `kind` that computes the tensors of these names."""
    set_plainly = cast("Callable[[Module, str, Any], None]", kind.__setattr__)

    def set_attribute(self: Module, name: str, value: Any) -> None:
        if name in names and isinstance(value, Parameter):
            _refuse(
                f"{name!r} is computed, and cannot be a parameter",
                f"assign a tensor, or remove_parametrizations(module, {name!r})",
            )
        set_plainly(self, name, value)

    def deep_copy(self: Any, memo: dict[int, Any]) -> Any:
        new: Any = object.__new__(self.__class__)
        memo[id(self)] = new
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return new

    def state(self: Module) -> NoReturn:
        _refuse(
            f"{type(self).__name__}: a parametrized module cannot be pickled",
            "save its state_dict()",
        )

    fields: dict[str, Any] = {name: _property(name) for name in names}
    fields |= {"_of": kind, "__setattr__": set_attribute, "__getstate__": state}
    fields |= {"__module__": kind.__module__, "__doc__": kind.__doc__}
    if not hasattr(kind, "__deepcopy__"):
        fields["__deepcopy__"] = deep_copy
    return type(f"Parametrized{kind.__name__}", (kind,), fields)


def _property(name: str) -> property:
    def read(self: Module) -> Tensor:
        recording.note_condition(CACHE, lambda: CACHE.outside)
        held = _lists(self)[name]
        if not CACHE.depth:
            return held()
        if CACHE.outside and recording.CURRENT.recording is not None:
            raise TraceError(
                explain(
                    "parametrize.cached: the block is around the call of a compiled function",
                    where=user_line(),
                    try_="put the block into the function",
                )
            )
        key = (id(held), name)
        if key not in CACHE.values:
            CACHE.values[key] = held()
        return CACHE.values[key]

    def write(self: Module, value: Tensor) -> None:
        _lists(self)[name].right_inverse(value)

    return property(read, write)


def _lists(module: Module) -> Any:
    return module.__dict__["parametrizations"]


def _hold(module: Module, name: str, x: Tensor) -> None:
    if isinstance(x, Parameter):
        module.register_parameter(name, x)
    else:
        module.register_buffer(name, x)


def _assign(old: Tensor, new: Tensor) -> None:
    """Let `old` hold what `new` holds."""
    if new is not old:
        old.data = new.detach()


def _tensors(x: Any) -> Sequence[Tensor]:
    kind = type(x).__name__
    given = isinstance(x, list | tuple)
    parts: list[Any] = [*cast("Sequence[Any]", x)] if given else []
    if not parts or not all(isinstance(part, Tensor) for part in parts):
        _refuse(f"right_inverse gives neither a tensor nor several but {kind}")
    return parts


def _check_same(what: str, x: Any, shape: tuple[int, ...], dtype: Any) -> None:
    if not isinstance(x, Tensor):
        _refuse(f"{what} gives no tensor but {type(x).__name__}")
    _check_type(f"{what} gives another type", x, dtype)
    if tuple(x.shape) != tuple(shape):
        _refuse(f"{what} gives another shape: {x.shape} instead of {shape}", "unsafe=True")


def _check_type(what: str, x: Tensor, dtype: Any) -> None:
    if x.dtype is not dtype:
        _refuse(f"{what}: {x.dtype.name} instead of {dtype.name}")


def _refuse(what: str, instead: str = "") -> NoReturn:
    raise ArgumentError(explain(what, where=user_line(), try_=instead))

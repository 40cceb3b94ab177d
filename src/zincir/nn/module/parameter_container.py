"""Lists and dictionaries whose parameters are seen by the module that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from zincir.errors import IndexOutOfRange, UnknownName, explain
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor


class _Held(Module):
    """Values as attributes; tensors among them become parameters."""

    _order: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["_order"] = []

    def _put(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value, requires_grad=value.dtype.is_floating_point)
        if name not in self._order:
            self._order.append(name)
        setattr(self, name, value)

    def _take(self, name: str) -> Any:
        value = getattr(self, name)
        self._order.remove(name)
        delattr(self, name)
        return value

    def __len__(self) -> int:
        return len(self._order)

    def extra_repr(self) -> str:
        lines: list[str] = []
        for name in self._order:
            value = getattr(self, name)
            text = f"Object of type: {type(value).__name__}"
            if isinstance(value, Tensor):
                sizes = "x".join(map(str, value.shape))
                text = f"{type(value).__name__} containing: [{value.dtype} of size {sizes}]"
            lines.append(f"  ({name}): {text}")
        return "\n".join(lines)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{type(self).__name__} should not be called.")


class ParameterList(_Held):
    """A list whose tensors are parameters of the module that holds it.

    Example:
        >>> import zincir
        >>> weights = ParameterList(zincir.ones(2, k) for k in range(3))
        >>> weights[-1].shape, list(weights.state_dict())
        ((2, 2), ['0', '1', '2'])
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend([] if values is None else values)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)([getattr(self, name) for name in self._order[index]])
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(self._name(index), value)

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, name) for name in self._order])

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add `value` at the end. Returns self."""
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add all `values` at the end. Returns self."""
        for value in list(values):
            self.append(value)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take one out; those behind it move up."""
        values = list(self)
        taken = values.pop(int(self._name(index)))
        for name in list(self._order):
            self._take(name)
        self.extend(values)
        return taken

    def _name(self, index: int) -> str:
        number = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexOutOfRange(
                explain(
                    f"ParameterList: no entry {number}",
                    expected=f"{-len(self)} <= index < {len(self)}",
                )
            )
        return str(number % len(self))


class ParameterDict(_Held):
    """A dictionary whose tensors are parameters of the module that holds it.

    Example:
        >>> import zincir
        >>> weights = ParameterDict({"left": zincir.ones(2), "right": zincir.ones(3)})
        >>> weights["right"].shape, list(weights.state_dict())
        ((3,), ['left', 'right'])
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._order:
            raise UnknownName(
                explain(
                    f"ParameterDict: no entry {key!r}", expected="one of " + ", ".join(self._order)
                )
            )
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __contains__(self, key: object) -> bool:
        return key in self._order

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._order))

    def keys(self) -> Iterable[str]:
        """The names."""
        return list(self._order)

    def values(self) -> Iterable[Any]:
        """The values."""
        return [getattr(self, name) for name in self._order]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and values."""
        return [(name, getattr(self, name)) for name in self._order]

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add or replace values."""
        pairs = parameters.items() if hasattr(parameters, "items") else parameters  # type: ignore[union-attr]
        for key, value in list(pairs):  # type: ignore[arg-type]
            self[key] = value

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return getattr(self, key) if key in self._order else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under `key`, which is `default` if there is none yet."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take out the value under `key`."""
        self[key]
        return self._take(key)

    def popitem(self) -> tuple[str, Any]:
        """Take out the name and value that came last."""
        key = self._order[-1]
        return key, self._take(key)

    def clear(self) -> None:
        """Take everything out."""
        for key in list(self._order):
            self._take(key)

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return type(self)(dict(self.items()))

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._order))

    def __or__(self, other: ParameterDict) -> ParameterDict:
        new = self.copy()
        new.update(other.items())
        return new

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other.items())
        return self

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dictionary that has `default` under each of `keys`."""
        return type(self)(dict.fromkeys(keys, default))

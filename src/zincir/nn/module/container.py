"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self, cast, overload

from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, UnknownName, explain
from zincir.graph.node import describe, here
from zincir.nn.module.module import Module, indented


class _Listed(Module):
    """Modules under the names 0, 1, 2, ..., and what lists can do."""

    _gaps: ClassVar[bool] = False
    """Whether None may stand in the place of a module."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._part(list(self._modules.items())[index])
        return self._items()[self._index_of(index)]

    def __setitem__(self, index: int, module: Module | None) -> None:
        self._hold_checked(list(self._modules)[self._index_of(index)], module)

    def __delitem__(self, index: int | slice) -> None:
        items = self._items()
        del items[index if isinstance(index, slice) else self._index_of(index)]
        self._fill(items)

    def __add__(self, modules: Iterable[Module | None]) -> Self:
        new = self._part([])
        new._fill([*self, *self._checked(modules)])
        return new

    def __iadd__(self, modules: Iterable[Module | None]) -> Self:
        return self.extend(self._checked(modules))

    def append(self, module: Module | None) -> Self:
        """Add `module` at the end. Returns self."""
        self._hold_checked(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module | None]) -> Self:
        """Add all `modules` at the end. Returns self."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module | None) -> None:
        """Add `module` before the one at `index`."""
        items = self._items()
        items.insert(index, module)
        self._fill(items)

    def pop(self, index: int) -> Any:
        """Take one module out; those behind it move up."""
        items = self._items()
        taken = items.pop(self._index_of(index))
        self._fill(items)
        return taken

    def _checked(self, modules: Iterable[Module | None]) -> Iterable[Module | None]:
        """What may be added with `+`."""
        return modules

    def _part(self, named: list[tuple[str, Module | None]]) -> Self:
        """Some of the modules under the same names; they stay where they are in the net."""
        new = type(self).__new__(type(self))
        Module.__init__(new)
        new._modules.update(named)
        return new

    def _items(self) -> list[Any]:
        return list(self._modules.values())

    def _fill(self, items: list[Any]) -> None:
        for name in list(self._modules):
            delattr(self, name)
        for number, module in enumerate(items):
            self._hold_checked(str(number), module)

    def _hold_checked(self, name: str, module: Module | None) -> None:
        if module is None and self._gaps:
            self._modules[name] = None
            return
        if not isinstance(module, Module):
            remedy = "write nn.ReLU(), with brackets" if isinstance(module, type) else ""
            raise DTypeError(
                explain(
                    f"{type(self).__name__}: entry {name} is not a module",
                    where=describe(here()),
                    expected="an nn.Module",
                    got=repr(module),
                    try_=remedy or "functions have layers of the same name: nn.ReLU() for relu",
                )
            )
        assert module is not None
        self._hold("_modules", name, module)

    def _index_of(self, index: Any) -> int:
        number = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexOutOfRange(
                explain(
                    f"{type(self).__name__}: no entry {number}",
                    expected=f"{-len(self)} <= index < {len(self)}",
                )
            )
        return number % len(self)


class Sequential(_Listed):
    """Modules run one after the other: `y = last(... second(first(x)))`.

    Takes the modules themselves, or one dictionary of names and modules.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> net = Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> net
        Sequential(
          (0): Linear(in_features=4, out_features=3, bias=True)
          (1): ReLU()
          (2): Linear(in_features=3, out_features=2, bias=True)
        )
        >>> net(zincir.ones(5, 4)).shape, net[-1].out_features
        ((5, 2), 2)
    """

    @overload
    def __init__(self, *modules: Module) -> None: ...
    @overload
    def __init__(self, modules: Mapping[str, Module], /) -> None: ...
    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = cast(Mapping[str, Module], modules[0])
            for name, module in named.items():
                self.add_module(name, module)
        else:
            self._fill(list(modules))

    def __mul__(self, times: int) -> Self:
        """The same modules, so many times one after the other."""
        new = self._part([])
        new._fill(self._items() * self._count(times))
        return new

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(self._items() * (self._count(times) - 1))

    def _checked(self, modules: Iterable[Module | None]) -> Iterable[Module | None]:
        if not isinstance(modules, Sequential):
            raise ArgumentError(
                explain(
                    "Sequential: only another Sequential can be added to it",
                    where=describe(here()),
                    got=repr(modules),
                    try_="extend(modules)",
                )
            )
        return modules

    def _count(self, times: int) -> int:
        if type(times) is not int:
            raise TypeError(
                explain("Sequential: repeated a whole number of times", got=repr(times))
            )
        if times <= 0:
            raise ArgumentError(
                explain(
                    "Sequential: repeated at least once", where=describe(here()), got=repr(times)
                )
            )
        return times

    def forward(self, input: Any) -> Any:
        """Run `input` through all modules in order."""
        for module in self._modules.values():
            input = module(input)  # pyright: ignore[reportOptionalCall]  # None is never held here
        return input


class ModuleList(_Listed):
    """A list whose modules are seen by `parameters()`; it has no forward of its own.

    None may stand in the place of a module.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> layers = ModuleList(nn.Linear(3, 3) for _ in range(2))
        >>> len(layers), list(layers.state_dict())
        (2, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    _gaps: ClassVar = True

    def __init__(self, modules: Iterable[Module | None] | None = None) -> None:
        super().__init__()
        self._fill([] if modules is None else list(modules))

    def __repr__(self) -> str:
        """Neighbours that look the same share a line."""
        blocks: list[tuple[str, list[str]]] = []
        for name, module in self._modules.items():
            if not blocks or blocks[-1][0] != repr(module):
                blocks.append((repr(module), []))
            blocks[-1][1].append(name)
        lines: list[str] = []
        for text, names in blocks:
            several = len(names) > 1
            title = f"({names[0]}-{names[-1]}): {len(names)} x " if several else f"({names[0]}): "
            lines += (title + text).splitlines()
        return f"{type(self).__name__}({indented(lines)})"


class ModuleDict(Module):
    """A dictionary whose modules are seen by `parameters()`; it has no forward of its own.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> heads = ModuleDict({"color": nn.Linear(3, 4), "size": nn.Linear(3, 1)})
        >>> heads["size"](zincir.ones(2, 3)).shape, "color" in heads
        ((2, 1), True)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise UnknownName(
                explain(
                    f"ModuleDict: no entry {key!r}", expected="one of " + ", ".join(self._modules)
                )
            )
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        if key in self._modules:
            setattr(self, key, module)
        else:
            self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        delattr(self, key)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()

    def pop(self, key: str) -> Any:
        """Take out the module under `key`."""
        taken = self[key]
        del self[key]
        return taken

    def clear(self) -> None:
        """Take out all modules."""
        for key in list(self._modules):
            del self[key]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules."""
        for key, module in dict(modules).items():
            self[key] = module

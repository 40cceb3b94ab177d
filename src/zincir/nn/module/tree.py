"""What a module holds, by name, and the walks over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from zincir.errors import UnknownName, explain
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor

if TYPE_CHECKING:
    from zincir.nn.module.module import Module

T = TypeVar("T")


class Tree:
    """A node in the tree of modules: what it holds by name, and the walks over all below it.

    Every walk goes parents first, in the order in which things were assigned, and visits what is
    reachable by two names once, under the first.
    """

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module (named `prefix`) and all below it, with their dotted names."""
        return _named_modules(self, prefix, set())

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names."""
        return _once((k, m) for k, m in self._modules.items() if m is not None)

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their dotted names: those below as well, if `recurse`."""
        return _once(_members(self, prefix, recurse, lambda tree: tree._parameters))

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Parameters, as an optimizer wants them."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Buffers with their dotted names: those below as well, if `recurse`."""
        return _once(_members(self, prefix, recurse, lambda tree: tree._buffers))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Buffers: tensors that belong to the state but are not trained."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with the dotted name `target`; an empty name is this module.

        Raises:
            UnknownName: there is none.
        """
        known = dict(self.named_modules())
        if target not in known:
            raise UnknownName(
                explain(
                    f"get_submodule: no module named {target!r} in {type(self).__name__}",
                    expected="one of " + ", ".join(name for name in known if name),
                )
            )
        return known[target]

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with the dotted name `target`.

        Raises:
            UnknownName: there is none.
        """
        known = dict(self.named_parameters())
        if target not in known:
            raise UnknownName(
                explain(
                    f"get_parameter: no parameter named {target!r} in {type(self).__name__}",
                    expected="one of " + ", ".join(known),
                )
            )
        return known[target]

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with the dotted name `target`.

        Raises:
            UnknownName: there is none.
        """
        known = dict(self.named_buffers())
        if target not in known:
            raise UnknownName(
                explain(
                    f"get_buffer: no buffer named {target!r} in {type(self).__name__}",
                    expected="one of " + ", ".join(known),
                )
            )
        return known[target]

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module, children before their parents. Returns self."""
        for child in self.children():
            child.apply(fn)
        fn(self)  # pyright: ignore[reportArgumentType]  # every Tree is a Module
        return self


def _named_modules(tree: Tree, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(tree) in seen:
        return
    seen.add(id(tree))
    yield prefix, tree
    for name, child in tree._modules.items():
        if child is not None:
            yield from _named_modules(child, f"{prefix}.{name}" if prefix else name, seen)


def _members(
    tree: Tree, prefix: str, recurse: bool, held: Callable[[Tree], dict[str, T | None]]
) -> Iterator[tuple[str, T]]:
    for path, module in tree.named_modules(prefix) if recurse else [(prefix, tree)]:
        for name, value in held(module).items():
            if value is not None:
                yield (f"{path}.{name}" if path else name), value


def _once(named: Iterator[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value

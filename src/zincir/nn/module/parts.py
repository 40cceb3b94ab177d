"""What a module holds by name, as a dictionary whose writes reach the module's attributes."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from zincir.recording import note_setting


class Parts(dict[str, Any]):
    """Parameters, buffers or modules by name; each is an attribute of the module too.

    (Unless the module's class has a `__getattr__` of its own: then that is asked for them.)

    Code that writes here (`module._parameters["weight"] = w`, as libraries for meta-learning do)
    does what it does in PyTorch, where attributes are looked up here. A copy is a plain dictionary.
    """

    __slots__ = ("_owners",)

    def __init__(
        self, owner: Any, given: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()
    ) -> None:
        super().__init__(given)
        self._owners = [weakref.ref(owner)]

    def share(self, owner: Any) -> None:
        """Let a shallow copy of the module have these too, as `copy.copy` does."""
        self._owners.append(weakref.ref(owner))

    def put(self, name: str, value: Any) -> None:
        """Write for the one owner, who sets the attribute."""
        if len(self._owners) > 1:
            self[name] = value
        else:
            super().__setitem__(name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        for owner in self._living():
            note_setting(owner, name, value)
            owner._show(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        for owner in self._living():
            note_setting(owner, name, None)
            owner.__dict__.pop(name, None)

    def _living(self) -> list[Any]:
        return [owner for reference in self._owners if (owner := reference()) is not None]

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        name, value = super().popitem()
        super().__setitem__(name, value)
        del self[name]
        return name, value

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def update(self, *given: Any, **named: Any) -> None:
        for name, value in dict(*given, **named).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Parts:  # type: ignore[override, misc]
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

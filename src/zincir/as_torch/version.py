"""`torch.version`: which PyTorch is followed, and what that was built with."""

from __future__ import annotations

import re
from typing import Any

cuda: str | None = None
hip: str | None = None
xpu: str | None = None
git_version = "zincir"
debug = False

_PARTS = re.compile(r"v?(\d+(?:\.\d+)*)(.*)", re.DOTALL)


class TorchVersion(str):
    """A text that is compared as versions are: number by number, with a text or a tuple.

    >>> version = TorchVersion("2.13.0+zincir")
    >>> version >= "2.4", version < (1, 8), version == "2.13.0+zincir", version > "2.13.0rc1"
    (True, False, True, True)
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def _order(self, other: Any) -> tuple[Any, Any]:
        """The two as what can be compared: versions, or else the texts."""
        theirs = ".".join(map(str, other)) if isinstance(other, tuple | list) else str(other)  # pyright: ignore[reportUnknownArgumentType]
        mine, key = _key(self), _key(theirs)
        return (str(self), theirs) if mine is None or key is None else (mine, key)

    def __eq__(self, other: object) -> bool:
        a, b = self._order(other)
        return a == b

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        a, b = self._order(other)
        return a < b

    def __le__(self, other: Any) -> bool:
        return self < other or self == other

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other


def _key(text: str) -> tuple[Any, ...] | None:
    """Numbers without zeros at the end, and whether it comes before that release or after it."""
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        return None
    numbers = [int(n) for n in found[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    rest = found[2].lstrip(".-_")
    return (
        numbers,
        (0 if not rest else 1 if rest[0] == "+" or rest.startswith("post") else -1),
        rest,
    )


__version__ = TorchVersion("2.13.0+zincir")
"""The version whose behaviour is followed."""

"""What the library calls itself where it prints its own names."""

from __future__ import annotations


class Naming:
    """One name for the whole process: "torch" once `install_as_torch` was called."""

    __slots__ = ("library",)

    def __init__(self) -> None:
        self.library = "zincir"


NAMING = Naming()


class Named:
    """A word that stands for itself, such as `zincir.strided`: compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{NAMING.library}.{self.name}"

    def __reduce__(self) -> str | tuple[object, ...]:
        return _named, (self.name,)


class layout(Named):
    """How the elements of a tensor are stored."""


class memory_format(Named):
    """In which order the axes of a tensor lie in memory."""


strided = layout("strided")
"""Elements at fixed distances."""
sparse_coo = layout("sparse_coo")
"""Values and where they are."""
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

_WORDS = {
    word.name: word
    for word in (
        strided,
        sparse_coo,
        contiguous_format,
        preserve_format,
        channels_last,
        channels_last_3d,
    )
}


def _named(name: str) -> Named:
    return _WORDS[name]

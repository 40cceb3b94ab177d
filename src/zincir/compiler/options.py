"""What a computation is compiled for: all that passes know besides the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from zincir import settings
from zincir.runtime import native
from zincir.runtime.native import Target

Terms: TypeAlias = Literal["rounded", "pairs"]
"""What products sum: products of rounded numbers, or those of pairs, two at a time."""


@dataclass(frozen=True, slots=True)
class Options:
    """The second argument of every pass."""

    threads: int = 1
    """How many run the program at most."""
    donations: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """For outputs (by number) the inputs (by number) whose memory they may take."""
    terms: Terms | None = None
    """What products are computed of, if not of float32: see `rewrite.precision`."""
    target: Target = field(default_factory=native.target)
    """The machine that code is generated for; by default this one."""
    winograd: bool = field(default_factory=lambda: settings.current().winograd)
    """Whether convolutions may become products of transformed tiles."""
    force_all_threads: bool = False
    """Use all threads, even where fewer would be faster; for tests."""

    @property
    def lanes(self) -> int:
        """Elements of four bytes in a vector: loop nests have vectors of so many of any type."""
        return self.target.vector_bytes // 4

    @property
    def key(self) -> str:
        """Text that differs where programs may."""
        t = self.target
        target = f"{t.triple} {t.cpu} {t.features} {t.vector_bytes} {t.vector_registers}"
        donated = tuple(self.donations.items())
        return f"{self.threads} {donated} {self.terms} {target} {self.winograd}"

"""The times of layers as a table: in plain text, and for a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STAGES = ("forward", "backward", "update", "other")
_FEW = 3
"""Layers that are named in a note."""


@dataclass(eq=False)
class LayerTimes:
    """A row: what the kernels that are booked on a layer take."""

    path: str
    """Its dotted name in the model; `(itself)`, `(loss)`, `(update)` for what is no layer in it."""
    kind: str
    """The name of its class."""
    seconds: list[float] = field(default_factory=lambda: [0.0] * len(STAGES))
    """By stage: forward, backward, update, other."""
    operations: list[int] = field(default_factory=lambda: [0] * len(STAGES))
    """Additions and multiplications of its matrix products and convolutions, by stage."""
    inside: set[str] = field(default_factory=set[str])
    """Other layers that its kernels compute a part of."""
    within: set[str] = field(default_factory=set[str])
    """Layers whose kernels compute a part of this one."""
    moved: dict[int, int] = field(default_factory=dict[int, int])
    """Stages that are computed, in part at least, by kernels that count for another stage."""

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds)

    @property
    def flops(self) -> float | None:
        """Operations a second; None where nothing is known to be computed, or in no time."""
        count = sum(self.operations)
        return count / self.total if count and self.total else None

    @property
    def counts(self) -> bool:
        """Whether there is anything to say of it."""
        return self.total > 0 or any(self.operations) or bool(self.within)

    def time_of(self, stage: int) -> str:
        """The time of a stage as text, or where it is counted."""
        if not self.seconds[stage] and self.moved.get(stage, stage) != stage:
            return f"in {STAGES[self.moved[stage]]}"
        return _time(self.seconds[stage])

    @property
    def note(self) -> str:
        """Which layers share kernels with it."""
        parts: list[str] = []
        for word, others in (("with", self.inside), ("in", self.within)):
            named = sorted(others, key=_natural)
            if named:
                more = ", ..." if len(named) > _FEW else ""
                parts.append(f"{word} {', '.join(named[:_FEW])}{more}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Profile:
    """What `profile` found: `rows`, totals, and a table when printed (also by `rich`)."""

    model: str
    rows: tuple[LayerTimes, ...]
    seconds: float
    """Of a whole step, as it runs."""
    threads: int
    peak: float | None
    """Operations a second that this machine can do in float32; None for models of other types."""

    @property
    def total(self) -> float:
        """Seconds of all kernels, one after another."""
        return sum(row.total for row in self.rows)

    @property
    def flops(self) -> float:
        """Operations a second of products and convolutions, in a whole step as it runs."""
        return sum(sum(row.operations) for row in self.rows) / self.seconds

    def __str__(self) -> str:
        table = [_TITLES, *self._lines()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        text = [_line(cells, widths) for cells in table]
        rule = "-" * max(map(len, text))
        return "\n".join(
            [self.model, rule, text[0], rule, *text[1:-1], rule, text[-1], self._foot()]
        )

    def __rich__(self) -> Any:
        """The table as `rich` draws it."""
        from rich.table import Table

        table = Table(title=self.model, caption=self._foot(), show_footer=True)
        *lines, last = self._lines()
        for number, title in enumerate(_TITLES):
            side: Any = "left" if number in _LEFT else "right"
            last_one = number == len(_TITLES) - 1
            table.add_column(title, footer=last[number], justify=side, no_wrap=not last_one)
        slowest = max((row.total for row in self.rows), default=0.0)
        for row, cells in zip(self.rows, lines, strict=True):
            table.add_row(*cells, style="bold" if row.total >= slowest / 2 > 0 else "")
        return table

    def _lines(self) -> list[tuple[str, ...]]:
        whole = self.total or 1.0
        lines: list[tuple[str, ...]] = []
        for row in self.rows:
            times = [*map(row.time_of, range(3)), _time(row.total)]
            share = f"{100 * row.total / whole:.1f} %"
            lines.append((row.path, row.kind, *times, share, *self._speed(row), row.note))
        everything = LayerTimes("kernels", "")
        for row in self.rows:
            for stage in range(len(STAGES)):
                everything.seconds[stage] += row.seconds[stage]
                everything.operations[stage] += row.operations[stage]
        times = [_time(t) for t in (*everything.seconds[:3], everything.total)]
        lines.append(("kernels", "", *times, "100.0 %", *self._speed(everything), ""))
        return lines

    def _speed(self, row: LayerTimes) -> tuple[str, str]:
        if row.flops is None:
            return "", ""
        share = "" if self.peak is None else f"{100 * row.flops / self.peak:.0f} %"
        return f"{row.flops / 1e9:.1f}", share

    def _foot(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        peak = "" if self.peak is None else f", which can do {self.peak / 1e9:.0f} GFLOP/s"
        return f"a whole step: {_time(self.seconds).strip()} with {threads}{peak}"


_TITLES = (
    "layer", "class", "forward", "backward", "update", "together", "share", "GFLOP/s", "of peak",
    "shares kernels",
)  # fmt: skip
_LEFT = (0, 1, 9)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    sides = [c.ljust(w) if i in _LEFT else c.rjust(w)
             for i, (c, w) in enumerate(zip(cells, widths, strict=True))]  # fmt: skip
    return "  ".join(sides).rstrip()


def _time(seconds: float) -> str:
    if seconds == 0:
        return "-"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def _natural(path: str) -> list[tuple[bool, int, str]]:
    """Numbers in paths in the order of numbers."""
    parts = path.split(".")
    return [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts]

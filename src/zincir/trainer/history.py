"""What was measured, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from zincir.trainer.plotting import plot


class History(Sequence[dict[str, Any]]):
    """A row for each epoch: the loss, the metrics and the same of the validation (`val_loss`),
    the learning rate (`lr`), `seconds`, and what callbacks added.

    Example:
        >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
        >>> history["loss"], history[-1]
        ([0.5, 0.25], {'epoch': 2, 'loss': 0.25})
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self.rows: list[dict[str, Any]] = [dict(row) for row in rows]

    def __getitem__(self, key: Any) -> Any:
        """A column by its name, with None where an epoch has it not; or a row by its number."""
        if not isinstance(key, str):
            return cast(Any, self.rows)[key]
        if key not in self.names:
            raise KeyError(f"{key!r} was not measured; there are: {', '.join(self.names)}")
        return [row.get(key) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    @property
    def names(self) -> list[str]:
        """All columns, in the order in which they came."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __repr__(self) -> str:
        names = [n for n in self.names if all(_is_number(row.get(n)) for row in self.rows)]
        cells = [names, *([_text(row.get(name)) for name in names] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in cells
        )

    def plot(self, path: Any = None) -> Any:
        """Losses, metrics and learning rate over the epochs, by matplotlib.

        Args:
            path: where to write the picture; None to have the figure alone.

        Returns:
            the matplotlib figure.
        """
        figure = plot(self.rows, self.names)
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure


def _is_number(x: Any) -> bool:
    return x is None or isinstance(x, int | float)


def _text(x: Any) -> str:
    return "-" if x is None else f"{x:.4g}" if isinstance(x, float) else str(x)

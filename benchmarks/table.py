"""Printing: with rich where it is installed, else as plain text that is also Markdown."""

from __future__ import annotations

from benchmarks.contract import Section


def markdown(section: Section) -> str:
    """The table as Markdown, columns aligned."""
    lines = [section.columns, *section.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(section.columns))]

    def row(cells: list[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    notes = [f"- {note}" for note in section.notes]
    return "\n".join(
        [f"### {section.title}", "", row(lines[0]), rule, *map(row, lines[1:]), *notes]
    )


def show(section: Section, plain: bool = False) -> None:
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        plain = True
    if plain:
        print(markdown(section), end="\n\n")
        return
    table = Table(title=section.title, title_justify="left", title_style="bold")
    for k, column in enumerate(section.columns):
        table.add_column(column, justify="right" if k else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)
    for note in section.notes:
        console.print(f"  {note}", style="yellow", markup=False, highlight=False)

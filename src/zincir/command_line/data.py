"""The command `zincir data`: data sets listed, found and fetched."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from zincir.command_line.errors import one_line
from zincir.data.download import fetch_data
from zincir.data.registry import REGISTRY, KnownData, data_home, find_data
from zincir.errors import DataNotFound, UnknownName, ZincirError


def add(commands: Any) -> None:
    """Add the command to the parser."""
    data: argparse.ArgumentParser = commands.add_parser(
        "data",
        help="list, find and fetch data sets",
        description="Data sets that are known by name. They are fetched into the folder that the "
        f"variable ZINCIR_DATA names, otherwise into {data_home()}.",
    )
    data.set_defaults(call=_data)
    actions = data.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", help="all of them: what, how large, under which licence, where")
    for action, text in (
        ("get", "fetch a data set; what broke off goes on"),
        ("where", "print the folder that a data set is in"),
    ):
        parser = actions.add_parser(action, help=text)
        parser.add_argument("name", help=", ".join(REGISTRY))
        parser.add_argument("--data", metavar="FOLDER", help="a folder in place of the usual ones")


def _data(given: argparse.Namespace) -> None:
    try:
        if given.action == "list":
            sys.stdout.write(listing())
        elif given.action == "get":
            sys.stdout.write(f"{fetch_data(given.name, given.data)}\n")
        else:
            sys.stdout.write(f"{find_data(given.name, given.data)}\n")
    except ZincirError as error:
        sys.stderr.write(f"zincir data {given.action}: {one_line(error)}\n")
        raise SystemExit(2 if isinstance(error, UnknownName) else 1) from None


def listing() -> str:
    """All known data sets, a line each.

    >>> print(listing().splitlines()[1])
    digits                   ships      CC BY 4.0                  1,797 handwritten digits, 8 x 8
    """
    rows = [("name", "size", "where", "licence", "what")]
    for known in REGISTRY.values():
        size = "" if known.ships else f"{sum(f.size for f in known.files) / 1e6:.1f} MB"
        rows.append((known.name, size, _where(known), known.licence, known.about))
    return "".join(
        f"{name:<14}  {size:>8}  {where:<9}  {licence:<25}  {what}\n"
        for name, size, where, licence, what in rows
    )


def _where(known: KnownData) -> str:
    if known.ships:
        return "ships"
    try:
        find_data(known.name)
    except DataNotFound:
        return "not here"
    return "here"

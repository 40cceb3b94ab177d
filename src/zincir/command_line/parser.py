"""The parser of the command line: what is wrong is said in one line, with what comes near."""

from __future__ import annotations

import argparse
import re
import sys
from difflib import get_close_matches
from typing import NoReturn

from zincir.command_line.errors import WRONG

_CHOICE = re.compile(r"(?:argument (\S+): )?invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage, which --help shows.

    Example:
        >>> parser = Parser(prog="cook")
        >>> _ = parser.add_argument("dish", choices=["soup", "salad"])
        >>> parser.parse_args(["sopu"])
        Traceback (most recent call last):
          ...
        SystemExit: 2
    """

    def error(self, message: str) -> NoReturn:
        """Write the message, and exit."""
        found = _CHOICE.fullmatch(message)
        tip = f"{self.prog} --help"
        if found:
            choices = [choice.strip("'\"") for choice in found[3].split(", ")]
            message = f"there is no {found[1]} {found[2]!r}; expected: {', '.join(choices)}"
            tip = next(iter(get_close_matches(found[2], choices, 1)), tip)
        sys.stderr.write(f"{self.prog}: {message}; try: {tip}\n")
        raise SystemExit(WRONG)

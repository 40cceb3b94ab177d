"""The command `zincir`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from zincir.command_line import about, data, scripts, training
from zincir.command_line.errors import quiet_pipe


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, and do what it says.

    >>> main(["run", "no-such-script.py"])
    Traceback (most recent call last):
      ...
    SystemExit: 2
    """
    parser = argparse.ArgumentParser(
        prog="zincir",
        description="Neural networks by back-propagation. `zincir COMMAND --help` says more.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    training.add(commands)
    scripts.add(commands)
    data.add(commands)
    about.add(commands, parser)
    given = parser.parse_args(argv)
    if given.command == "run":  # as under Python, with all that Python says
        given.call(given)
        return
    with quiet_pipe():
        given.call(given)

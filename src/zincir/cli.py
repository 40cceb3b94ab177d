"""The command `zincir`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version

from zincir.command_line import about, bench, data, doctor, explain, scripts, training
from zincir.command_line.errors import WRONG, quiet_pipe
from zincir.command_line.parser import Parser


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, and do what it says.

    >>> main(["run", "no-such-script.py"])
    Traceback (most recent call last):
      ...
    SystemExit: 2
    """
    parser = Parser(
        prog="zincir",
        description="Neural networks by back-propagation. `zincir COMMAND --help` says more.",
    )
    parser.add_argument("--version", action="version", version=f"zincir {version('zincir')}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    training.add(commands)
    scripts.add(commands)
    doctor.add(commands)
    explain.add(commands)
    data.add(commands)
    bench.add(commands)
    about.add(commands, parser)
    given = parser.parse_args(argv)
    if given.command is None:
        parser.print_help(sys.stderr)
        raise SystemExit(WRONG)
    if given.command in ("run", "checkup"):  # as under Python, with all that Python says
        given.call(given)
        return
    with quiet_pipe():
        given.call(given)

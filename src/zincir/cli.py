"""The command `zincir`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from zincir.as_torch.running import read_script, run_module, run_script
from zincir.data_command import add_data, run_data


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, and do what it says.

    >>> main(["run", "no-such-script.py"])
    Traceback (most recent call last):
      ...
    SystemExit: 2
    """
    parser = argparse.ArgumentParser(
        prog="zincir", description="Neural networks by back-propagation."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser(
        "run",
        help="run a PyTorch script without PyTorch",
        description="Run a script in which `torch` means Zincir. Its arguments, its exit code and "
        "its tracebacks are what they are under Python.",
    )
    run.add_argument("-m", dest="module", action="store_true", help="run a module, by its name")
    run.add_argument("script", help="a file; - for standard input; with -m, a module")
    run.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")
    add_data(commands)
    given = parser.parse_args(argv)
    if given.command == "data":
        raise SystemExit(run_data(given))
    if given.module:
        run_module(given.script, given.args)
        return
    try:
        source, name = read_script(given.script)
    except OSError as error:
        parser.exit(2, f"zincir run: can't open file {given.script!r}: {error.strerror}\n")
    run_script(given.script, source, name, given.args)

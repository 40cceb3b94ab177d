"""`zincir run`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from zincir.as_torch.running import read_script, run_module, run_script


def add(commands: Any) -> None:
    """Add the command to the parser."""
    run = commands.add_parser(
        "run",
        help="run a PyTorch script without PyTorch",
        description="Run a script in which `torch` means Zincir. Its arguments, its exit code and "
        "its tracebacks are what they are under Python.",
    )
    run.add_argument("-m", dest="module", action="store_true", help="run a module, by its name")
    run.add_argument("script", help="a file; - for standard input; with -m, a module")
    run.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")
    run.set_defaults(call=_run)


def _run(given: argparse.Namespace) -> None:
    if given.module:
        run_module(given.script, given.args)
        return
    try:
        source, name = read_script(given.script)
    except OSError as error:
        sys.stderr.write(f"zincir run: can't open file {given.script!r}: {error.strerror}\n")
        raise SystemExit(2) from None
    run_script(given.script, source, name, given.args)

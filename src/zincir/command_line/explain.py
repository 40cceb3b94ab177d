"""`zincir explain`: a script's last loss, or one of the doctor's rules."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import Any

from zincir.as_torch.running import read_script, run_script
from zincir.command_line.errors import WRONG, plain_errors
from zincir.doctor import explain
from zincir.errors import RecordingWarning
from zincir.explanation.of_script import LastLoss


def add(commands: Any) -> None:
    """Add the command to the parser."""
    page = commands.add_parser(
        "explain",
        help="what back-propagation did in a script; or the page of one of the doctor's rules",
        description="With a script: run it, PyTorch's too, and explain the last loss that it "
        "differentiated, forward and backward, number by number. With a code, such as T1: what the "
        "doctor's finding means, where it comes from, when it is not that, what helps.",
    )
    page.add_argument("--out", metavar="FILE", help="write a page there instead of a text")
    page.add_argument("what", help="a script; or the code of a rule, or the name of a symptom")
    page.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")
    page.set_defaults(call=_explain)


def _explain(given: argparse.Namespace) -> None:
    out, args = _out(given.out, given.args)
    if given.what.endswith(".py") or os.path.isfile(given.what):
        _script(given.what, args, out)
        return
    with plain_errors("explain"):
        sys.stdout.write(f"{explain(given.what)}\n")


def _out(out: str | None, args: list[str]) -> tuple[str | None, list[str]]:
    """`--out FILE` may stand right behind the script too."""
    if out is None and len(args) > 1 and args[0] == "--out":
        return args[1], args[2:]
    return out, args


def _script(path: str, args: list[str], out: str | None) -> None:
    try:
        source, name = read_script(path)
    except OSError as error:
        sys.stderr.write(f"zincir explain: can't open {path!r}: {error.strerror}\n")
        raise SystemExit(WRONG) from None
    last = LastLoss()
    code: Any = 0
    try:
        with warnings.catch_warnings(), last:
            warnings.simplefilter("ignore", RecordingWarning)
            run_script(path, source, name, args)
    except SystemExit as end:
        code = end.code
    with plain_errors("explain"):
        found = last.explained()
        if found is None:
            sys.stderr.write("zincir explain: the script differentiated no loss\n")
            raise SystemExit(code or WRONG)
        if out is None:
            sys.stdout.write(f"{found}\n")
        else:
            found.save(out)
            sys.stderr.write(
                f"zincir explain: {out} is the page of the last of {last.passes} losses\n"
            )
    raise SystemExit(code)

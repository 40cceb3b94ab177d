"""`zincir checkup`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from zincir.as_torch.running import read_script, run_script
from zincir.doctor.of_script import ScriptExam
from zincir.doctor.report import Report


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    checkup = commands.add_parser(
        "checkup",
        help="run a script, and say what is wrong with its training",
        description="Run a script, PyTorch's too, while its trainings are examined. What was found "
        "is written to standard error at the end. The exit code is that of the script, or 1 if it "
        "is 0 and there are errors or warnings.",
    )
    checkup.add_argument("--json", metavar="FILE", help="write the report there as well")
    checkup.add_argument("--html", metavar="FILE", help="write the report there as a page")
    checkup.add_argument("--sarif", metavar="FILE", help="write the findings there for code hosts")
    checkup.add_argument("script", help="a file; - for standard input")
    checkup.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")
    checkup.set_defaults(call=_checkup)


def _checkup(given: argparse.Namespace) -> None:
    try:
        source, name = read_script(given.script)
    except OSError as error:
        sys.stderr.write(f"zincir checkup: can't open {given.script!r}: {error.strerror}\n")
        raise SystemExit(2) from None
    for wanted in (given.json, given.html, given.sarif):
        folder = Path(wanted or ".").parent
        if not folder.is_dir():
            sys.stderr.write(f"zincir checkup: can't write {wanted!r}: no folder {str(folder)!r}\n")
            raise SystemExit(2)
    exam = ScriptExam()
    code: Any = 0
    try:
        with exam:
            run_script(given.script, source, name, given.args)
    except SystemExit as end:
        code = end.code
    finally:
        ok = _report(exam, given)
    raise SystemExit(code or (0 if ok else 1))


def _report(exam: ScriptExam, given: argparse.Namespace) -> bool:
    """Write what was found; whether that is nothing bad."""
    reports = exam.reports() or [Report((), "no training was seen")]
    for number, report in enumerate(reports, 1):
        sys.stderr.write(f"\n{report}\n")
        if given.json:
            _path(given.json, number).write_text(report.to_json(), encoding="utf-8")
        if given.sarif:
            _path(given.sarif, number).write_text(report.to_sarif(), encoding="utf-8")
        if given.html:
            report.to_html(_path(given.html, number))
    return all(report.ok for report in reports)


def _path(given: str, number: int) -> Path:
    """The file for a training: the second is report-2.json."""
    path = Path(given)
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")

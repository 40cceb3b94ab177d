"""Scripts as users run them: another process, its output and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"


def run(
    *words: str, cwd: Path, source: str | None = None, stdin: str | None = None, zincir: bool = True
) -> subprocess.CompletedProcess[str]:
    """`zincir run words...`; with `source`, of a script.py that holds it."""
    if source is not None:
        (cwd / "script.py").write_text(source)
        words = ("script.py", *words)
    command = [sys.executable, *(["-m", "zincir", "run"] if zincir else []), *words]
    # As users run them: graphs are not checked after every pass.
    environment = {**os.environ, "PYTHONPATH": str(SRC), "ZINCIR_VERIFY": "0"}
    return subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, env=environment, timeout=100
    )

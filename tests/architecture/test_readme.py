"""The README's examples, run as written, one after the other."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What each example prints; later ones use the names of earlier ones, as a reader would."""
    names: dict[str, Any] = {"__name__": "readme"}
    outputs = []
    for number, source in enumerate(EXAMPLES):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(source, f"README.md, example {number + 1}", "exec"), names)
        outputs.append(out.getvalue().strip())
    outputs.append(f"{float(names['loss'].item()):.6f}")
    return outputs


def test_back_propagation(printed: list[str]) -> None:
    assert printed[0] == "Gradient (dL/dw): -24.0"


def test_training_on_digits(printed: list[str]) -> None:
    percent = float(printed[1].split("%")[0])
    assert printed[1].endswith("% of the test digits are right")
    assert percent >= 97


def test_compiled_step(printed: list[str]) -> None:
    assert 0 <= float(printed[-1]) < 0.5


def test_the_loop_is_short() -> None:
    loop = [line for line in EXAMPLES[1].splitlines() if line.strip()]
    assert len(loop) <= 15


def test_links_lead_somewhere() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / document).read_text("utf-8")):
            assert (ROOT / target).exists(), f"{document}: {target}"

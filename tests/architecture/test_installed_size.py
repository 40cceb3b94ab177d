"""The size stated in the README is the size on the disk."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks.installed import installed_bytes

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.skipif(sys.platform != "linux", reason="the README states the size on Linux")
def test_readme_states_the_installed_size() -> None:
    sizes = installed_bytes("zincir")
    assert set(sizes) == {"zincir", "numpy", "llvmlite"}, "two dependencies, no more"
    (stated,) = re.findall(r"\*\*(\d+) MB\*\*", README.read_text("utf-8"))
    real = sum(sizes.values()) / 1e6
    assert real == pytest.approx(float(stated), rel=0.15), f"really {real:.0f} MB: {sizes}"


def test_zincir_itself_is_small() -> None:
    assert installed_bytes("zincir")["zincir"] < 6e6

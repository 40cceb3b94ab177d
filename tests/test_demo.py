"""The demo, as `make demo` runs it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from zincir import demo
from zincir.data import load_digits

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reads_97_percent(seed: int) -> None:
    told: list[float] = []
    training = demo.train(load_digits(), seed, 30, lambda epoch, loss, right: told.append(right))
    assert training.accuracy >= 0.97
    assert told[-1] == training.accuracy
    assert len(told) == 30
    assert training.losses.shape == (30 * 45,)
    assert training.gradients.shape == training.weights.shape == (30 * 45, 3)
    assert (training.gradients > 0).all()
    assert demo.least_loss() < training.losses[-45:].mean() < demo.least_loss() + 0.07


def test_writes_what_it_promises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--epochs", "3", "--out", str(tmp_path / "new")]) == 0
    out = capsys.readouterr().out
    percent = float(out.split("% of 359 digits")[0].split()[-1])
    assert percent > 85
    assert "ms a step" in out
    for layer in ("1 (64 to 128)", "3 (128 to 64)", "5 (64 to 10)"):
        assert layer in out
    assert (tmp_path / "new" / "digits.png").read_bytes().startswith(PNG)


def test_same_seed_same_bits() -> None:
    first, second = (demo.train(load_digits(), 7, 1, lambda *_: None) for _ in range(2))
    np.testing.assert_array_equal(first.losses, second.losses)
    np.testing.assert_array_equal(first.gradients, second.gradients)


def test_measured_gradients_are_gradients() -> None:
    training = demo.train(load_digits(), 0, 1, lambda *_: None)
    np.testing.assert_allclose(training.relative * training.weights, training.gradients, rtol=1e-6)
    # As initialised: uniform within 1 / sqrt(inputs), so of size sqrt(outputs / 3).
    np.testing.assert_allclose(training.weights[0], np.sqrt([128 / 3, 64 / 3, 10 / 3]), rtol=0.1)


def without(package: str, out: Path) -> str:
    """What the demo prints where `package` is not installed."""
    script = f"""
import sys
sys.modules[{package!r}] = None
from zincir import demo
sys.exit(demo.main(["--epochs", "1", "--out", {str(out)!r}]))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not ran.stderr
    return ran.stdout


def test_without_rich(tmp_path: Path) -> None:
    out = without("rich", tmp_path)
    assert "epoch   1 of 1" in out
    assert "5 (64 to 10)" in out
    assert (tmp_path / "digits.png").exists()


def test_without_matplotlib(tmp_path: Path) -> None:
    assert "no plot: matplotlib is not installed" in without("matplotlib", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "out"
    taken.write_text("a file")
    assert demo.main(["--out", str(taken)]) == 1
    captured = capsys.readouterr()
    assert not captured.out, "found out after the training"
    assert captured.err.startswith(f"demo: cannot write the plot to {taken}\n")
    assert "--out FOLDER" in captured.err


def test_refuses_no_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.main(["--epochs", "0"])
    assert "--epochs: at least 1" in capsys.readouterr().err

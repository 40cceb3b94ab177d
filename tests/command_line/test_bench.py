"""`zincir bench`: what it prints, and what it refuses. How fast anything is, is not tested."""

import importlib.util
import json
from collections.abc import Callable

import numpy as np
import pytest

import zincir
from zincir import models, nn
from zincir.cli import main
from zincir.command_line.workloads import WORKLOADS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> tuple[int, str, str]:
        code = 0
        threads = zincir.get_num_threads()
        try:
            main(["bench", *words])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        finally:
            zincir.set_num_threads(threads)
        return code, *capsys.readouterr()

    return command


def test_a_table(run: Run) -> None:
    code, out, err = run("mlp", "--seconds", "0.01", "--without-torch", "--layers")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "GFLOP/s at best" in lines[0]
    assert lines[1].split() == ["net", "batch", "step", "samples/s", "GFLOP/s", "of", "peak"]
    assert lines[2].split()[:2] == ["mlp", "128"]
    assert "a whole step" in out
    assert "PyTorch" not in out


def test_numbers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 14 * 14, 5))

    monkeypatch.setattr(models, "tiny", tiny, raising=False)
    words = ("tiny", "--input", "2,3,16,16", "--seconds", "0.01", "--layers")
    code, out, _ = run(*words)
    assert code == 0
    assert "prediction" in out
    assert ["2", "Linear"] in [line.split()[:2] for line in out.splitlines()]
    code, out, _ = run("mlp", "--threads", "1", "--seconds", "0.01", "--json", "--without-torch")
    assert code == 0
    found = json.loads(out)
    assert found["threads"] == 1
    (row,) = found["nets"]
    assert (row["net"], row["batch"], row["torch_seconds"]) == ("mlp", 128, None)
    assert row["samples_per_second"] == pytest.approx(128 / row["seconds"])
    assert row["share_of_peak"] > 0


@pytest.mark.torch
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_beside_pytorch(run: Run) -> None:
    code, out, err = run("mlp", "--seconds", "0.01", "--json")
    assert (code, err) == (0, "")
    assert 0 < json.loads(out)["nets"][0]["torch_seconds"] < 60


@pytest.mark.torch
@pytest.mark.parametrize("name", WORKLOADS)
def test_both_train_the_same(name: str) -> None:
    torch = pytest.importorskip("torch")
    work = WORKLOADS[name]
    ours, theirs = work.make(zincir), work.make(torch)
    weights = {k: v.detach().numpy().copy() for k, v in theirs.state_dict().items()}
    ours.load_state_dict({k: zincir.tensor(v) for k, v in weights.items()})
    losses = []
    for library, model in ((zincir, ours), (torch, theirs)):
        x, y = work.batch(library)
        losses.append(library.nn.CrossEntropyLoss()(model(x), y).item())
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonet"], "there is no model and no training 'nonet'"),
        (["mlp", "resnet18"], "one model at a time, not resnet18; expected: mlp, cnn, lstm"),
        (["mlp", "--seconds", "0"], "--seconds is more than 0"),
        (["mlp", "--threads", "0"], "set_num_threads"),
    ],
)
def test_refused(run: Run, words: list[str], message: str) -> None:
    code, _, err = run(*words)
    assert code == 2
    assert err.startswith("zincir bench: ")
    assert message in err
    assert err.count("\n") == 1

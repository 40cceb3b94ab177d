"""The doctor in a `Trainer`, and its commands."""

import json
from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, mlp
from zincir import nn
from zincir.cli import main
from zincir.errors import ArgumentError, NotFinite
from zincir.tensor_backward import WATCHERS
from zincir.trainer import ClipGradients, Trainer


def _trainer(net: Any, rate: float = 0.1, **options: Any) -> Trainer:
    optimizer = zincir.optim.SGD(net.parameters(), lr=rate)
    return Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, **options)


@pytest.mark.parametrize("level", ["light", "standard", "full"])
def test_the_bits_are_the_same_at_every_level(level: str) -> None:
    def run(level: str) -> Any:
        zincir.manual_seed(0)
        net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
        trainer = _trainer(net, doctor=level, callbacks=[ClipGradients(norm=1.0)])
        rows = trainer.fit((X[:300], Y[:300]), (X[300:400], Y[300:400]), epochs=2, progress=False)
        assert trainer.report.ok, str(trainer.report)
        assert "findings" not in rows.names
        return rows["loss"], rows["val_loss"], [p.detach().numpy() for p in net.parameters()]

    bare, seen = run("off"), run(level)
    assert bare[:2] == seen[:2]
    assert all((a == b).all() for a, b in zip(bare[2], seen[2], strict=True))
    assert not WATCHERS


def test_findings_are_said_once_and_stand_in_the_history(capsys: Any) -> None:
    zincir.manual_seed(0)
    trainer = _trainer(mlp(nn.Sigmoid, 8), doctor="standard")
    history = trainer.fit((X[:640], Y[:640]), epochs=4, progress=True)
    assert trainer.report.symptoms[0] == "vanishing_gradient"
    assert {"I3 vanishing_gradient 0", "T1 vanishing_gradient 0"} <= set(history["findings"][-1])
    said = capsys.readouterr().err
    assert said.count("doctor: warning T1 vanishing_gradient in 0") == 1
    quiet = _trainer(mlp(nn.Sigmoid, 8), doctor="standard")
    quiet.fit((X[:640], Y[:640]), epochs=4, progress=False)
    assert not capsys.readouterr().err


def test_what_is_wrong_before_the_first_step_is_said_before_it(capsys: Any) -> None:
    net = nn.Sequential(mlp(), nn.Softmax(dim=1))
    trainer = _trainer(net, doctor="standard")
    trainer.fit((X[:64], Y[:64]), epochs=1, progress=True)
    said = capsys.readouterr().err
    assert said.index("softmax_before_cross_entropy") < said.index("epoch 1/1")
    assert trainer.report.findings[0].where == "1"
    reasons = {"S1": "as the paper has it"}
    silenced = _trainer(net, doctor="standard", silence=reasons)
    silenced.fit((X[:64], Y[:64]), epochs=1, progress=False)
    assert not silenced.report.of("S1")


class _BySoftmax(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def forward(self, x: Any) -> Any:
        return nn.functional.softmax(self.net(x), 1)


def test_what_is_seen_before_and_in_the_training_stands_there_once() -> None:
    trainer = _trainer(_BySoftmax(), doctor="standard")
    trainer.fit((X[:640], Y[:640]), epochs=2, progress=False)
    twice = trainer.report.of("S1")
    assert [(f.where, f.step) for f in twice] == [("net.4", None)]


class _Logarithm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(64, 16), nn.Linear(16, 10)

    def forward(self, x: Any) -> Any:
        h = self.first(x)
        return self.head((h.square() * (x[:, :1] > -4)).log())  # the birth


def test_the_birth_of_a_nan_is_found() -> None:
    x = X.copy()
    x[5, 0] = -5.0
    net = _Logarithm()
    trainer = _trainer(net, 0.01, doctor="standard")
    with pytest.raises(NotFinite):
        trainer.fit((x[:256], Y[:256]), epochs=1, batch_size=8, progress=False)
    before = [p.detach().numpy().copy() for p in net.parameters()]
    (finding,) = trainer.report.of("non_finite")
    assert finding.severity == "error"
    assert "infinity is born in log, in the forward pass" in finding.what
    with open(__file__) as file:
        line = next(n for n, text in enumerate(file, 1) if text.endswith("# the birth\n"))
    assert finding.origin.endswith(f"test_in_trainer.py:{line}")
    assert 0 <= finding.evidence["sample"] < 8
    assert 0 <= finding.step < 32
    after = [p.detach().numpy() for p in net.parameters()]
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))


def test_levels_are_checked() -> None:
    with pytest.raises(ArgumentError, match="doctor is one of off, light, standard, full"):
        _trainer(mlp(), doctor="heavy")
    assert _trainer(mlp(), doctor="off").report.ok
    assert _trainer(mlp()).report.ok


SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
layers = [nn.Linear(10, 32)]
for _ in range(7):
    layers += [nn.Sigmoid(), nn.Linear(32, 32)]
net = nn.Sequential(*layers, nn.Sigmoid(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(100):
    x = torch.randn(64, 10)
    loss = nn.functional.cross_entropy(net(x), x[:, :3].argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("done")
"""


def test_a_script_is_examined(tmp_path: Any, capfd: Any) -> None:
    import subprocess
    import sys

    (tmp_path / "sick.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "zincir", "checkup", "--json", "report.json", "sick.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n"
    assert done.returncode == 1
    assert "warning T1 vanishing_gradient: 0" in done.stderr
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["findings"][0]["symptom"] == "vanishing_gradient"
    (tmp_path / "sick.py").write_text("raise ValueError('mine')")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ValueError: mine" in done.stderr


def test_a_script_without_a_training_has_a_report_too(tmp_path: Any) -> None:
    import subprocess
    import sys

    (tmp_path / "none.py").write_text("print('done')")

    def run(*options: str) -> Any:
        command = [sys.executable, "-m", "zincir", "checkup", *options, "none.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = run("--json", "a.json", "--html", "a.html", "--sarif", "a.sarif")
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "no training was seen" in done.stderr
    assert json.loads((tmp_path / "a.json").read_text())["findings"] == []
    assert json.loads((tmp_path / "a.sarif").read_text())["runs"][0]["results"] == []
    assert "no training was seen" in (tmp_path / "a.html").read_text()
    done = run("--html", "missing/a.html")
    assert (done.returncode, done.stdout) == (2, "")  # the script does not run for nothing
    assert "can't write 'missing/a.html': no folder 'missing'" in done.stderr


TWO = """
import zincir as torch
torch.manual_seed(0)
x, y = torch.randn(64, 8), torch.randint(0, 3, (64,))
for clears in (True, False):
    net = torch.nn.Linear(8, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for i in range(70):
        if clears:
            optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
"""


def test_the_second_training_of_a_script_is_examined_too(tmp_path: Any) -> None:
    import subprocess
    import sys

    (tmp_path / "two.py").write_text(TWO)
    command = [sys.executable, "-m", "zincir", "checkup", "--sarif", "found.sarif", "two.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error S6 stale_gradient" in done.stderr
    first, second = (
        json.loads((tmp_path / name).read_text())["runs"][0]["results"]
        for name in ("found.sarif", "found-2.sarif")
    )
    assert not first
    assert second[0]["ruleId"] == "S6"


def test_explain(capsys: Any) -> None:
    main(["explain", "T3"])
    assert capsys.readouterr().out.startswith("T3 dead_relu (warning)")
    with pytest.raises(SystemExit) as end:
        main(["explain", "T99"])
    assert end.value.code == 2
    assert "no rule 'T99'" in capsys.readouterr().err

"""`zincir explain`: a script's last loss, as a new user types it; and the doctor's rules."""

import subprocess
import sys
from pathlib import Path

import zincir
from zincir.explanation.of_script import LastLoss

PLAIN = """import torch
w = torch.tensor([2.0], requires_grad=True)
x = torch.tensor([3.0])
optimizer = torch.optim.SGD([w], lr=0.01)
for _ in range(2):
    optimizer.zero_grad()
    p = w * x
    e = p - 10.0
    loss = e ** 2
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
"""
COMPILED = """import sys
import torch
from torch import nn
net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
optimizer = torch.optim.Adam(net.parameters())
x, y = torch.ones(4, 2), torch.zeros(4, 1)
@torch.compile
def step():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(x), y)
    loss.backward()
    optimizer.step()
    return loss
for _ in range(int(sys.argv[1])):
    step()
sys.exit(3)
"""


def command(*words: object, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "zincir", "explain", *map(str, words)],
        capture_output=True, text=True, cwd=folder, timeout=100, check=False,
    )  # fmt: skip


def test_a_script(tmp_path):
    (tmp_path / "train.py").write_text(PLAIN)
    done = command("train.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("loss 16.0\nloss 10.758")
    assert "w = 2.24 " in done.stdout
    assert "dL/dw = dL/dp * dp/dw = -6.56 * 3 = -19.68" in done.stdout
    assert "(p = w * x, line 7 of train.py)" in done.stdout


def test_a_page(tmp_path):
    (tmp_path / "train.py").write_text(PLAIN)
    for words in (("--out", "a.html", "train.py"), ("train.py", "--out", "b.html")):
        done = command(*words, folder=tmp_path)
        assert "is the page of the last of 2 losses" in done.stderr
    page = (tmp_path / "a.html").read_text("utf-8")
    assert page == (tmp_path / "b.html").read_text("utf-8")
    assert "dL/dw = dL/dp · dp/dw = −6.56 · 3 = −19.68" in page


def test_compiled_steps_arguments_and_exit_codes(tmp_path):
    (tmp_path / "train.py").write_text(COMPILED)
    done = command("train.py", 3, folder=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "dL/d0.weight = " in done.stdout
    assert "0.weight, 0.bias, 2.weight and 2.bias changed at" in done.stdout
    assert not done.stderr


def test_scripts_without_a_loss_and_files_that_are_not_there(tmp_path):
    (tmp_path / "nothing.py").write_text("print(1)\n")
    done = command("nothing.py", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "1\n")
    assert "differentiated no loss" in done.stderr
    done = command("gone.py", folder=tmp_path)
    assert done.returncode == 2
    assert "can't open 'gone.py'" in done.stderr
    (tmp_path / "train.py").write_text(PLAIN)
    done = command("--out", "no/folder.html", "train.py", folder=tmp_path)
    assert done.returncode == 2
    assert "the page cannot be written" in done.stderr


def test_codes_of_the_doctor_go_on_working(tmp_path):
    done = command("T1", folder=tmp_path)
    assert done.stdout.startswith("T1 vanishing_gradient")
    done = command("nonsense", folder=tmp_path)
    assert done.returncode == 2
    assert "there is no rule 'nonsense'" in done.stderr


def test_keeping_changes_no_bit():
    def train() -> bytes:
        zincir.manual_seed(0)
        net = zincir.nn.Sequential(zincir.nn.Linear(3, 4), zincir.nn.Tanh(), zincir.nn.Linear(4, 1))
        optimizer = zincir.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        x, y = zincir.randn(8, 3), zincir.randn(8, 1)
        for _ in range(4):
            optimizer.zero_grad()
            zincir.nn.functional.mse_loss(net(x), y).backward()
            optimizer.step()
        return b"".join(p.detach().numpy().tobytes() for p in net.parameters())

    plain = train()
    with LastLoss() as last:
        kept = train()
    assert plain == kept
    assert last.passes == 4
    found = last.explained()
    assert found is not None
    assert found["L"].place.startswith("test_of_script.py:")
    zincir.ones(1, requires_grad=True).sum().backward()
    assert last.passes == 4

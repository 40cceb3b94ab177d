"""The file of a whole training: exact, complete or not there, and never executed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, LoadError, StateError
from zincir.trainer import Checkpoint, Trainer, load_checkpoint, save_checkpoint

STATE = {
    "whole": 3,
    "float": 0.1 + 0.2,
    "nan": float("inf"),
    "text": "ağ",
    "none": None,
    "truth": True,
    "tuple": (1, (2.5, "x")),
    "numbers": {0: {"a": [1, 2]}, 7: None},
    "$": {"odd": 1},
    "bf16": zincir.tensor([1.5, -2.0], dtype=zincir.bfloat16),
    "view": zincir.arange(6.0).reshape(2, 3).T,
    "empty": zincir.zeros(0, 3),
    "scalar": zincir.tensor(2.0, dtype=zincir.float64),
    "rng": np.array([3, 4], np.int64),
    "bytes": np.arange(5, dtype=np.uint8),
}


def same(a, b):
    if isinstance(a, zincir.Tensor):
        return isinstance(b, zincir.Tensor) and a.dtype is b.dtype and a.tolist() == b.tolist()
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and bool((a == b).all())
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_a_state_comes_back_as_it_was(tmp_path):
    path = tmp_path / "state.ckpt"
    save_checkpoint(STATE, path)
    assert same(load_checkpoint(path), STATE)
    assert [p.name for p in tmp_path.iterdir()] == ["state.ckpt"]


def test_the_weights_can_be_read_as_safetensors(tmp_path):
    t = Trainer(nn.Linear(2, 3), nn.MSELoss())
    t.save(tmp_path / "state.ckpt")
    held = zincir.safetensors.load_file(tmp_path / "state.ckpt")
    assert held["model.weight"].tolist() == t.model.weight.tolist()


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(ArgumentError, match=r"state\.a\.1 cannot be saved(.|\n)*set"):
        save_checkpoint({"a": [1, {2, 3}]}, tmp_path / "state.ckpt")
    assert not list(tmp_path.iterdir())


def test_a_thousand_damaged_files(tmp_path):
    """Each is refused by a `LoadError`, or gives what was written."""
    path = tmp_path / "state.ckpt"
    save_checkpoint(STATE, path)
    good, draws = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(1000):
        data = bytearray(good)
        kind = draws.randrange(4)
        if kind == 0:
            data = data[: draws.randrange(len(data))]
        elif kind == 1:
            data += bytes(draws.randrange(1, 20))
        else:
            for _ in range(draws.choice((1, 1, 5))):
                data[draws.randrange(len(data) if kind == 2 else 400)] = draws.randrange(256)
        path.write_bytes(data)
        try:
            found = load_checkpoint(path)
        except LoadError:
            refused += 1
        else:
            assert same(found, STATE)
    assert refused > 900


def test_other_files(tmp_path):
    path = tmp_path / "weights.safetensors"
    zincir.safetensors.save_file({"w": zincir.ones(2)}, path)
    with pytest.raises(LoadError, match="no checkpoint of a training"):
        load_checkpoint(path)
    zincir.save({"w": zincir.ones(2)}, tmp_path / "weights.pt")
    with pytest.raises(LoadError):
        load_checkpoint(tmp_path / "weights.pt")
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "gone.ckpt")
    save_checkpoint({}, path)
    text = path.read_bytes().replace(b'"version":"1"', b'"version":"9"')
    path.write_bytes(text)
    with pytest.raises(LoadError, match="another version"):
        load_checkpoint(path)


def test_a_state_of_another_model(tmp_path):
    path = tmp_path / "state.ckpt"
    Trainer(nn.Linear(2, 3), nn.MSELoss()).save(path)
    other = Trainer(nn.Sequential(nn.Linear(2, 3)), nn.MSELoss())
    before = other.model[0].weight.tolist()
    with pytest.raises(RuntimeError, match=r"0\.weight(.|\n)*weight"):
        other.load(path)
    assert other.model[0].weight.tolist() == before
    save_checkpoint({"epoch": 3}, path)
    with pytest.raises(StateError, match="without model, optimizer"):
        other.load(path)


def test_a_full_disk_leaves_the_last_one(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)],
        capture_output=True, check=False,
    ).returncode  # fmt: skip
    if not mounted:
        pytest.skip("a small disk cannot be mounted here")
    try:
        model = nn.Linear(8, 8)
        x = np.zeros((32, 8), np.float32)
        t = Trainer(model, nn.MSELoss(), callbacks=[Checkpoint(disk)])
        t.fit((x, x), progress=False)
        good = (disk / "last.ckpt").read_bytes()
        (disk / "rest").write_bytes(bytes(190_000 - 2 * len(good)))

        def fill():
            for _ in range(20):
                t.fit((x, x), progress=False)
                (disk / f"more{t.epoch}").write_bytes(bytes(len(good) // 2))

        with pytest.raises(OSError, match="No space left"):
            fill()
        names = {p.name for p in disk.iterdir()}
        assert not any(name.startswith(".") for name in names)
        assert load_checkpoint(disk / "last.ckpt")["epoch"] >= 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


SCRIPT = """
import sys, numpy as np, zincir
from zincir import nn, optim
from zincir.trainer import Checkpoint, Trainer
folder, epochs = sys.argv[1], int(sys.argv[2])
r = np.random.default_rng(0)
x = r.standard_normal((256, 6)).astype(np.float32)
y = (x[:, 0] > 0).astype(np.int64)
zincir.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
t = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()), metrics=["accuracy"],
            callbacks=[Checkpoint(folder, seconds=0.01)], seed=4)
print("begins", flush=True)
t.fit((x, y), (x, y), epochs, batch_size=8, resume="auto", progress=False)
print(sum(float(p.double().sum()) for p in model.parameters()).hex(), flush=True)
"""


@pytest.mark.parametrize("kills", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path, kills):
    epochs, draws = 15 * kills, random.Random(kills)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}

    def start(folder):
        command = [sys.executable, str(script), str(folder), str(epochs)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)

    whole = start(tmp_path / "whole").communicate(timeout=300)[0].split()[-1]
    done = 0
    for _ in range(kills):
        process = start(tmp_path / "killed")
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            time.sleep(draws.uniform(0.02, 0.3))
            process.send_signal(signal.SIGKILL)
        done += process.returncode == -signal.SIGKILL
    assert done == kills
    rest = start(tmp_path / "killed").communicate(timeout=300)[0].split()[-1]
    assert rest == whole


def test_nothing_is_executed(tmp_path):
    """The state is JSON and numbers: there is no place for code."""
    path = tmp_path / "state.ckpt"
    save_checkpoint({"a": 1}, path)
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert set(header) == {"__metadata__"}
    assert all(isinstance(value, str) for value in header["__metadata__"].values())

"""Whole programs in processes of their own: forks, interrupts, caches that cannot be used."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """
import os; THREADS = int(os.environ.get("TEST_THREADS", "2"))
import numpy as np, zincir
from zincir import nn
zincir.manual_seed(0)
zincir.set_num_threads(THREADS)
model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
optimizer = zincir.optim.Adam(model.parameters())
x = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
y = np.arange(256) % 10

@zincir.compile
def step(x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss

losses = [step(x, y).item() for _ in range(20)]
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TRAIN + code],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_forked_after_threads_have_run_goes_on_alone():
    done = run(
        """
import os
child = os.fork()
losses += [step(x, y).item() for _ in range(20)]
if child == 0:
    os._exit(0 if losses[-1] < losses[0] else 3)
status = os.waitpid(child, 0)[1]
assert os.waitstatus_to_exitcode(status) == 0, status
print("both", losses[-1] < losses[19])
"""
    )
    assert done.stdout == "both True\n", done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_in_a_step_leaves_everything_usable():
    # It is sent until it arrives: Python drops an exception that is raised within a finalizer.
    done = run(
        """
import os, signal, threading
arrived = threading.Event()
def interrupt():
    while not arrived.wait(0.3):
        os.kill(os.getpid(), signal.SIGINT)
sender = threading.Thread(target=interrupt)
sender.start()
try:
    while True:
        step(x, y)
except KeyboardInterrupt:
    arrived.set()
sender.join()
losses = [step(x, y).item() for _ in range(5)]
assert all(np.isfinite(losses)) and losses[-1] <= losses[0]
print("went on")
"""
    )
    assert done.stdout == "went on\n", done.stderr


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    done = run("print(len(losses))", ZINCIR_CACHE_DIR=str(blocked / "cache"))
    assert done.stdout == "20\n", done.stderr
    assert done.stderr.count("RuntimeWarning") == 1
    assert "cache of machine code" in done.stderr


def test_a_cache_that_others_can_write_is_not_trusted(tmp_path: Path):
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    done = run("print(len(losses))", ZINCIR_CACHE_DIR=str(cache))
    assert done.stdout == "20\n", done.stderr
    assert not list(cache.glob("*.zco"))
    assert done.stderr.count("RuntimeWarning") == 1


def test_processes_that_start_at_once_share_a_fresh_cache(tmp_path: Path):
    environment = os.environ | {"ZINCIR_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", TRAIN + "print(losses[-1].hex())"]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    results = {p.communicate(timeout=100)[0] for p in running}
    assert len(results) == 1
    assert results != {""}


def test_one_thread_and_four_give_the_same_bits():
    show = "print([loss.hex() for loss in losses])"
    one, four = (run(show, TEST_THREADS=n) for n in ("1", "4"))
    assert one.stdout == four.stdout != ""


def test_programs_are_compiled_while_the_interpreter_ends(tmp_path: Path):
    """No thread can be started then."""
    code = """
import atexit, zincir
x = zincir.ones(7, 11)
atexit.register(lambda: print(((x @ x.T).tanh() * 3.0 + x.sum()).sum().item()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"ZINCIR_CACHE_DIR": str(tmp_path / "empty")},
        check=False,
    )
    assert float(done.stdout) == pytest.approx(49 * 80), done.stderr

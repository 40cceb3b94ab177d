"""Whole programs in processes of their own: forks, interrupts, threads, caches not to be used."""

import multiprocessing
import os
import random
import shutil
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
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background, it is ignored
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


# --- the cache of machine code, as others may leave it ------------------------------------------


def damaged(files: list[Path], how: str) -> None:
    """Do something to every file."""
    rng = random.Random(how)
    contents = [path.read_bytes() for path in files]
    if how == "swapped":
        contents = contents[1:] + contents[:1]
    elif how == "shuffled":
        rng.shuffle(contents)
    elif how == "one for all":
        contents = [max(contents, key=len)] * len(contents)
    for path, content in zip(files, contents, strict=True):
        changed = bytearray(content)
        if how == "flipped":
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        elif how == "cut":
            del changed[rng.randrange(len(changed)) :]
        elif how == "empty":
            changed.clear()
        path.write_bytes(changed)


LAST = "print(losses[-1].hex())"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A cache that a training has filled, and its last loss."""
    folder = tmp_path_factory.mktemp("filled") / "cache"
    return folder, run(LAST, ZINCIR_CACHE_DIR=str(folder), ZINCIR_VERIFY="0").stdout


@pytest.mark.parametrize("how", ["swapped", "shuffled", "one for all", "flipped", "cut", "empty"])
def test_whatever_was_done_to_the_cache_the_results_are_right(
    filled: tuple[Path, str], tmp_path: Path, how: str
):
    folder, expected = filled
    shutil.copytree(folder, tmp_path / "cache")
    files = sorted((tmp_path / "cache").glob("*.zco"))
    before = [path.read_bytes() for path in files]
    assert len(files) > 5
    damaged(files, how)
    done = run(LAST, ZINCIR_CACHE_DIR=str(tmp_path / "cache"), ZINCIR_VERIFY="0")
    assert done.stdout == expected != "", done.stderr
    assert done.stderr == ""
    again = {path: path.read_bytes() for path in files if path.exists()}
    assert sum(again.get(path) == old for path, old in zip(files, before, strict=True)) > 5


# --- threads, and other ways to start processes ---------------------------------------------------


def test_the_number_of_threads_is_changed_while_steps_run():
    show = "print([loss.hex() for loss in losses])"
    expected = run("losses += [step(x, y).item() for _ in range(200)]\n" + show)
    done = run(
        """
import itertools, threading
stop = threading.Event()
def change():
    for n in itertools.cycle((1, 3, 2, 4)):
        zincir.set_num_threads(n)
        if stop.wait(0.005):
            return
changer = threading.Thread(target=change)
changer.start()
losses += [step(x, y).item() for _ in range(200)]
stop.set()
changer.join()
"""
        + show
    )
    assert done.stdout == expected.stdout != "", done.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_python_starts_anew(tmp_path: Path, method: str):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    script = tmp_path / "main.py"
    script.write_text(
        f"""
import multiprocessing
import zincir
zincir.set_num_threads(2)
def work(n):
    x = zincir.arange(n) * 1.5
    return (x[:, None] * x).sum().item()
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    here = [work(n) for n in range(1, 40, 4)]
    with context.Pool(2) as pool:
        assert pool.map(work, range(1, 40, 4)) == here
    print("done")
"""
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout == "done\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_one_processor_and_four_threads_give_the_same_bits():
    show = "print([loss.hex() for loss in losses])"
    one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    command = [sys.executable, "-c", one + TRAIN + show]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"TEST_THREADS": "4"},
        check=False,
    )
    assert done.stdout == run(show).stdout != "", done.stderr

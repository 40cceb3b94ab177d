"""Programs: run by several Python threads, within one another, across forks, interrupts, exits."""

import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from zincir.runtime import program as programs, team
from zincir.runtime.program import Code, HostFunction, Program, View

FLOATS = np.dtype(np.float64)
SIZE = 1000


def view(space: int, offset: int = 0) -> View:
    return View(space, offset, (SIZE,), (1,), FLOATS)


def two_steps(first: object, second: object, arena: int = 8 * SIZE) -> Program:
    """second(first(input)), with what is between them in the arena."""
    segments = [HostFunction(first, [view(0)], view(2)), HostFunction(second, [view(2)], view(1))]
    return Program(Code(segments=segments, arena_bytes=arena, spaces=3))  # type: ignore[arg-type]


def run(program: Program, x: np.ndarray) -> np.ndarray:
    y = np.zeros(SIZE)
    assert program.run([x.ctypes.data, y.ctypes.data]) is None
    return y


def numbers(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SIZE)


# --- within one process -----------------------------------------------------------------------


def test_threads_share_a_program_and_the_arena() -> None:
    shared = two_steps(lambda x: x * 2, lambda x: x + 1)
    own = [two_steps(lambda x, i=i: x * i, lambda x: x + 1, 8 * SIZE * (i + 1)) for i in range(4)]
    problems: list[int] = []
    done: list[int] = []

    def work(me: int) -> None:
        x = numbers(me)
        for _ in range(150):
            good = np.array_equal(run(shared, x), x * 2 + 1)
            if not (good and np.array_equal(run(own[me], x), x * me + 1)):
                problems.append(me)
        done.append(me)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
    finally:
        sys.setswitchinterval(before)
    assert sorted(done) == [0, 1, 2, 3]
    assert not problems


def test_who_waits_comes_before_who_has_just_run() -> None:
    """Each of three that never rest lets another one in between two runs of its own."""
    order: list[int] = []
    waiting: set[int] = set()
    passed: dict[int, int] = {0: 0, 1: 0, 2: 0}
    most: dict[int, int] = {0: 0, 1: 0, 2: 0}
    stop = threading.Event()

    def note(me: int, x: np.ndarray) -> np.ndarray:
        order.append(me)
        for other in waiting - {me}:
            passed[other] += 1
            most[other] = max(most[other], passed[other])
        time.sleep(0.001)  # others arrive meanwhile
        return x

    def work(me: int) -> None:
        program = two_steps(lambda x: note(me, x), lambda x: x)
        x = numbers(me)
        while not stop.is_set():
            waiting.add(me)
            run(program, x)
            waiting.discard(me)
            passed[me] = 0

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60
    while len(order) < 300 and time.monotonic() < end:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert len(order) >= 300
    assert min(order.count(i) for i in range(3)) >= 30, order
    assert max(most.values()) < 60, most


def test_a_program_within_itself_does_not_disturb_it() -> None:
    """As when a finalizer or a signal handler runs between two stretches of native code."""
    x, y = numbers(0), numbers(1)
    inner: list[np.ndarray] = []
    depth: list[int] = []

    def second(t: np.ndarray) -> np.ndarray:
        depth.append(0)
        if len(depth) < 3:
            inner.append(run(program, y))
        return t + 1

    program = two_steps(lambda t: t * 2, second)
    assert np.array_equal(run(program, x), x * 2 + 1)
    assert len(inner) == 2
    assert all(np.array_equal(found, y * 2 + 1) for found in inner)
    assert np.array_equal(run(program, x), x * 2 + 1)


def test_a_finalizer_that_runs_a_program_while_one_runs() -> None:
    other = two_steps(lambda t: t - 1, lambda t: t * 3)
    y = numbers(1)
    found: list[bool] = []

    class Loud:
        def __del__(self) -> None:
            for p in (other, program):
                p_of_y = run(p, y)
                found.append(np.array_equal(p_of_y, (y - 1) * 3 if p is other else y * 2 + 1))

    def second(t: np.ndarray) -> np.ndarray:
        gc.collect()
        return t + 1

    program = two_steps(lambda t: t * 2, second)
    x = numbers(0)
    for _ in range(5):
        loud = Loud()
        loud.itself = loud  # type: ignore[attr-defined]
        del loud
        assert np.array_equal(run(program, x), x * 2 + 1)
    assert len(found) == 10
    assert all(found)


def test_an_error_within_a_run_leaves_a_program_that_works() -> None:
    broken = [True]

    def second(t: np.ndarray) -> np.ndarray:
        if broken:
            broken.pop()
            raise ZeroDivisionError
        return t + 1

    program = two_steps(lambda t: t * 2, second)
    x = numbers(0)
    with pytest.raises(ZeroDivisionError):
        run(program, x)
    assert not programs._lock._is_owned()
    assert np.array_equal(run(program, x), x * 2 + 1)


def test_a_binding_that_was_interrupted_is_done_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    program = two_steps(lambda t: t * 2, lambda t: t + 1)
    program._places[0] = [(0, 0)]
    x, y = numbers(0), numbers(1)
    run(program, x)
    assert program._words[0] == x.ctypes.data

    class Interrupted(list):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield (0, 0)
            raise KeyboardInterrupt

    program._places[0] = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(program, y)
    program._places[0] = [(0, 0)]
    run(program, x)
    assert program._words[0] == x.ctypes.data


# --- whole processes --------------------------------------------------------------------------

PRELUDE = """
import atexit, gc, os, signal, sys, threading, time
import numpy as np, zincir
from zincir.compiler.options import Options
from zincir.compiler.program_cache import find_program
from zincir.compiler.snapshot import snapshot
from zincir.evaluate import numbers, run
from zincir.graph.node import Node
from zincir.operations import elementwise as el
from zincir.operations.contraction import matmul
from zincir.operations.source import leaf
from zincir.runtime import team
from zincir.runtime.buffer import Buffer, allocate
from zincir.types import float32
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by jobs in the background

THREADS = int(os.environ.get("TEST_THREADS", "2"))

class Net:
    "tanh(x @ w) @ w and its sum: several phases, an arena, a team."
    def __init__(self, rows, seed):
        rng = np.random.default_rng(seed)
        arrays = [rng.normal(size=s).astype("f4") for s in ((rows, 96), (96, 96))]
        x, w = (leaf(a.shape, float32) for a in arrays)
        for node, array in zip((x, w), arrays):
            node.value = Buffer(array)
        h = matmul(el.tanh(matmul(x, w)), w)
        self.outputs = [h, el.tanh(h * 0.1)]
        self.taken = snapshot(self.outputs)
        self.ready = find_program(self.taken, Options(THREADS))
        self.cells = numbers(self.taken.numbers)
        self.expected = self()
        h = np.tanh(arrays[0] @ arrays[1]) @ arrays[1]
        got = np.frombuffer(self.expected[0], "f4").reshape(h.shape)
        assert np.allclose(got, h, rtol=1e-3, atol=1e-3)
    def __call__(self):
        buffers = [allocate(n.shape, n.dtype) for n in self.outputs]
        for buffer in buffers:
            buffer.array.fill(np.nan)
        run(self.ready, self.taken.leaves, self.cells, buffers)
        return [buffer.array.tobytes() for buffer in buffers]
    def check(self):
        assert self() == self.expected, "wrong values"

nets = [Net(rows, i) for i, rows in enumerate((64, 200, 64))]
def check_all():
    for net in nets:
        net.check()
"""


def script(text: str, threads: int = 2, **options: str) -> str:
    source = str(Path(team.__file__).parents[2])
    # NumPy's own threads do not survive a fork in the middle of a product.
    options |= {"PYTHONPATH": source, "TEST_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"}
    environment = os.environ | options
    quiet = "ignore:This process:DeprecationWarning"  # of forks, from Python 3.12 on
    command = [sys.executable, "-W", quiet, "-c", PRELUDE + text]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not re.search("warning|error|exception", done.stderr, re.IGNORECASE), done.stderr
    return done.stdout


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
needs_kill = pytest.mark.skipif(sys.platform == "win32", reason="no signals here")


@pytest.mark.parametrize("threads", [1, 3])
def test_native_programs_of_several_threads(threads: int) -> None:
    script(
        """
sys.setswitchinterval(1e-5)
problems = []
def work(me):
    try:
        for _ in range(60):
            nets[me % 3].check()
    except BaseException as error:
        problems.append(error)
users = [threading.Thread(target=work, args=(i,)) for i in range(6)]
for user in users: user.start()
for user in users: user.join()
assert not problems, problems
""",
        threads,
    )


@needs_fork
@pytest.mark.parametrize("threads", [1, 3])
def test_forks_while_other_threads_run(threads: int) -> None:
    script(
        """
stop = False
def work(me):
    while not stop:
        nets[me].check()
users = [threading.Thread(target=work, args=(i,)) for i in range(2)]
for user in users: user.start()
for turn in range(20):
    child = os.fork()
    if not child:
        try:
            check_all()
            zincir.empty_cache()
            check_all()
            Net(7 + turn, 9).check()  # another program, in part other machine code
            os._exit(0)
        finally:
            os._exit(1)
    end = time.monotonic() + 60
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done: break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            stop = True
            raise SystemExit("a child hangs")
        time.sleep(0.002)
    assert status == 0, status
stop = True
for user in users: user.join()
check_all()
""",
        threads,
    )


@needs_fork
def test_forks_while_other_threads_compile() -> None:
    script(
        """
stop = False
def work():
    rows = 300
    while not stop:
        rows += 1
        Net(rows, 1)
        zincir.runtime.native._linked.clear()
user = threading.Thread(target=work)
user.start()
for turn in range(10):
    child = os.fork()
    if not child:
        try:
            zincir.runtime.native._linked.clear()
            Net(40 + turn, 9).check()
            os._exit(0)
        finally:
            os._exit(1)
    end = time.monotonic() + 60
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done: break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            stop = True
            raise SystemExit("a child hangs")
        time.sleep(0.002)
    assert status == 0, status
stop = True
user.join()
""",
        ZINCIR_CACHE_BYTES="0",
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_the_interpreter_ends_while_threads_run_and_functions_at_exit_run(threads: int) -> None:
    out = script(
        """
def at_exit():
    check_all()
    print("at exit", flush=True)
atexit.register(at_exit)
class Late:
    def __del__(self, check=nets[0].check, show=os.write):
        check()
        show(1, b"finalized\\n")
def work(me):
    while True:
        nets[me].check()
for me in range(3):
    threading.Thread(target=work, args=(me,), daemon=True).start()
time.sleep(0.1)
gc.set_threshold(10**9)  # so that it is collected when threads are stopped, before modules go
late = Late()
late.itself = late
del late
""",
        threads,
    )
    assert out.split("\n")[:2] == ["at exit", "finalized"]


@needs_kill
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_a_hundred_times_at_any_moment(threads: int) -> None:
    # It counts only while armed, so that none reaches the lines around the runs. Python drops it
    # when it comes within a finalizer.
    script(
        """
sys.unraisablehook = lambda what: what.exc_type is KeyboardInterrupt or sys.__unraisablehook__(what)
armed = stop = False
def ctrl_c(*_):
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, ctrl_c)
def interrupt():
    i = 0
    while not stop:
        i += 1
        time.sleep(0.0005 + i % 7 * 0.0004)
        os.kill(os.getpid(), signal.SIGINT)
def work():
    while not stop:
        nets[2].check()
others = [threading.Thread(target=interrupt), threading.Thread(target=work)]
for other in others: other.start()
caught, end = 0, time.monotonic() + 90
while caught < 100 and time.monotonic() < end:
    try:
        for turn in range(100000):
            armed = True
            nets[turn % 3]()
        armed = False
    except KeyboardInterrupt:
        caught += 1
        nets[0].check()
        nets[1].check()
stop = True
for other in others: other.join()
assert caught == 100, caught
check_all()
""",
        threads,
    )


@needs_kill
def test_ctrl_c_while_waiting_for_ones_turn() -> None:
    assert signal.SIGINT
    script(
        """
from zincir.runtime import program
entered, leave = threading.Event(), threading.Event()
def hold():
    with program._lock:
        entered.set()
        leave.wait()
holder = threading.Thread(target=hold)
holder.start()
entered.wait()
interrupter = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
interrupter.start()
try:
    nets[0]()
except KeyboardInterrupt:
    pass
else:
    raise SystemExit("it did not wait")
leave.set()
holder.join()
user = threading.Thread(target=check_all)
user.start()
user.join(60)
assert not user.is_alive()
check_all()
"""
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_a_team_on_one_processor() -> None:
    script(
        """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
for _ in range(10):
    check_all()
users = [threading.Thread(target=check_all) for _ in range(3)]
for user in users: user.start()
for user in users: user.join()
""",
        threads=4,
    )

"""The team: who runs what, in which order, and what survives forks, signals and exits."""

import ctypes
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

from zincir.errors import ArgumentError
from zincir.runtime import lockstep, native, team

KERNELS = """
; Count the call in slot `part` of the arguments; slot 64 tells the number of parts.
define void @count(ptr %a, i64 %part, i64 %parts) {
  %p = getelementptr i64, ptr %a, i64 %part
  %v = load i64, ptr %p
  %w = add i64 %v, 1
  store i64 %w, ptr %p
  %q = getelementptr i64, ptr %a, i64 64
  store i64 %parts, ptr %q
  ret void
}

; a[0] = index, a[1] = stop at: stop the program when the index is reached, else go on.
define void @stopper(ptr %a, i64 %part, i64 %parts) {
  %v = load i64, ptr %a
  %w = add i64 %v, 1
  store i64 %w, ptr %a
  %p = getelementptr i64, ptr %a, i64 1
  %limit = load i64, ptr %p
  %stop = icmp sge i64 %w, %limit
  %q = getelementptr i64, ptr %a, i64 2
  %code = zext i1 %stop to i64
  store i64 %code, ptr %q
  ret void
}

; Neighbours: b[i] = a[i-1] + a[i] + a[i+1] over a ring of 96 int64, in 12 chunks of 8.
define void @ring(ptr %args, i64 %part, i64 %parts) {
entry:
  %a = load ptr, ptr %args
  %b_at = getelementptr ptr, ptr %args, i64 1
  %b = load ptr, ptr %b_at
  br label %chunk
chunk:
  %c = phi i64 [%part, %entry], [%c1, %next]
  %in = icmp slt i64 %c, 12
  br i1 %in, label %begin, label %done
begin:
  %from = mul i64 %c, 8
  %to = add i64 %from, 8
  br label %cell
cell:
  %i = phi i64 [%from, %begin], [%i1, %cell]
  %l0 = add i64 %i, 95
  %l = urem i64 %l0, 96
  %i1 = add i64 %i, 1
  %r = urem i64 %i1, 96
  %pl = getelementptr i64, ptr %a, i64 %l
  %pm = getelementptr i64, ptr %a, i64 %i
  %pr = getelementptr i64, ptr %a, i64 %r
  %vl = load i64, ptr %pl
  %vm = load i64, ptr %pm
  %vr = load i64, ptr %pr
  %s = add i64 %vl, %vm
  %t = add i64 %s, %vr
  %out = getelementptr i64, ptr %b, i64 %i
  store i64 %t, ptr %out
  %more = icmp slt i64 %i1, %to
  br i1 %more, label %cell, label %next
next:
  %c1 = add i64 %c, %parts
  br label %chunk
done:
  ret void
}

; a[part] = a[64] * 0.5: whether tiny numbers are flushed. Both ways: as result and as operand.
define void @halve(ptr %a, i64 %part, i64 %parts) {
  %p = getelementptr float, ptr %a, i64 64
  %x = load volatile float, ptr %p
  %y = fmul float %x, 0.5
  %q = getelementptr float, ptr %a, i64 %part
  store float %y, ptr %q
  ret void
}

; Spin until a[0] is set by somebody outside.
define void @hold(ptr %a, i64 %part, i64 %parts) {
entry:
  %begun = getelementptr i64, ptr %a, i64 1
  store atomic i64 1, ptr %begun seq_cst, align 8
  br label %wait
wait:
  %v = load atomic i64, ptr %a acquire, align 8
  %set = icmp ne i64 %v, 0
  br i1 %set, label %done, label %wait
done:
  ret void
}
"""
NAMES = ("count", "stopper", "ring", "halve", "hold")
THREADS = (1, 2, 3, 4, 7)


@pytest.fixture(scope="module")
def kernels() -> dict[str, int]:
    return dict(zip(NAMES, native.load(KERNELS, lambda: KERNELS, NAMES), strict=True))


def run(records: list[tuple[int, int, int, int]], threads: int, status: int = 0) -> None:
    table = np.array(records, np.int64).reshape(-1, 4)
    team.run(table.ctypes.data, len(table), status, threads)


def zeros(count: int) -> np.ndarray:
    return np.zeros(count, np.int64)


@pytest.mark.parametrize("threads", THREADS)
def test_every_part_runs_every_record_once(kernels: dict[str, int], threads: int) -> None:
    counts = zeros(65)
    for _ in range(50):
        run([(kernels["count"], counts.ctypes.data, 1, 64)] * 20, threads)
    assert counts[:threads].tolist() == [1000] * threads
    assert not counts[threads:64].any()
    assert counts[64] == threads


@pytest.mark.parametrize("threads", THREADS)
def test_records_without_barriers_and_with_fewer_threads(
    kernels: dict[str, int], threads: int
) -> None:
    whole, two, one = zeros(65), zeros(65), zeros(65)
    program = [
        (kernels["count"], whole.ctypes.data, 0, 64),
        (kernels["count"], two.ctypes.data, 0, 2),
        (kernels["count"], one.ctypes.data, 1, 1),
        (kernels["count"], whole.ctypes.data, 0, 64),
    ]
    for _ in range(100):
        run(program, threads)
    assert whole[:64].tolist() == [200] * threads + [0] * (64 - threads)
    assert two[:3].tolist() == ([100, 100, 0] if threads > 1 else [100, 0, 0])
    assert two[64] == min(2, threads)
    assert one[:2].tolist() == [100, 0]
    assert one[64] == 1


@pytest.mark.parametrize("threads", THREADS)
def test_a_barrier_separates_writers_from_readers(kernels: dict[str, int], threads: int) -> None:
    start = np.arange(96) * 37 % 11
    expected = start.copy()
    a, b = start.astype(np.int64), zeros(96)
    there = np.array([a.ctypes.data, b.ctypes.data], np.int64)
    back = there[::-1].copy()
    steps = [
        (kernels["ring"], there.ctypes.data, 1, 64),
        (kernels["ring"], back.ctypes.data, 1, 64),
    ]
    for _ in range(30):
        run(steps * 5, threads)
        for _ in range(10):
            expected = np.roll(expected, 1) + expected + np.roll(expected, -1)
    assert a.tolist() == expected.tolist()


def test_the_number_of_threads_may_change_from_run_to_run(kernels: dict[str, int]) -> None:
    counts = zeros(65)
    expected = zeros(65)
    for turn in range(600):
        threads = (4, 1, 2, 7, 3)[turn % 5]
        run([(kernels["count"], counts.ctypes.data, 1, 64)] * (turn % 7), threads)
        expected[:threads] += turn % 7
    assert counts[:64].tolist() == expected[:64].tolist()


def test_workers_that_sleep_wake_up(kernels: dict[str, int]) -> None:
    counts = zeros(65)
    for _ in range(5):
        time.sleep(0.02)
        run([(kernels["count"], counts.ctypes.data, 1, 64)] * 3, 3)
    assert counts[:3].tolist() == [15] * 3


def test_an_empty_program(kernels: dict[str, int]) -> None:
    for threads in THREADS:
        run([], threads)


@pytest.mark.parametrize("threads", THREADS)
def test_a_status_stops_all_threads_at_the_next_barrier(
    kernels: dict[str, int], threads: int
) -> None:
    for limit in (1, 4, 100):
        counts, state = zeros(65), np.array([0, limit, 0], np.int64)
        program = [
            (kernels["stopper"], state.ctypes.data, 1, 1),
            (kernels["count"], counts.ctypes.data, 0, 64),
            (kernels["count"], counts.ctypes.data, 1, 64),
        ] * 10
        run(program, threads, status=state[2:].ctypes.data)
        rounds = min(limit, 10)
        assert state[0] == rounds
        assert counts[:threads].tolist() == [2 * rounds - (limit <= 10)] * threads
        run(program, threads, status=state[2:].ctypes.data)  # still set: nothing runs
        assert state[0] == (rounds if limit <= 10 else 20)


def test_tiny_numbers_are_flushed_and_the_callers_mode_comes_back(
    kernels: dict[str, int],
) -> None:
    if native.target().arch not in ("x86_64", "aarch64"):
        pytest.skip("no such mode here")
    for tiny in (np.float32(1.2e-38), np.float32(1e-40)):  # a result, an operand
        for threads in THREADS:
            values = np.full(65, 7, np.float32)
            values[64] = tiny
            run([(kernels["halve"], values.ctypes.data, 1, 64)] * 3, threads)
            assert not values[:threads].any()
            assert values[64] == tiny
            assert np.array([1e-40], np.float32) * np.float32(0.5) != 0


def test_runs_of_several_python_threads(kernels: dict[str, int]) -> None:
    counts = [zeros(65) for _ in range(4)]

    def work(mine: np.ndarray) -> None:
        for _ in range(200):
            run([(kernels["count"], mine.ctypes.data, 1, 64)] * 3, 2)

    users = [threading.Thread(target=work, args=(mine,)) for mine in counts]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert all(mine[:2].tolist() == [600, 600] for mine in counts)


def test_a_thread_that_does_not_come_is_replaced(kernels: dict[str, int]) -> None:
    """Parts whose threads sleep, are busy or never were are taken over by the caller."""
    mine = team.Team()
    counts = zeros(65)
    table = np.array([(kernels["count"], counts.ctypes.data, 1, 64)] * 50, np.int64)
    with mine.lock:
        mine._grow(1)
        mine._size = 4  # nobody was started
        mine.run(table.ctypes.data, 50, 0, 4)
    assert counts[:4].tolist() == [50] * 4


def test_a_late_worker_is_waited_for_when_it_has_begun(kernels: dict[str, int]) -> None:
    gate, counts = zeros(2), zeros(65)
    program = [
        (kernels["hold"], gate.ctypes.data, 1, 64),
        (kernels["count"], counts.ctypes.data, 1, 64),
    ]
    user = threading.Thread(target=run, args=(program, 2))
    user.start()
    while not gate[1]:
        time.sleep(0.001)
    assert not counts.any()
    gate[0] = 1
    user.join()
    assert counts[:2].tolist() == [1, 1]


@pytest.mark.parametrize("threads", THREADS)
def test_a_kernel_may_call_python_that_runs_a_program(
    kernels: dict[str, int], threads: int
) -> None:
    counts = zeros(65)
    calls: list[int] = []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    def back(_: int, part: int, parts: int) -> None:
        calls.append(part)
        run([(kernels["count"], counts.ctypes.data, 1, 64)] * 2, threads)

    address = ctypes.cast(back, ctypes.c_void_p).value or 0
    run([(address, 0, 1, 64), (address, 0, 1, 1)] * 5, threads)
    assert sorted(calls) == sorted([*range(threads), 0] * 5)
    assert counts[0] >= 2


def test_claiming_a_place_twice_is_harmless(kernels: dict[str, int]) -> None:
    run([], 2)
    counts = zeros(65)
    run([(kernels["count"], counts.ctypes.data, 1, 64)], 2)
    second = threading.Thread(target=team._team._work, args=(team._team.address, 1))
    second.start()
    second.join()
    run([(kernels["count"], counts.ctypes.data, 1, 64)], 2)
    assert counts[:2].tolist() == [2, 2]


def test_too_few_threads_to_be_had(
    kernels: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(team._thread, "start_new_thread", refuse)
    monkeypatch.setattr(team, "_team", team.Team())
    counts = zeros(65)
    with pytest.warns(RuntimeWarning, match="only 1 of 4"):
        run([(kernels["count"], counts.ctypes.data, 1, 64)], 4)
    assert counts[:2].tolist() == [1, 0]


def test_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "_num_threads", None)
    assert team.get_num_threads() == team.cores.default_threads()
    team.set_num_threads(np.int64(3))  # type: ignore[arg-type]
    assert team.get_num_threads() == 3
    for bad in (0, -1, 10**6, 1.5, "2", None):
        with pytest.raises(ArgumentError, match="set_num_threads"):
            team.set_num_threads(bad)  # type: ignore[arg-type]
    assert team.get_num_threads() == 3


@pytest.mark.parametrize("system", ["linux", "darwin", "win32", "freebsd"])
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "riscv64", "sparc"])
def test_code_of_every_platform_parses(arch: str, system: str) -> None:
    llvm = native._llvm()
    text = lockstep.team_ir(arch, system)
    llvm.parse_assembly(text).verify()
    assert ("syscall" in text) == (system == "linux" and arch != "sparc")


def test_the_team_without_futexes(kernels: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team.sys, "platform", "posix")
    other = team.Team()
    counts = zeros(65)
    table = np.array([(kernels["count"], counts.ctypes.data, 1, 64)] * 5, np.int64)
    for _ in range(3):
        with other.lock:
            other.run(table.ctypes.data, 5, 0, 3)
        time.sleep(0.02)
    other.stop()
    assert counts[:3].tolist() == [15] * 3
    assert not other._workers


# --- whole processes ------------------------------------------------------------------------

PRELUDE = (
    "import os, signal, sys, threading, time\n"
    "import numpy as np\n"
    "from zincir.runtime import native, team\n"
    f"KERNELS = '''{KERNELS}'''\n"
    f"count, hold = native.load(KERNELS, lambda: KERNELS, ['count', 'hold'])\n"
    """
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by jobs in the background
counts, gate = np.zeros(65, np.int64), np.zeros(2, np.int64)
table = np.array([(count, counts.ctypes.data, 1, 64)] * 5, np.int64)
held = np.array([(hold, gate.ctypes.data, 1, 64)] + table.tolist(), np.int64)
def run(threads=3, table=table):
    team.run(table.ctypes.data, len(table), 0, threads)
run()
assert counts[:3].tolist() == [5, 5, 5]
"""
)


def script(text: str) -> str:
    source = str(Path(team.__file__).parents[2])
    environment = dict(os.environ, PYTHONPATH=source)
    quiet = "ignore:This process:DeprecationWarning"  # of forks, from Python 3.12 on
    command = [sys.executable, "-W", quiet, "-c", PRELUDE + text]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert not re.search("warning|error", done.stderr, re.IGNORECASE), done.stderr
    return done.stdout


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
needs_kill = pytest.mark.skipif(sys.platform == "win32", reason="no signals here")


def test_the_interpreter_ends_with_a_team_spinning_or_asleep() -> None:
    script("run()\n")
    script("time.sleep(0.05)\n")


def test_the_interpreter_ends_while_another_thread_runs() -> None:
    script(
        "threading.Thread(target=run, args=(2, held), daemon=True).start()\n"
        "while not gate[1]: time.sleep(0.001)\n"
    )


@needs_fork
def test_a_forked_child_has_a_team_of_its_own() -> None:
    script(
        """
for _ in range(5):
    child = os.fork()
    if not child:
        run()
        os._exit(0 if counts[:3].tolist() == [10, 10, 10] else 1)
    assert os.waitpid(child, 0)[1] == 0
run()
assert counts[:3].tolist() == [10, 10, 10]
"""
    )


@needs_fork
def test_a_fork_during_a_run() -> None:
    script(
        """
user = threading.Thread(target=run, args=(2, held))
user.start()
while not gate[1]: time.sleep(0.001)
child = os.fork()
if not child:
    counts[:] = 0
    run()
    os._exit(0 if counts[:3].tolist() == [5, 5, 5] else 1)
assert os.waitpid(child, 0)[1] == 0
gate[0] = 1
user.join()
run()
"""
    )


@needs_kill
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_waits_for_the_run_and_breaks_nothing(threads: int) -> None:
    assert signal.SIGINT
    script(
        f"""
def interrupt():
    while not gate[1]: time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    gate[0] = 1
threading.Thread(target=interrupt).start()
counts[:] = 0
try:
    run({threads}, held)
except KeyboardInterrupt:
    pass
else:
    raise SystemExit("no KeyboardInterrupt")
assert counts[:{threads}].tolist() == [5] * {threads}, counts
assert not team._team.busy
run(4)
assert counts[3] == 5
"""
    )


@needs_kill
def test_ctrl_c_at_any_moment_leaves_a_team_that_works() -> None:
    # Ctrl-C counts only while armed, so that none reaches the lines around the runs.
    script(
        """
armed = stop = False
def ctrl_c(*_):
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, ctrl_c)
def interrupt():
    while not stop:
        time.sleep(0.0007)
        os.kill(os.getpid(), signal.SIGINT)
sender = threading.Thread(target=interrupt)
sender.start()
end = time.monotonic() + 80.0
caught, size = 0, 2
while caught < 100 and time.monotonic() < end:
    try:
        while time.monotonic() < end:
            armed = True
            size = size % 40 + 1
            run(size)
        armed = False
    except KeyboardInterrupt:
        caught += 1
stop = True
sender.join()
counts[:] = 0
run(40)
assert caught == 100, caught
assert counts[:40].tolist() == [5] * 40
"""
    )

"""The team: threads that run a whole program in lock-step, one native call per run.

A program is a table of records `[function, arguments, barrier_before, max_threads]` (int64 each).
A kernel is `void kernel(ptr arguments, i64 part, i64 parts)`. Records from one barrier to the next
are a phase. A phase has as many parts as the team has threads; a part runs every record of its
phase, except those with fewer `max_threads`. A phase begins when all parts of the one before are
done and `status[0]` is still zero.

A record with no threads is a turn of a loop: `i64 turn(ptr arguments)` says how many bytes further
on the program goes on. It runs alone, while no part of any phase does.

Part `i` is for thread `i`. When that thread sleeps, or has lost its core to another program, a
thread that is done takes the part over: no phase waits for a thread that has not begun. So a busy
machine slows a program down, but does not bring it to a halt as a barrier of threads would.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import operator
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable

from zincir.errors import ArgumentError, explain
from zincir.runtime import cores, lockstep, native
from zincir.settings import MAX_THREADS


def run(table: int, count: int, status: int, threads: int) -> None:
    """Run the program of `count` records at address `table` with `threads` threads.

    Args:
        table: address of the records.
        count: number of records.
        status: address of an int64 that kernels set to stop the program; 0 for none.
        threads: size of the team; the caller is one of them.
    """
    team = _team
    # A kernel called Python, which came back here; or the interpreter ends, and whoever had the
    # lock was stopped.
    if (team.busy and team.is_worker()) or sys.is_finalizing():
        team.run_alone(table, count, status)
        return
    with team.lock:
        team.run(table, count, status, threads)


def get_num_threads() -> int:
    """Threads that compiled steps use."""
    global _num_threads
    if _num_threads is None:
        default = cores.default_threads()
        if _num_threads is None:  # Another thread may have chosen meanwhile.
            _num_threads = default
    return _num_threads


def set_num_threads(n: int) -> None:
    """Choose the number of threads that compiled steps use; results do not depend on it."""
    global _num_threads
    try:
        count = operator.index(n)
    except TypeError:
        count = 0
    if not 1 <= count <= MAX_THREADS:
        expected = f"a whole number from 1 to {MAX_THREADS}"
        what = "set_num_threads: no such team"
        raise ArgumentError(explain(what, expected=expected, got=repr(n)))
    _num_threads = count


class Team:
    """The caller and its workers, who share one block of memory and one job at a time."""

    def __init__(self) -> None:
        line = lockstep.LINE
        memory = ctypes.create_string_buffer(lockstep.memory_bytes(MAX_THREADS) + line)
        self.address = -(-ctypes.addressof(native.immortal(memory)) // line) * line
        # Reentrant: a finalizer may run a program while its thread is about to run one.
        self.lock = threading.RLock()
        self.busy = False
        self._workers: set[int] = set()
        self._size = 0
        self._run = self._work = self._stop = _not_compiled

    def run(self, table: int, count: int, status: int, threads: int) -> None:
        """Run a program; the lock is held."""
        if threads > self._size:
            threads = self._grow(threads)
        if threads <= 1 or self.busy:
            self._run(self.address, table, count, status, 1)
            return
        try:
            self.busy = True
            self._run(self.address, table, count, status, threads)
        finally:
            self.busy = False

    def run_alone(self, table: int, count: int, status: int) -> None:
        """Run a program without the team, as within a kernel of another one."""
        self._grow(1)
        self._run(self.address, table, count, status, 1)

    def is_worker(self) -> bool:
        """Whether the calling thread belongs to the team."""
        return threading.get_ident() in self._workers

    def stop(self) -> None:
        """Send the workers home."""
        if not self.lock.acquire(timeout=1.0):
            return
        try:
            if self._workers and not self.busy:
                self._stop(self.address, self._size)
                end = time.monotonic() + 1.0
                while self._workers and time.monotonic() < end:
                    time.sleep(0.001)
        finally:
            self.lock.release()

    def _grow(self, threads: int) -> int:
        """Start workers until there are `threads`; the number there is."""
        if not self._size:
            self._run, self._work, self._stop = _code()
            self._size = 1
        if self.busy:
            return 1
        try:
            while self._size < min(threads, MAX_THREADS):
                self._start_worker(self._size)
                self._size += 1
        except RuntimeError as error:
            what = f"only {self._size} of {threads} threads could be started"
            advice = "ZINCIR_NUM_THREADS, or a higher limit of processes"
            text = explain(what, got=str(error), try_=advice)
            warnings.warn(text, RuntimeWarning, stacklevel=4)
        return min(threads, self._size)

    def _start_worker(self, number: int) -> None:
        # Ctrl-C may come before the caller counts this worker. Then the same number is started
        # again, and the second thread finds its place taken and leaves. `threading.Thread` would
        # break here: its caller and the new thread share a lock that Ctrl-C can release twice.
        _thread.start_new_thread(self._be_worker, (number,))

    def _be_worker(self, number: int) -> None:
        me = threading.get_ident()
        self._workers.add(me)
        try:
            self._work(self.address, number)
        finally:
            self._workers.discard(me)


def _not_compiled(*_: int) -> None:
    raise AssertionError("the team is compiled when it is first used")


def _code() -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
    """The native functions of the team: run, work, stop."""
    text = lockstep.team_ir(native.target().arch, sys.platform)
    symbols = ("zincir_run", "zincir_work", "zincir_stop")
    run_at, work_at, stop_at = native.load(text, lambda: text, symbols, effort=0)
    word, address = ctypes.c_int64, ctypes.c_void_p
    return (
        ctypes.CFUNCTYPE(None, address, address, word, address, word)(run_at),
        ctypes.CFUNCTYPE(None, address, word)(work_at),
        ctypes.CFUNCTYPE(None, address, word)(stop_at),
    )


def _after_fork() -> None:
    """A forked child has no workers: it starts a team of its own when it needs one."""
    global _team
    _team = Team()


_team = Team()
_num_threads: int | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _team.stop())

"""The team: threads that run a whole program in lock-step, one native call per run.

A program is a table of records `[function, arguments, barrier_before, max_threads]` (int64 each).
Every thread walks the table; threads beyond a record's `max_threads` skip it. A kernel is
`void kernel(ptr arguments, i64 thread, i64 threads)`. Before records with a barrier all threads
meet, and leave together when `status[0]` is no longer zero.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
import warnings
from collections.abc import Callable

from zincir.errors import ArgumentError, explain
from zincir.runtime import cores, native
from zincir.settings import MAX_THREADS

# Waiting, in three stages: spin (tens of microseconds), give the core away, sleep.
_SPINS = 1000
_YIELDS = 200

# Layout of the shared memory in bytes; what different threads write is 128 bytes apart, because
# processors fetch cache lines in pairs.
_GENERATION, _VERDICT, _SLEEPERS = 128, 136, 144
_TABLE, _COUNT, _STATUS, _THREADS, _QUIT = 256, 264, 272, 280, 288
_NO_STATUS = 384
_SLOTS, _SLOT = 512, 128  # per worker: i32 job number, i32 asleep, i32 taken
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}


def run(table: int, count: int, status: int, threads: int) -> None:
    """Run the program of `count` records at address `table` with `threads` threads.

    Args:
        table: address of the records.
        count: number of records.
        status: address of an int64 that kernels set to stop the program; 0 for none.
        threads: size of the team; the caller is one of them.
    """
    team = _team
    with team.lock:
        team.run(table, count, status, threads)


def get_num_threads() -> int:
    """Threads that compiled steps use."""
    global _num_threads
    if _num_threads is None:
        _num_threads = cores.default_threads()
    return _num_threads


def set_num_threads(n: int) -> None:
    """Choose the number of threads that compiled steps use; results do not depend on it."""
    global _num_threads
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_THREADS:
        expected = f"a whole number from 1 to {MAX_THREADS}"
        raise ArgumentError(
            explain("set_num_threads: no such team", expected=expected, got=repr(n))
        )
    _num_threads = n


class Team:
    """The caller and its workers, who share one block of memory and one job at a time."""

    def __init__(self) -> None:
        size = _SLOTS + _SLOT * MAX_THREADS
        self._memory = ctypes.create_string_buffer(size + _SLOT)
        self.address = -(-ctypes.addressof(self._memory) // _SLOT) * _SLOT
        # A finalizer may run a program while its thread is about to run one.
        self.lock = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._size = 0
        self._busy = False
        self._run = _not_compiled

    def run(self, table: int, count: int, status: int, threads: int) -> None:
        """Run a program; the lock is held."""
        if threads > self._size:
            threads = self._grow(threads)
        if threads <= 1 or self._busy:  # busy: a kernel called Python, which came back here
            self._run(self.address, table, count, status, 1)
            return
        try:
            self._busy = True
            self._run(self.address, table, count, status, threads)
        finally:
            self._busy = False

    def stop(self) -> None:
        """Send the workers home."""
        if not self.lock.acquire(timeout=1.0):
            return
        try:
            if self._size > 1 and not self._busy:
                _code()[2](self.address, self._size)
                for thread in self._threads:
                    thread.join(timeout=1.0)
        finally:
            self.lock.release()

    def _grow(self, threads: int) -> int:
        """Start workers until there are `threads`; the number there is."""
        self._run, work, _ = _code()
        self._size = max(self._size, 1)
        if self._busy or threads <= self._size:
            return min(threads, self._size)
        for number in range(self._size, min(threads, MAX_THREADS)):
            # Ctrl-C may come between start() and the count: then the same number is started
            # again, and the second thread finds its place taken and leaves.
            thread = threading.Thread(
                target=work, args=(self.address, number), name=f"zincir-{number}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:
                text = explain(
                    f"only {self._size} of {threads} threads could be started",
                    got=str(error),
                    try_="ZINCIR_NUM_THREADS, or a higher limit of processes",
                )
                warnings.warn(text, RuntimeWarning, stacklevel=3)
                break
            self._threads.append(thread)
            self._size = number + 1
        return min(threads, self._size)


def _not_compiled(*_: int) -> None:
    raise AssertionError


def _code() -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
    """The native functions of the team: run, work, stop."""
    text = team_ir(native.target().arch, sys.platform)
    symbols = ("zincir_run", "zincir_work", "zincir_stop")
    run_at, work_at, stop_at = native.load(text, lambda: text, symbols)
    word, address = ctypes.c_int64, ctypes.c_void_p
    return (
        ctypes.CFUNCTYPE(None, address, address, word, address, word)(run_at),
        ctypes.CFUNCTYPE(None, address, word)(work_at),
        ctypes.CFUNCTYPE(None, address, word)(stop_at),
    )


def team_ir(arch: str, system: str) -> str:
    """The native half of the team, for a processor and a `sys.platform`."""
    return "\n".join((_processor_ir(arch), _system_ir(arch, system), _TEAM_IR))


def _processor_ir(arch: str) -> str:
    """Pausing in a spin loop, and the mode in which tiny numbers count as zero."""
    if arch == "x86_64":
        # 0x9FC0: flush to zero, denormals are zero, round to nearest, no exceptions.
        return """
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define internal void @pause() alwaysinline {
  call void @llvm.x86.sse2.pause()
  ret void
}
define internal i64 @enter() alwaysinline {
  %old = alloca i32
  %new = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %old)
  store i32 40896, ptr %new
  call void @llvm.x86.sse.ldmxcsr(ptr %new)
  %mode = load i32, ptr %old
  %wide = zext i32 %mode to i64
  ret i64 %wide
}
define internal void @leave(i64 %wide) alwaysinline {
  %old = alloca i32
  %mode = trunc i64 %wide to i32
  store i32 %mode, ptr %old
  call void @llvm.x86.sse.ldmxcsr(ptr %old)
  ret void
}"""
    if arch == "aarch64":
        # isb takes some nanoseconds, where the yield hint takes none. FPCR bit 24 is FZ.
        return """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
define internal void @pause() alwaysinline {
  call void asm sideeffect "isb", "~{memory}"()
  ret void
}
define internal i64 @enter() alwaysinline {
  %old = call i64 @llvm.aarch64.get.fpcr()
  call void @llvm.aarch64.set.fpcr(i64 16777216)
  ret i64 %old
}
define internal void @leave(i64 %old) alwaysinline {
  call void @llvm.aarch64.set.fpcr(i64 %old)
  ret void
}"""
    return """
define internal void @pause() alwaysinline {
  ret void
}
define internal i64 @enter() alwaysinline {
  ret i64 0
}
define internal void @leave(i64 %old) alwaysinline {
  ret void
}"""


def _system_ir(arch: str, system: str) -> str:
    """Giving the core away, sleeping until a word changes, and waking who sleeps."""
    if system == "linux" and arch in _FUTEX:
        # 128: FUTEX_WAIT_PRIVATE, 129: FUTEX_WAKE_PRIVATE.
        return f"""
declare i32 @sched_yield()
declare i64 @syscall(i64, ...)
define internal void @yield() alwaysinline {{
  %done = call i32 @sched_yield()
  ret void
}}
define internal void @sleep(ptr %word, i32 %seen) noinline {{
  %done = call i64 (i64, ...) @syscall(i64 {_FUTEX[arch]}, ptr %word, i64 128, i32 %seen, ptr null)
  ret void
}}
define internal void @wake(ptr %word) noinline {{
  %done = call i64 (i64, ...) @syscall(i64 {_FUTEX[arch]}, ptr %word, i64 129, i32 2147483647)
  ret void
}}"""
    if system == "win32":
        nap, yielding = "declare void @Sleep(i32)", "SwitchToThread"
        rest = "call void @Sleep(i32 1)"
    else:
        nap, yielding = "declare i32 @nanosleep(ptr, ptr)", "sched_yield"
        rest = "%done = call i32 @nanosleep(ptr @nap, ptr null)"
    return f"""
@nap = private constant {{ i64, i64 }} {{ i64 0, i64 200000 }}
{nap}
declare i32 @{yielding}()
define internal void @yield() alwaysinline {{
  %done = call i32 @{yielding}()
  ret void
}}
define internal void @sleep(ptr %word, i32 %seen) noinline {{
  {rest}
  ret void
}}
define internal void @wake(ptr %word) noinline {{
  ret void
}}"""


_TEAM_IR = f"""
; Wait until the word is no longer what was seen; `asleep` counts who has to be woken.
define internal i32 @await(ptr %word, i32 %seen, ptr %asleep) noinline {{
entry:
  br label %spin
spin:
  %i = phi i64 [0, %entry], [%i1, %spinning]
  %a = load atomic i32, ptr %word acquire, align 4
  %same = icmp eq i32 %a, %seen
  br i1 %same, label %spinning, label %done
spinning:
  call void @pause()
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, {_SPINS}
  br i1 %more, label %spin, label %give
give:
  %j = phi i64 [0, %spinning], [%j1, %giving]
  call void @yield()
  %b = load atomic i32, ptr %word acquire, align 4
  %same_b = icmp eq i32 %b, %seen
  br i1 %same_b, label %giving, label %done
giving:
  %j1 = add i64 %j, 1
  %more_b = icmp ult i64 %j1, {_YIELDS}
  br i1 %more_b, label %give, label %rest
rest:
  %x = atomicrmw add ptr %asleep, i32 1 seq_cst
  call void @sleep(ptr %word, i32 %seen)
  %y = atomicrmw sub ptr %asleep, i32 1 seq_cst
  %c = load atomic i32, ptr %word acquire, align 4
  %same_c = icmp eq i32 %c, %seen
  br i1 %same_c, label %rest, label %done
done:
  %now = phi i32 [%a, %spin], [%b, %give], [%c, %rest]
  ret i32 %now
}}

; Change a word and wake who sleeps on it. Both sides are seq_cst: either the sleeper is seen here,
; or it sees the change before it sleeps.
define internal void @announce(ptr %word, i32 %value, ptr %asleep) alwaysinline {{
  %x = atomicrmw xchg ptr %word, i32 %value seq_cst
  %n = load atomic i32, ptr %asleep seq_cst, align 4
  %any = icmp ne i32 %n, 0
  br i1 %any, label %rouse, label %done
rouse:
  call void @wake(ptr %word)
  br label %done
done:
  ret void
}}

; All meet; the last one reads the status for everybody.
define internal i64 @meet(ptr %team, ptr %status, i64 %threads) noinline {{
  %generation = getelementptr i8, ptr %team, i64 {_GENERATION}
  %verdict = getelementptr i8, ptr %team, i64 {_VERDICT}
  %asleep = getelementptr i8, ptr %team, i64 {_SLEEPERS}
  %seen = load atomic i32, ptr %generation monotonic, align 4
  %all = trunc i64 %threads to i32
  %before = atomicrmw add ptr %team, i32 1 acq_rel
  %arrived = add i32 %before, 1
  %last = icmp eq i32 %arrived, %all
  br i1 %last, label %open, label %wait
open:
  %found = load atomic i64, ptr %status monotonic, align 8
  store i64 %found, ptr %verdict
  store atomic i32 0, ptr %team monotonic, align 4
  %next = add i32 %seen, 1
  call void @announce(ptr %generation, i32 %next, ptr %asleep)
  ret i64 %found
wait:
  %now = call i32 @await(ptr %generation, i32 %seen, ptr %asleep)
  %said = load i64, ptr %verdict
  ret i64 %said
}}

define internal void @walk(ptr %team, ptr %table, i64 %count, ptr %status, i64 %me, i64 %threads) {{
entry:
  %alone = icmp eq i64 %threads, 1
  %end = getelementptr {{i64, i64, i64, i64}}, ptr %table, i64 %count
  br label %next
next:
  %record = phi ptr [%table, %entry], [%after, %advance]
  %over = icmp eq ptr %record, %end
  br i1 %over, label %done, label %begin
begin:
  %meets_at = getelementptr i8, ptr %record, i64 16
  %meets = load i64, ptr %meets_at
  %free = icmp eq i64 %meets, 0
  br i1 %free, label %go, label %check
check:
  br i1 %alone, label %look, label %barrier
look:
  %mine = load i64, ptr %status
  br label %judge
barrier:
  %ours = call i64 @meet(ptr %team, ptr %status, i64 %threads)
  br label %judge
judge:
  %state = phi i64 [%mine, %look], [%ours, %barrier]
  %stop = icmp ne i64 %state, 0
  br i1 %stop, label %done, label %go
go:
  %most_at = getelementptr i8, ptr %record, i64 24
  %most = load i64, ptr %most_at
  %few = icmp slt i64 %most, %threads
  %n = select i1 %few, i64 %most, i64 %threads
  %in = icmp slt i64 %me, %n
  br i1 %in, label %work, label %advance
work:
  %function = load ptr, ptr %record
  %args_at = getelementptr i8, ptr %record, i64 8
  %args = load ptr, ptr %args_at
  call void %function(ptr %args, i64 %me, i64 %n)
  br label %advance
advance:
  %after = getelementptr i8, ptr %record, i64 32
  br label %next
done:
  ret void
}}

; Give workers 1 .. threads-1 their next job.
define internal void @start(ptr %team, i64 %threads) {{
entry:
  br label %next
next:
  %i = phi i64 [1, %entry], [%i1, %call]
  %more = icmp slt i64 %i, %threads
  br i1 %more, label %call, label %done
call:
  %at = mul i64 %i, {_SLOT}
  %slots = getelementptr i8, ptr %team, i64 {_SLOTS}
  %slot = getelementptr i8, ptr %slots, i64 %at
  %asleep = getelementptr i8, ptr %slot, i64 4
  %job = load atomic i32, ptr %slot monotonic, align 4
  %new = add i32 %job, 1
  call void @announce(ptr %slot, i32 %new, ptr %asleep)
  %i1 = add i64 %i, 1
  br label %next
done:
  ret void
}}

define void @zincir_run(ptr %team, ptr %table, i64 %count, ptr %status, i64 %threads) {{
  %none = getelementptr i8, ptr %team, i64 {_NO_STATUS}
  %missing = icmp eq ptr %status, null
  %state = select i1 %missing, ptr %none, ptr %status
  %mode = call i64 @enter()
  %alone = icmp sle i64 %threads, 1
  br i1 %alone, label %one, label %many
one:
  call void @walk(ptr %team, ptr %table, i64 %count, ptr %state, i64 0, i64 1)
  br label %done
many:
  %table_at = getelementptr i8, ptr %team, i64 {_TABLE}
  store ptr %table, ptr %table_at
  %count_at = getelementptr i8, ptr %team, i64 {_COUNT}
  store i64 %count, ptr %count_at
  %state_at = getelementptr i8, ptr %team, i64 {_STATUS}
  store ptr %state, ptr %state_at
  %threads_at = getelementptr i8, ptr %team, i64 {_THREADS}
  store i64 %threads, ptr %threads_at
  call void @start(ptr %team, i64 %threads)
  call void @walk(ptr %team, ptr %table, i64 %count, ptr %state, i64 0, i64 %threads)
  %end = call i64 @meet(ptr %team, ptr %state, i64 %threads)
  br label %done
done:
  call void @leave(i64 %mode)
  ret void
}}

define void @zincir_work(ptr %team, i64 %me) {{
entry:
  %at = mul i64 %me, {_SLOT}
  %slots = getelementptr i8, ptr %team, i64 {_SLOTS}
  %slot = getelementptr i8, ptr %slots, i64 %at
  %asleep = getelementptr i8, ptr %slot, i64 4
  %place = getelementptr i8, ptr %slot, i64 8
  %table_at = getelementptr i8, ptr %team, i64 {_TABLE}
  %count_at = getelementptr i8, ptr %team, i64 {_COUNT}
  %state_at = getelementptr i8, ptr %team, i64 {_STATUS}
  %threads_at = getelementptr i8, ptr %team, i64 {_THREADS}
  %quit_at = getelementptr i8, ptr %team, i64 {_QUIT}
  %taken = atomicrmw xchg ptr %place, i32 1 seq_cst
  %first = icmp eq i32 %taken, 0
  br i1 %first, label %settle, label %done
settle:
  %mode = call i64 @enter()
  br label %idle
idle:
  %seen = phi i32 [0, %settle], [%job, %work]
  %job = call i32 @await(ptr %slot, i32 %seen, ptr %asleep)
  %quit = load i64, ptr %quit_at
  %leave = icmp ne i64 %quit, 0
  br i1 %leave, label %home, label %work
work:
  %table = load ptr, ptr %table_at
  %count = load i64, ptr %count_at
  %state = load ptr, ptr %state_at
  %threads = load i64, ptr %threads_at
  call void @walk(ptr %team, ptr %table, i64 %count, ptr %state, i64 %me, i64 %threads)
  %end = call i64 @meet(ptr %team, ptr %state, i64 %threads)
  br label %idle
home:
  call void @leave(i64 %mode)
  br label %done
done:
  ret void
}}

define void @zincir_stop(ptr %team, i64 %threads) {{
  %quit_at = getelementptr i8, ptr %team, i64 {_QUIT}
  store i64 1, ptr %quit_at
  call void @start(ptr %team, i64 %threads)
  ret void
}}
"""


def _after_fork() -> None:
    """A forked child has no workers: it starts a team of its own when it needs one."""
    global _team
    _team = Team()


_team = Team()
_num_threads: int | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _team.stop())

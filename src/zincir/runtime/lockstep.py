"""The native half of the team, as LLVM IR: how a phase opens, is run in parts, and closes.

The words of the protocol: `phase` counts the phases that were ever opened. Each part has a `claim`,
the last phase in which somebody began it. Who finishes the last part of a phase opens the next one,
or notes in `over` that there is none. Every wait is for one 32-bit word to change.
"""

from __future__ import annotations

# Spins (some 40 ns each) until a waiting thread sleeps, and until it takes over parts of others
# (and one more for each thread of the team).
# A core that falls idle is slow to come back, above all in a virtual machine, and a sleeper may be
# woken on the core of the one that wakes it: waiting 4 ms instead of 0.4 made steps of 0.1 to 3 ms
# up to 1.5 times as fast, and no slower beside a process that burns a core.
# Shows in `python -m benchmarks --only mlp,rl`, and in its last table, beside a busy process.
# It never yields: current Linux takes a whole time slice away from a thread that does.
_SPINS = 100_000
_GRACE = 20

# Layout of the shared memory in bytes; what different threads write is 128 bytes apart, because
# processors fetch cache lines in pairs. At 0: parts of the phase that are done.
_PHASE, _OVER, _SLEEPERS = 128, 132, 256
_CURSOR, _END, _STATUS, _THREADS, _QUIT = 136, 144, 152, 160, 168
_NO_STATUS = 384
LINE = 128
_SLOTS = 512  # one for each thread, where its number of jobs is, and these
_ASLEEP, _TAKEN, _CLAIM = 4, 8, 64
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98}


def memory_bytes(threads: int) -> int:
    """Shared memory that a team of `threads` needs, aligned to `LINE`."""
    return _SLOTS + LINE * threads


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
declare void @llvm.aarch64.isb(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
define internal void @pause() alwaysinline {
  call void @llvm.aarch64.isb(i32 15)
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
    """Sleeping until a word changes, and waking who sleeps."""
    if system == "linux" and arch in _FUTEX:
        # 128: FUTEX_WAIT_PRIVATE, 129: FUTEX_WAKE_PRIVATE.
        call = f"%done = call i64 (i64, ...) @syscall(i64 {_FUTEX[arch]}, ptr %word"
        return f"""
declare i64 @syscall(i64, ...)
define internal void @sleep(ptr %word, i32 %seen, i64 %round) noinline {{
  {call}, i64 128, i32 %seen, ptr null)
  ret void
}}
define internal void @wake(ptr %word) noinline {{
  {call}, i64 129, i32 2147483647)
  ret void
}}"""
    if system == "win32":
        declarations = "declare void @Sleep(i32)\ndeclare i32 @SwitchToThread()"
        give, nap = "%given = call i32 @SwitchToThread()", "call void @Sleep(i32 1)"
    else:
        declarations = """declare i32 @nanosleep(ptr, ptr)
declare i32 @sched_yield()
@nap = private constant [2 x i64] [i64 0, i64 200000]"""
        give, nap = (
            "%given = call i32 @sched_yield()",
            "%d = call i32 @nanosleep(ptr @nap, ptr null)",
        )
    return f"""
{declarations}
define internal void @sleep(ptr %word, i32 %seen, i64 %round) noinline {{
  %early = icmp ult i64 %round, 200
  br i1 %early, label %give, label %nap
give:
  {give}
  ret void
nap:
  {nap}
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
  br i1 %more, label %spin, label %rest
rest:
  %round = phi i64 [0, %spinning], [%round1, %rest]
  %x = atomicrmw add ptr %asleep, i32 1 seq_cst
  call void @sleep(ptr %word, i32 %seen, i64 %round)
  %y = atomicrmw sub ptr %asleep, i32 1 seq_cst
  %round1 = add i64 %round, 1
  %c = load atomic i32, ptr %word acquire, align 4
  %same_c = icmp eq i32 %c, %seen
  br i1 %same_c, label %rest, label %done
done:
  %now = phi i32 [%a, %spin], [%c, %rest]
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

define internal ptr @slot(ptr %team, i64 %part) alwaysinline {{
  %slots = getelementptr i8, ptr %team, i64 {_SLOTS}
  %at = mul i64 %part, {LINE}
  %slot = getelementptr i8, ptr %slots, i64 %at
  ret ptr %slot
}}

; The record a phase starts with: `end` when nothing is left or the status says stop. A record for
; no threads is a turn: its function says how many bytes further on to go on, and runs alone.
define internal ptr @entrance(ptr %record, ptr %end, ptr %status) noinline {{
entry:
  br label %reach
reach:
  %here = phi ptr [%record, %entry], [%next, %turn]
  %over = icmp eq ptr %here, %end
  br i1 %over, label %stop, label %look
look:
  %meets_at = getelementptr i8, ptr %here, i64 16
  %meets = load i64, ptr %meets_at
  %free = icmp eq i64 %meets, 0
  br i1 %free, label %fine, label %check
check:
  %state = load atomic i64, ptr %status monotonic, align 8
  %good = icmp eq i64 %state, 0
  br i1 %good, label %fine, label %stop
fine:
  %most_at = getelementptr i8, ptr %here, i64 24
  %most = load i64, ptr %most_at
  %none = icmp eq i64 %most, 0
  br i1 %none, label %turn, label %go
turn:
  %function = load ptr, ptr %here
  %args_at = getelementptr i8, ptr %here, i64 8
  %args = load ptr, ptr %args_at
  %bytes = call i64 %function(ptr %args)
  %next = getelementptr i8, ptr %here, i64 %bytes
  br label %reach
go:
  ret ptr %here
stop:
  ret ptr %end
}}

; Part `part` of the phase that starts at `first`; gives the record the phase ends before.
define internal ptr @phase(ptr %first, ptr %end, i64 %part, i64 %threads) noinline {{
entry:
  br label %go
go:
  %record = phi ptr [%first, %entry], [%after, %next]
  %most_at = getelementptr i8, ptr %record, i64 24
  %most = load i64, ptr %most_at
  %few = icmp slt i64 %most, %threads
  %n = select i1 %few, i64 %most, i64 %threads
  %in = icmp slt i64 %part, %n
  br i1 %in, label %work, label %advance
work:
  %function = load ptr, ptr %record
  %args_at = getelementptr i8, ptr %record, i64 8
  %args = load ptr, ptr %args_at
  call void %function(ptr %args, i64 %part, i64 %n)
  br label %advance
advance:
  %after = getelementptr i8, ptr %record, i64 32
  %over = icmp eq ptr %after, %end
  br i1 %over, label %done, label %next
next:
  %meets_at = getelementptr i8, ptr %after, i64 16
  %meets = load i64, ptr %meets_at
  %free = icmp eq i64 %meets, 0
  br i1 %free, label %go, label %done
done:
  ret ptr %after
}}

; Take part `part` of phase `now`, unless somebody has; then run it, and if it was the last one,
; open the next phase. A claim goes from now-1 to now, so that one for a phase long past fails, and
; one that succeeds keeps the phase open while its fields are read.
define internal i1 @take(ptr %team, i32 %now, i64 %part) noinline {{
  %slot = call ptr @slot(ptr %team, i64 %part)
  %claim = getelementptr i8, ptr %slot, i64 {_CLAIM}
  %then = sub i32 %now, 1
  %held = load atomic i32, ptr %claim monotonic, align 4
  %open = icmp eq i32 %held, %then
  br i1 %open, label %try, label %no
try:
  %swap = cmpxchg ptr %claim, i32 %then, i32 %now acq_rel monotonic
  %mine = extractvalue {{i32, i1}} %swap, 1
  br i1 %mine, label %run, label %no
run:
  %cursor_at = getelementptr i8, ptr %team, i64 {_CURSOR}
  %end_at = getelementptr i8, ptr %team, i64 {_END}
  %threads_at = getelementptr i8, ptr %team, i64 {_THREADS}
  %status_at = getelementptr i8, ptr %team, i64 {_STATUS}
  %first = load ptr, ptr %cursor_at
  %end = load ptr, ptr %end_at
  %threads = load i64, ptr %threads_at
  %status = load ptr, ptr %status_at
  %after = call ptr @phase(ptr %first, ptr %end, i64 %part, i64 %threads)
  %all = trunc i64 %threads to i32
  %before = atomicrmw add ptr %team, i32 1 acq_rel
  %finished = add i32 %before, 1
  %last = icmp eq i32 %finished, %all
  br i1 %last, label %close, label %yes
close:
  store atomic i32 0, ptr %team monotonic, align 4
  %next = add i32 %now, 1
  %record = call ptr @entrance(ptr %after, ptr %end, ptr %status)
  %over = icmp eq ptr %record, %end
  br i1 %over, label %finish, label %continue
finish:
  %over_at = getelementptr i8, ptr %team, i64 {_OVER}
  store atomic i32 %next, ptr %over_at monotonic, align 4
  br label %publish
continue:
  store ptr %record, ptr %cursor_at
  br label %publish
publish:
  %phase = getelementptr i8, ptr %team, i64 {_PHASE}
  %asleep = getelementptr i8, ptr %team, i64 {_SLEEPERS}
  call void @announce(ptr %phase, i32 %next, ptr %asleep)
  br label %yes
yes:
  ret i1 true
no:
  ret i1 false
}}

; Take part in a run until it is over: first what is one's own, so that data stays in the caches
; of one core, then what nobody has begun, because its thread sleeps or has lost its core.
define internal void @join(ptr %team, i64 %me) {{
entry:
  %phase = getelementptr i8, ptr %team, i64 {_PHASE}
  %over_at = getelementptr i8, ptr %team, i64 {_OVER}
  %asleep = getelementptr i8, ptr %team, i64 {_SLEEPERS}
  %threads_at = getelementptr i8, ptr %team, i64 {_THREADS}
  %start = load atomic i32, ptr %phase acquire, align 4
  br label %begin
begin:
  %now = phi i32 [%start, %entry], [%changed, %wait], [%fresh, %pausing]
  %end = load atomic i32, ptr %over_at acquire, align 4
  %over = icmp eq i32 %end, %now
  br i1 %over, label %done, label %check
check:
  %threads = load atomic i64, ptr %threads_at acquire, align 8
  %in = icmp slt i64 %me, %threads
  br i1 %in, label %own, label %done
own:
  %grace_spins = add i64 %threads, {_GRACE}
  %ran = call i1 @take(ptr %team, i32 %now, i64 %me)
  br label %grace
grace:
  %i = phi i64 [0, %own], [%i1, %pausing]
  %patient = icmp ult i64 %i, %grace_spins
  br i1 %patient, label %pausing, label %help
pausing:
  %i1 = add i64 %i, 1
  call void @pause()
  %fresh = load atomic i32, ptr %phase acquire, align 4
  %same = icmp eq i32 %fresh, %now
  br i1 %same, label %grace, label %begin
help:
  %k = phi i64 [1, %grace], [%k1, %helping]
  %k1 = add i64 %k, 1
  %far = add i64 %me, %k
  %wraps = icmp sge i64 %far, %threads
  %near = sub i64 %far, %threads
  %part = select i1 %wraps, i64 %near, i64 %far
  %more = icmp slt i64 %k, %threads
  br i1 %more, label %helping, label %wait
helping:
  %helped = call i1 @take(ptr %team, i32 %now, i64 %part)
  br label %help
wait:
  %changed = call i32 @await(ptr %phase, i32 %now, ptr %asleep)
  br label %begin
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
  %slot = call ptr @slot(ptr %team, i64 %i)
  %asleep = getelementptr i8, ptr %slot, i64 {_ASLEEP}
  %job = load atomic i32, ptr %slot monotonic, align 4
  %new = add i32 %job, 1
  call void @announce(ptr %slot, i32 %new, ptr %asleep)
  %i1 = add i64 %i, 1
  br label %next
done:
  ret void
}}

define internal void @alone(ptr %table, ptr %end, ptr %status) {{
entry:
  br label %next
next:
  %at = phi ptr [%table, %entry], [%after, %go]
  %record = call ptr @entrance(ptr %at, ptr %end, ptr %status)
  %over = icmp eq ptr %record, %end
  br i1 %over, label %done, label %go
go:
  %after = call ptr @phase(ptr %record, ptr %end, i64 0, i64 1)
  br label %next
done:
  ret void
}}

define internal void @together(ptr %team, ptr %table, ptr %end, ptr %status, i64 %threads) {{
entry:
  %record = call ptr @entrance(ptr %table, ptr %end, ptr %status)
  %over = icmp eq ptr %record, %end
  br i1 %over, label %done, label %open
open:
  %phase = getelementptr i8, ptr %team, i64 {_PHASE}
  %asleep = getelementptr i8, ptr %team, i64 {_SLEEPERS}
  %cursor_at = getelementptr i8, ptr %team, i64 {_CURSOR}
  %end_at = getelementptr i8, ptr %team, i64 {_END}
  %threads_at = getelementptr i8, ptr %team, i64 {_THREADS}
  %status_at = getelementptr i8, ptr %team, i64 {_STATUS}
  %last = load atomic i32, ptr %phase monotonic, align 4
  br label %each
each:
  %i = phi i64 [0, %open], [%i1, %each]
  %slot = call ptr @slot(ptr %team, i64 %i)
  %claim = getelementptr i8, ptr %slot, i64 {_CLAIM}
  store atomic i32 %last, ptr %claim monotonic, align 4
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %threads
  br i1 %more, label %each, label %publish
publish:
  store ptr %record, ptr %cursor_at
  store ptr %end, ptr %end_at
  store ptr %status, ptr %status_at
  store atomic i64 %threads, ptr %threads_at release, align 8
  %now = add i32 %last, 1
  call void @announce(ptr %phase, i32 %now, ptr %asleep)
  call void @start(ptr %team, i64 %threads)
  call void @join(ptr %team, i64 0)
  ret void
done:
  ret void
}}

define void @zincir_run(ptr %team, ptr %table, i64 %count, ptr %status, i64 %threads) {{
  %none = getelementptr i8, ptr %team, i64 {_NO_STATUS}
  %missing = icmp eq ptr %status, null
  %state = select i1 %missing, ptr %none, ptr %status
  %end = getelementptr {{i64, i64, i64, i64}}, ptr %table, i64 %count
  %mode = call i64 @enter()
  %one = icmp sle i64 %threads, 1
  br i1 %one, label %single, label %several
single:
  call void @alone(ptr %table, ptr %end, ptr %state)
  br label %done
several:
  call void @together(ptr %team, ptr %table, ptr %end, ptr %state, i64 %threads)
  br label %done
done:
  call void @leave(i64 %mode)
  ret void
}}

define void @zincir_work(ptr %team, i64 %me) {{
entry:
  %slot = call ptr @slot(ptr %team, i64 %me)
  %asleep = getelementptr i8, ptr %slot, i64 {_ASLEEP}
  %place = getelementptr i8, ptr %slot, i64 {_TAKEN}
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
  call void @join(ptr %team, i64 %me)
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

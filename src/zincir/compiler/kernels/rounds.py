"""The turns of a loop: records of a program that say where it goes on (see `runtime.team`).

Kernels of a round are records of the program like others, which run again in each round. Some of
the words among their arguments are addresses that move from round to round. Nobody else runs while
a turn does, so it may write them.
"""

from __future__ import annotations

RECORD_BYTES = 32
ARGUMENTS = ("length", "number", "back", "moved")
"""Of both turns. `number` of `length` rounds runs; the first record of a round is `back` bytes from
the turn behind its last one. Behind these arguments is a table of `moved` words.
"""
MOVED_ARGUMENTS = ("word", "start", "step", "mask")
"""Of a word: where it is, its value in the first round, how many bytes further on it is in the next
one. All bits of `mask` are set; or only the lowest: then two values take turns.
"""
EVERY, IN_TURNS = -1, 1
KEY = "rounds"


def rounds_module() -> str:
    """LLVM IR of the turn in front of a loop, `begin`, and of the one behind a round, `turn`."""
    return f"""
define internal void @move(ptr %args, i64 %round) {{
entry:
  %number_at = getelementptr i64, ptr %args, i64 {ARGUMENTS.index("number")}
  store i64 %round, ptr %number_at
  %moved_at = getelementptr i64, ptr %args, i64 {ARGUMENTS.index("moved")}
  %moved = load i64, ptr %moved_at
  br label %next
next:
  %i = phi i64 [0, %entry], [%i1, %word]
  %more = icmp slt i64 %i, %moved
  br i1 %more, label %word, label %done
word:
  %skip = mul i64 %i, {len(MOVED_ARGUMENTS)}
  %at = add i64 %skip, {len(ARGUMENTS)}
  %row = getelementptr i64, ptr %args, i64 %at
  %place = load ptr, ptr %row
  %start_at = getelementptr i64, ptr %row, i64 {MOVED_ARGUMENTS.index("start")}
  %start = load i64, ptr %start_at
  %step_at = getelementptr i64, ptr %row, i64 {MOVED_ARGUMENTS.index("step")}
  %step = load i64, ptr %step_at
  %mask_at = getelementptr i64, ptr %row, i64 {MOVED_ARGUMENTS.index("mask")}
  %mask = load i64, ptr %mask_at
  %steps = and i64 %round, %mask
  %way = mul i64 %step, %steps
  %value = add i64 %start, %way
  store i64 %value, ptr %place
  %i1 = add i64 %i, 1
  br label %next
done:
  ret void
}}

define i64 @begin(ptr %args) {{
  call void @move(ptr %args, i64 0)
  ret i64 {RECORD_BYTES}
}}

define i64 @turn(ptr %args) {{
entry:
  %length = load i64, ptr %args
  %number_at = getelementptr i64, ptr %args, i64 {ARGUMENTS.index("number")}
  %number = load i64, ptr %number_at
  %following = add i64 %number, 1
  %more = icmp slt i64 %following, %length
  br i1 %more, label %again, label %done
again:
  call void @move(ptr %args, i64 %following)
  %back_at = getelementptr i64, ptr %args, i64 {ARGUMENTS.index("back")}
  %back = load i64, ptr %back_at
  ret i64 %back
done:
  ret i64 {RECORD_BYTES}
}}
"""

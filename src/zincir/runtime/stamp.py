"""A kernel that notes the time: put between others, it says how long each of them took."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

from zincir.runtime.native import Module

WORDS = 2
"""Of the block of arguments, that a stamp writes: seconds and nanoseconds, or ticks and 0."""
SYMBOL = "zincir_stamp"


def stamp_module() -> Module:
    """The native code of the kernel."""
    return Module(f"stamp {sys.platform}", _stamp_ir, (SYMBOL,))


def nanoseconds(words: Sequence[int]) -> int:
    """The time that a stamp wrote."""
    if sys.platform == "win32":
        return words[0] * 1_000_000_000 // _ticks_a_second()
    return words[0] * 1_000_000_000 + words[1]


def _stamp_ir() -> str:
    if sys.platform == "win32":
        declaration = "declare i32 @QueryPerformanceCounter(ptr)"
        call = "call i32 @QueryPerformanceCounter(ptr %at)"
    else:  # CLOCK_MONOTONIC
        clock = 6 if sys.platform == "darwin" else 1
        declaration = "declare i32 @clock_gettime(i32, ptr)"
        call = f"call i32 @clock_gettime(i32 {clock}, ptr %at)"
    return f"""
{declaration}
define void @{SYMBOL}(ptr %at, i64 %part, i64 %parts) {{
  %done = {call}
  ret void
}}
"""


def _ticks_a_second() -> int:
    found = ctypes.c_int64()
    windows: Any = ctypes
    windows.windll.kernel32.QueryPerformanceFrequency(ctypes.byref(found))
    return found.value

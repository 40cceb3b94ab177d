"""Kernels that run part by part, one behind another: see `schedule.batch_tiling`.

What they hand on to one another may lie in memory of the thread, which it uses again for the next
part. Kernels find their part of a value counted from where all of it begins; so with each part,
what a kernel takes for that lies further ahead of the thread's memory. These addresses differ from
thread to thread: each has a copy of the kernels' arguments.
"""

from __future__ import annotations

from zincir.compiler.codegen.builder import I64, PTR, Builder, Type, Value, index, module
from zincir.compiler.kernels.parts import claimed

ARGUMENTS = (
    *("parts", "taken", "scratch", "scratch_stride", "kernels"),
    *("first", "words", "copy_at", "moved", "inside"),
)
"""Of the kernel: `parts` are taken by threads, and `kernels` run on each.

Their arguments are `words` from `first` on; the copy of them is `copy_at` bytes into a thread's
scratch. Behind these arguments follow three tables: of the kernels, of `moved` words, and the
numbers of those `inside`, which point to others of the words.
"""
KERNEL_ARGUMENTS = ("call", "call_args", "rows", "columns")
"""Of each of those. `void call(ptr call_args, i64 tid, i64 part)` does a part of its work; a loop
nest, which has `columns` in each part, is given its rows and columns: `call(call_args, low, high,
low, high)`. It has `rows` in each part, and all columns; or, if that is 0, one row, and so many
columns.
"""
MOVED_ARGUMENTS = ("number", "start", "part_bytes")
"""Of a word that points to memory of the thread: which it is, where the first thread's memory is,
and how many bytes of the value belong to a part; 0: all parts find the same.
"""
_TABLES = {"kernels": len(KERNEL_ARGUMENTS), "moved": len(MOVED_ARGUMENTS), "inside": 1}
KEY = "sequence"


def sequence_module() -> str:
    """LLVM IR of `void task(ptr args, i64 tid, i64 nthreads)`."""
    s = _Sequence(Builder("task", (PTR, I64, I64)))
    b = s.b
    own = b.offset(s.argument("scratch", PTR), s.ahead, "i8")
    taken = b.offset(s.args, index(ARGUMENTS.index("taken")), "i64")
    s.copy_words()
    with claimed(b, s.argument("parts"), s.tid, s.threads, taken, own) as part:
        s.move_words(part)
        with b.loop(index(0), s.argument("kernels")) as kernel:
            s.run(kernel.counter, part)
    return module([(b, b.finish())])


class _Sequence:
    """What a thread does."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.args, self.tid, self.threads = b.arguments
        self.ahead = b.mul(self.tid, self.argument("scratch_stride"))
        """From the first thread's scratch to that of this one, in bytes."""
        self.copy = b.offset(
            self.argument("scratch", PTR), b.add(self.argument("copy_at"), self.ahead), "i8"
        )
        start = b.emit(f"ptrtoint {self.copy} to i64", I64)
        self.distance = b.sub(start, self.argument("first"))
        """From a word to its copy, in bytes."""

    def word(self, at: Value, type: Type = I64) -> Value:
        return self.b.load(self.b.offset(self.args, at, "i64"), type)

    def argument(self, name: str, type: Type = I64) -> Value:
        return self.word(index(ARGUMENTS.index(name)), type)

    def row(self, tables: int, number: Value) -> list[Value]:
        """Where the numbers of a row of a table are, behind so many other tables."""
        b, at = self.b, index(len(ARGUMENTS))
        for name, columns in list(_TABLES.items())[:tables]:
            at = b.add(at, b.mul(self.argument(name), index(columns)))
        columns = list(_TABLES.values())[tables]
        at = b.add(at, b.mul(number, index(columns)))
        return [b.add(at, index(i)) for i in range(columns)]

    def copied(self, number: Value) -> Value:
        """Where the copy of a word is."""
        return self.b.offset(self.copy, number, "i64")

    def copy_words(self) -> None:
        """Copy the arguments of the kernels; what points into them points into the copy."""
        b, first = self.b, self.argument("first", PTR)
        with b.loop(index(0), self.argument("words")) as word:
            value = b.load(b.offset(first, word.counter, "i64"), I64)
            b.store(value, self.copied(word.counter))
        with b.loop(index(0), self.argument("inside")) as inside:
            (number,) = self.row(2, inside.counter)
            place = self.copied(self.word(number))
            b.store(b.add(b.load(place, I64), self.distance), place)

    def move_words(self, part: Value) -> None:
        """Let the kernels find a part of their values in the thread's memory."""
        b = self.b
        with b.loop(index(0), self.argument("moved")) as moved:
            number, start, part_bytes = map(self.word, self.row(1, moved.counter))
            address = b.sub(b.add(start, self.ahead), b.mul(part, part_bytes))
            b.store(address, self.copied(number))

    def run(self, kernel: Value, part: Value) -> None:
        """Do a part of the work of a kernel."""
        b = self.b
        call, *places = self.row(0, kernel)
        call = self.word(call, PTR)
        given, rows, columns = map(self.word, places)
        given = b.emit(f"inttoptr {b.add(given, self.distance)} to ptr", PTR)
        with b.when(b.compare("ne", columns, index(0))):
            by_rows = b.compare("ne", rows, index(0))
            low = [b.mul(part, b.select(by_rows, rows, index(0)))]
            low.append(b.select(by_rows, index(0), b.mul(part, columns)))
            high = b.add(low[0], b.maximum(rows, index(1))), b.add(low[1], columns)
            numbers = low[0], high[0], low[1], high[1]
            b.statement(f"call void {call.text}({', '.join(map(str, (given, *numbers)))})")
        with b.when(b.compare("eq", columns, index(0))):
            b.statement(f"call void {call.text}({given}, {self.tid}, {part})")

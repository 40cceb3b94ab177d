"""Builds LLVM IR as text: typed values, blocks, loops, and vector arithmetic.

Nothing here is fast-math: an operation is fused or reassociated only where a kernel asks for it,
so that results do not depend on what the optimiser finds.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from zincir.half import bits_of
from zincir.types import bfloat16, float16


@dataclass(frozen=True, slots=True)
class Type:
    """A scalar (`lanes == 1`) or vector type of LLVM.

    `kind` is half, bfloat, float, double, i1 to i64, u8, ptr, or c64 or c128, which are complex.
    To LLVM halves are i16 and complex numbers i64 and i128, as they are only stored and moved,
    converted or taken apart. It knows no signs: u8 is its i8, and operations on it
    are those of unsigned numbers.
    """

    kind: str
    lanes: int = 1

    def __str__(self) -> str:
        return self.name if self.lanes == 1 else f"<{self.lanes} x {self.name}>"

    @property
    def name(self) -> str:
        """What LLVM calls an element."""
        return _NAMES.get(self.kind, self.kind)

    @property
    def is_float(self) -> bool:
        return self.kind in ("float", "double")

    @property
    def is_unsigned(self) -> bool:
        return self.kind in ("i1", "u8")

    @property
    def bits(self) -> int:
        known = {"half": 16, "bfloat": 16, "float": 32, "double": 64, "ptr": 64}
        return known.get(self.kind) or int(self.kind[1:])

    def of(self, kind: str) -> Type:
        """The type with as many lanes and another element kind."""
        return vector(kind, self.lanes)

    @property
    def suffix(self) -> str:
        """How intrinsics name the type, such as v16f32."""
        name = _SUFFIXES.get(self.kind, self.name)
        return name if self.lanes == 1 else f"v{self.lanes}{name}"


HALVES = {"half": float16, "bfloat": bfloat16}
"""Kinds that are converted by a rule of their own: see `halves`."""
STORED = ("half", "bfloat", "c64", "c128")
"""Kinds that no arithmetic is done with."""
_NAMES = {"u8": "i8", "c64": "i64", "c128": "i128", **dict.fromkeys(HALVES, "i16")}
_SUFFIXES = {"float": "f32", "double": "f64", "ptr": "p0"}


@cache
def vector(kind: str, lanes: int) -> Type:
    """The (interned) type of `lanes` elements of `kind`."""
    return Type(kind, lanes)


I1, I8, I32, I64, PTR = (vector(kind, 1) for kind in ("i1", "i8", "i32", "i64", "ptr"))
F32, F64 = vector("float", 1), vector("double", 1)


@dataclass(frozen=True, slots=True)
class Value:
    """An LLVM value: how it is written, and its type."""

    text: str
    type: Type

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


def constant(value: float, type: Type) -> Value:
    """A constant, repeated over all lanes."""
    if type.kind == "float":
        value = struct.unpack("f", struct.pack("f", value))[0]
    if type.is_float:
        text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    elif type.kind == "i1":
        text = "true" if value else "false"
    elif type.kind in HALVES:
        text = str(bits_of(value, HALVES[type.kind]))
    else:
        text = str(int(value))
    if type.lanes > 1:
        text = f"splat ({type.name} {text})"
    return Value(text, type)


def index(value: int) -> Value:
    """An i64 constant."""
    return Value(str(value), I64)


class Loop:
    """A counted loop being built; see `Builder.loop`."""

    def __init__(self, counter: Value, carried: Sequence[Value]) -> None:
        self.counter = counter
        self.carried = tuple(carried)
        """Inside: the values at the start of the round. After the loop: the final values."""
        self.following = tuple(carried)

    def carry(self, values: Sequence[Value]) -> None:
        """Set the values that the next round (or the code after the loop) sees."""
        self.following = tuple(values)


class Builder:
    """Builds one function. Arithmetic takes and returns `Value`s of any lane count.

    Operands of one operation must have the same type; `splat` widens a scalar.
    """

    def __init__(self, name: str, arguments: Sequence[Type], *, linkage: str = "") -> None:
        self._declarations: set[str] = set()
        self._lines: list[str] = []
        self._count = 0
        self._block = "entry"
        self.name = name
        self.linkage = linkage
        self.arguments = tuple(Value(f"%a{i}", t) for i, t in enumerate(arguments))
        self._lines.append("entry:")

    # -- text -------------------------------------------------------------------------------

    def _name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def emit(self, text: str, type: Type) -> Value:
        """Append `name = text` and return the name."""
        name = self._name()
        self._lines.append(f"  {name} = {text}")
        return Value(name, type)

    def statement(self, text: str) -> None:
        """Append an instruction without a result."""
        self._lines.append(f"  {text}")

    def finish(self, attributes: str = "nounwind") -> str:
        """End with `ret void` and return the function's text."""
        self.statement("ret void")
        arguments = ", ".join(str(a) for a in self.arguments)
        head = f"define {self.linkage} void @{self.name}({arguments}) {attributes} {{"
        return "\n".join([head, *self._lines, "}"])

    @property
    def declarations(self) -> set[str]:
        """`declare` lines that the module needs."""
        return self._declarations

    def declare(self, line: str) -> None:
        """Note a `declare` line that the module needs."""
        self._declarations.add(line)

    def intrinsic(self, name: str, result: Type, *args: Value) -> Value:
        """Call an intrinsic by its full name."""
        types = ", ".join(str(a.type) for a in args)
        self.declare(f"declare {result} @{name}({types})")
        return self.emit(f"call {result} @{name}({', '.join(map(str, args))})", result)

    # -- control ----------------------------------------------------------------------------

    def label(self) -> str:
        self._count += 1
        return f"b{self._count}"

    def start_block(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._block = label

    def branch(self, label: str) -> None:
        self.statement(f"br label %{label}")

    def branch_if(self, condition: Value, then: str, otherwise: str) -> None:
        self.statement(f"br i1 {condition.text}, label %{then}, label %{otherwise}")

    @contextmanager
    def loop(
        self, start: Value, stop: Value, step: Value | int = 1, carried: Sequence[Value] = ()
    ) -> Generator[Loop]:
        """`for counter in range(start, stop, step)`, with values carried from round to round."""
        step = index(step) if isinstance(step, int) else step
        before, head, body, latch, done = self._block, *(self.label() for _ in range(4))
        names = [self._name() for _ in carried]
        counter = Value(self._name(), I64)
        following = Value(self._name(), I64)
        self.branch(head)
        self.start_block(head)
        # The phis need what the body computes; they are filled in at the end.
        place = len(self._lines)
        keep = self.emit(f"icmp slt i64 {counter.text}, {stop.text}", I1)
        self.branch_if(keep, body, done)
        self.start_block(body)
        loop = Loop(counter, [Value(n, c.type) for n, c in zip(names, carried, strict=True)])
        yield loop
        self.branch(latch)
        self.start_block(latch)
        self.statement(f"{following.text} = add nsw i64 {counter.text}, {step.text}")
        self.branch(head)
        phis = [
            f"  {counter.text} = phi i64 [{start.text}, %{before}], [{following.text}, %{latch}]"
        ]
        for name, first, last in zip(names, carried, loop.following, strict=True):
            phis.append(
                f"  {name} = phi {first.type} [{first.text}, %{before}], [{last.text}, %{latch}]"
            )
        self._lines[place:place] = phis
        self.start_block(done)

    @contextmanager
    def when(self, condition: Value) -> Generator[None]:
        """Run the body only if `condition` (i1) holds."""
        then, done = self.label(), self.label()
        self.branch_if(condition, then, done)
        self.start_block(then)
        yield
        self.branch(done)
        self.start_block(done)

    # -- memory -----------------------------------------------------------------------------

    def offset(self, pointer: Value, elements: Value, kind: str) -> Value:
        """`pointer + elements`, counted in elements of `kind`; vectors of offsets are allowed."""
        type = PTR if elements.type.lanes == 1 else vector("ptr", elements.type.lanes)
        name = _NAMES.get(kind, kind)
        return self.emit(f"getelementptr inbounds {name}, {pointer}, {elements}", type)

    def opaque(self, pointer: Value) -> Value:
        """The same pointer, of which LLVM does not know how it was computed."""
        return self.emit(f'call ptr asm "", "=r,0"({pointer})', PTR)

    def load(self, pointer: Value, type: Type) -> Value:
        return self.emit(f"load {type}, {pointer}, align {_bytes(type.kind)}", type)

    def store(self, value: Value, pointer: Value) -> None:
        self.statement(f"store {value}, {pointer}, align {_bytes(value.type.kind)}")

    def stream(self, value: Value, pointer: Value) -> None:
        """Store a vector past the caches; its size is the alignment.

        Other threads see it after a `fence` of the one that wrote it.
        """
        alignment = min(64, value.type.lanes * _bytes(value.type.kind))
        self.declare("!0 = !{i32 1}")
        self.statement(f"store {value}, {pointer}, align {alignment}, !nontemporal !0")

    def fence(self) -> None:
        """What was stored before is seen by others before what is stored after."""
        self.statement("fence seq_cst")

    def masked_load(self, pointer: Value, mask: Value, type: Type) -> Value:
        """Lanes where `mask` is false are not read, and zero."""
        zero = Value("zeroinitializer", type)
        return self.intrinsic(f"llvm.masked.load.{type.suffix}.p0", type, pointer, mask, zero)

    def masked_store(self, value: Value, pointer: Value, mask: Value) -> None:
        """Lanes where `mask` is false are not written."""
        name = f"llvm.masked.store.{value.type.suffix}.p0"
        self.declare(f"declare void @{name}({value.type}, ptr, {mask.type})")
        self.statement(f"call void @{name}({value}, {pointer}, {mask})")

    def gather(self, pointers: Value, mask: Value, type: Type) -> Value:
        """Read one element through each pointer whose lane of `mask` holds; others are zero."""
        zero = Value("zeroinitializer", type)
        name = f"llvm.masked.gather.{type.suffix}.{pointers.type.suffix}"
        return self.intrinsic(name, type, pointers, mask, zero)

    def scatter(self, value: Value, pointers: Value, mask: Value) -> None:
        """Write lane by lane, in order of the lanes, where `mask` holds."""
        name = f"llvm.masked.scatter.{value.type.suffix}.{pointers.type.suffix}"
        self.declare(f"declare void @{name}({value.type}, {pointers.type}, {mask.type})")
        self.statement(f"call void @{name}({value}, {pointers}, {mask})")

    def prefetch(self, pointer: Value, elements: Value, kind: str, *, write: bool = False) -> None:
        """Ask for the cache line `elements` beyond `pointer`, which need not be there at all."""
        place = self.emit(f"getelementptr {kind}, {pointer}, {elements}", PTR)
        self.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.statement(f"call void @llvm.prefetch.p0({place}, i32 {int(write)}, i32 3, i32 1)")

    # -- lanes ------------------------------------------------------------------------------

    def splat(self, x: Value, lanes: int) -> Value:
        """Repeat a scalar over `lanes` lanes."""
        if lanes == 1 or x.type.lanes > 1:
            return x
        wide = vector(x.type.kind, lanes)
        one = self.emit(f"insertelement {wide} poison, {x}, i32 0", wide)
        return self.emit(
            f"shufflevector {wide} {one.text}, {wide} poison, <{lanes} x i32> zeroinitializer",
            wide,
        )

    def lane_numbers(self, lanes: int) -> Value:
        """The vector 0, 1, 2, ... as i64."""
        if lanes == 1:
            return index(0)
        return Value(f"<{', '.join(f'i64 {i}' for i in range(lanes))}>", vector("i64", lanes))

    def extract(self, x: Value, lane: int) -> Value:
        return self.emit(f"extractelement {x}, i32 {lane}", vector(x.type.kind, 1))

    def shuffle(self, x: Value, y: Value, lanes: Sequence[int]) -> Value:
        """Lanes of `x` (0..n-1) and `y` (n..2n-1), picked by number."""
        mask = ", ".join(f"i32 {i}" for i in lanes)
        type = vector(x.type.kind, len(lanes))
        return self.emit(f"shufflevector {x}, {y}, <{len(lanes)} x i32> <{mask}>", type)

    # -- arithmetic -------------------------------------------------------------------------

    def number(self, value: float, like: Value) -> Value:
        """A constant in the type of another value."""
        return constant(value, like.type)

    def _binary(self, integer: str, floating: str, x: Value, y: Value) -> Value:
        op = floating if x.type.is_float else integer
        return self.emit(f"{op} {x}, {y.text}", x.type)

    def add(self, x: Value, y: Value) -> Value:
        return self._binary("or" if x.type.kind == "i1" else "add", "fadd", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        return self._binary("sub", "fsub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        return self._binary("and" if x.type.kind == "i1" else "mul", "fmul", x, y)

    def div(self, x: Value, y: Value) -> Value:
        return self._binary("udiv" if x.type.is_unsigned else "sdiv", "fdiv", x, y)

    def pow_integer(self, x: Value, y: Value) -> Value:
        """X ** y by squaring, wrapping round; for y < 0 the whole part of 1 / x**-y."""
        zero, one = constant(0, x.type), constant(1, x.type)
        with self.loop(index(0), index(x.type.bits), carried=(one, x, y)) as loop:
            result, base, left = loop.carried
            odd = self.compare("ne", self.bit_and(left, one), zero)
            result = self.select(odd, self.mul(result, base), result)
            loop.carry((result, self.mul(base, base), self.shift_right(left, one)))
        result = loop.carried[0]
        if x.type.is_unsigned:
            return result
        odd = self.compare("ne", self.bit_and(y, one), zero)
        unit = self.select(self.compare("eq", x, constant(-1, x.type)), one, zero)
        unit = self.select(odd, self.neg(unit), unit)
        unit = self.select(self.compare("eq", x, one), one, unit)
        return self.select(self.compare("lt", y, zero), unit, result)

    def bit_and(self, x: Value, y: Value) -> Value:
        return self.emit(f"and {x}, {y.text}", x.type)

    def bit_or(self, x: Value, y: Value) -> Value:
        return self.emit(f"or {x}, {y.text}", x.type)

    def bit_xor(self, x: Value, y: Value) -> Value:
        return self.emit(f"xor {x}, {y.text}", x.type)

    def shift_left(self, x: Value, count: Value) -> Value:
        return self.emit(f"shl {x}, {count.text}", x.type)

    def shift_right(self, x: Value, count: Value, *, signed: bool = False) -> Value:
        return self.emit(f"{'ashr' if signed else 'lshr'} {x}, {count.text}", x.type)

    def neg(self, x: Value) -> Value:
        if x.type.is_float:
            return self.emit(f"fneg {x}", x.type)
        return self.emit(f"sub {constant(0, x.type)}, {x.text}", x.type)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """`x * y + z` with one rounding."""
        return self.intrinsic(f"llvm.fma.{x.type.suffix}", x.type, x, y, z)

    def compare(self, relation: str, x: Value, y: Value) -> Value:
        """`relation` is eq, ne, lt, le, gt or ge; NaN compares unequal to everything."""
        if x.type.is_float:
            op = "fcmp " + ("une" if relation == "ne" else "o" + relation)
        else:
            sign = "" if relation in ("eq", "ne") else "u" if x.type.is_unsigned else "s"
            op = f"icmp {sign}{relation}"
        return self.emit(f"{op} {x}, {y.text}", x.type.of("i1"))

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        """Lane by lane `x` where `condition` holds, else `y`."""
        return self.emit(f"select {condition}, {x}, {y}", x.type)

    def _intrinsic1(self, name: str, x: Value) -> Value:
        return self.intrinsic(f"llvm.{name}.{x.type.suffix}", x.type, x)

    def sqrt(self, x: Value) -> Value:
        return self._intrinsic1("sqrt", x)

    def floor(self, x: Value) -> Value:
        return self._intrinsic1("floor", x)

    def ceil(self, x: Value) -> Value:
        return self._intrinsic1("ceil", x)

    def trunc(self, x: Value) -> Value:
        return self._intrinsic1("trunc", x)

    def round(self, x: Value) -> Value:
        """To the nearest integer, halves to even."""
        return self._intrinsic1("roundeven", x)

    def abs(self, x: Value) -> Value:
        if x.type.is_float:
            return self._intrinsic1("fabs", x)
        return self.select(self.compare("lt", x, constant(0, x.type)), self.neg(x), x)

    def copysign(self, x: Value, sign: Value) -> Value:
        return self.intrinsic(f"llvm.copysign.{x.type.suffix}", x.type, x, sign)

    def maximum(self, x: Value, y: Value) -> Value:
        """The larger; NaN if either is NaN."""
        return self._extreme("gt", x, y)

    def minimum(self, x: Value, y: Value) -> Value:
        """The smaller; NaN if either is NaN."""
        return self._extreme("lt", x, y)

    def _extreme(self, relation: str, x: Value, y: Value) -> Value:
        better = self.select(self.compare(relation, x, y), x, y)
        if not x.type.is_float:
            return better
        # A comparison with NaN is false, which picks y; so only a NaN in x is left to mend.
        return self.select(self.emit(f"fcmp uno {x}, {x.text}", x.type.of("i1")), x, better)

    def bitcast(self, x: Value, kind: str) -> Value:
        type = x.type.of(kind)
        return self.emit(f"bitcast {x} to {type}", type)

    def convert(self, x: Value, kind: str) -> Value:
        """To another element kind, as C does; to i1 means `!= 0`. u8 and i1 are unsigned."""
        source, target = x.type, x.type.of(kind)
        if source == target:
            return x
        if source.kind in HALVES:
            return self.convert(self.widened(x), kind)
        if kind in HALVES:
            return self.halved(self.convert(x, "float"), kind)
        if source.name == target.name:  # the same bits, read with a sign or without
            return Value(x.text, target)
        if kind == "i1":
            return self.compare("ne", x, constant(0, source))
        unsigned = source.is_unsigned
        if source.is_float and target.is_float:
            op = "fpext" if target.bits > source.bits else "fptrunc"
        elif source.is_float:
            return self._float_to_integer(x, target)
        elif target.is_float:
            op = "uitofp" if unsigned else "sitofp"
        elif target.bits < source.bits:
            op = "trunc"
        else:
            op = "zext" if unsigned else "sext"
        return self.emit(f"{op} {x} to {target}", target)

    def widened(self, x: Value) -> Value:
        """A half as a float: the builder that knows how says so."""
        raise NotImplementedError

    def halved(self, x: Value, kind: str) -> Value:
        """A float rounded to a kind of halves."""
        raise NotImplementedError

    def _float_to_integer(self, x: Value, target: Type) -> Value:
        # Through i64 and saturating, so that no input is undefined.
        wide = target.of("i64")
        name = f"llvm.fptosi.sat.{wide.suffix}.{x.type.suffix}"
        value = self.intrinsic(name, wide, x)
        return value if target == wide else self.emit(f"trunc {value} to {target}", target)


def _bytes(kind: str) -> int:
    """How elements are aligned in memory: as those of NumPy are."""
    size = max(1, vector(kind, 1).bits // 8)
    return size // 2 if kind[0] == "c" else size


def module(builders: Sequence[tuple[Builder, str]], head: str = "") -> str:
    """Join finished functions, given as (builder, text), into one module."""
    lines = sorted({line for b, _ in builders for line in b.declarations})
    return "\n".join([head, *lines, *(text for _, text in builders)])

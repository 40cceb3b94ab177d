"""What a primitive is: one record that carries every rule of one operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

from zincir.types import DType, Shape

Attr: TypeAlias = Any
Spec: TypeAlias = tuple[Shape, DType]
Region: TypeAlias = tuple[int, Shape, Shape, Shape]
"""An input by its number, and the starts, steps and sizes of where it is written."""


class Kind(Enum):
    """How the compiler treats a primitive. It looks at nothing else but the rules themselves."""

    SOURCE = "a value that comes from outside, or a constant"
    POINTWISE = "each element from the elements at the same (broadcast) place"
    INDEXED = "each element from its own place's number: iota, random numbers"
    ALIAS = "the input itself, under another name in the graph of gradients"
    VIEW = "a rearrangement of indices: no arithmetic, no copy"
    REDUCTION = "axes folded into one element; they stay, with size 1"
    CONTRACTION = "a sum of products: matmul"
    CONVOLUTION = "a sum of products over windows"
    TRANSFORM = "sums of fixed places of tiles, and products of them"
    TAKE = "rows picked by an integer tensor"
    SCATTER = "rows written or added by an integer tensor"
    ASSEMBLY = "an output put together from regions"
    HOST = "the NumPy twin is run as it is"
    COMPOUND = "several outputs, computed as the graph that `expand` makes of it"
    LOOP = "several outputs, computed by kernels that run round by round"
    OUTPUT = "one output of an operation with several"

    __hash__ = object.__hash__
    """Each is there once. What enumerations have is a Python function, and called often."""


class Operand:
    """The arithmetic that gradient rules may use: every graph node has it.

    The operations themselves are filled in by `zincir.operations`, one level above.
    """

    __slots__ = ()
    shape: Shape
    dtype: DType

    def __add__(self, other: Any) -> Any:
        return OPERATORS["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return OPERATORS["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return OPERATORS["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return OPERATORS["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        return OPERATORS["mul"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return OPERATORS["mul"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return OPERATORS["div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return OPERATORS["div"](other, self)

    def __neg__(self) -> Any:
        return OPERATORS["neg"](self)


OPERATORS: dict[str, Callable[..., Any]] = {}
"""The functions behind `Operand`'s operators, by name."""

Sampler: TypeAlias = tuple[float, float]


@dataclass(frozen=True, eq=False, slots=True)
class Primitive:
    """One operation of the graph, whole.

    Rules take the operation's inputs first and its attributes after them:
    `infer(*specs, *attrs) -> (shape, dtype)`, `numpy(*arrays, *attrs) -> array`,
    `vjp(g, y, *inputs, *attrs) -> gradient(s)`, `lower(builder, *values) -> value`.

    An operation with several outputs is of the kind COMPOUND or LOOP: `infer` gives a tuple of
    shapes and types, `numpy` a tuple of arrays, and the `g` of `vjp` is a tuple of gradients, None
    for outputs that nothing depends on. Its outputs are taken by `operations.compound.outputs`.
    """

    name: str
    kind: Kind
    infer: Callable[..., Any]
    numpy: Callable[..., Any]
    vjp: Callable[..., Any] | None = None
    """None when no gradient flows through. Entries of a returned tuple may be None too."""
    lower: Callable[..., Any] | None = None
    attrs: tuple[str, ...] = ()
    doc: str = ""
    domain: tuple[Sampler, ...] = ((-2.0, 2.0),)
    """For each input, the range in which its derivative exists; the last one repeats."""
    saves: bool = True
    """Whether the gradient rule looks at the values of inputs or output."""
    expensive: bool = False
    """Whether computing it twice costs more than storing it once."""
    dtypes: tuple[str, ...] = ("float32", "float64")
    """The input types a conformance test tries."""
    identity: float = 0.0
    """REDUCTION only: what changes nothing; `lower(builder, x, y)` combines two elements."""
    writes: Callable[..., Sequence[Region]] | None = None
    """ASSEMBLY only: the regions, in order of writing."""
    expand: Callable[..., Sequence[Any]] | None = None
    """COMPOUND only: `expand(*inputs, *attrs)` gives the outputs, built of other primitives."""

    @property
    def has_several(self) -> bool:
        """Whether it has several outputs."""
        return self.kind is Kind.COMPOUND or self.kind is Kind.LOOP

    def neutral(self, dtype: DType) -> float:
        """`identity` among the values of a type: integers and bools have no infinities."""
        if dtype.category == 2 or abs(self.identity) != float("inf"):
            return self.identity
        if dtype.category == 0:
            return float(self.identity > 0)
        limits = np.iinfo(dtype.numpy)  # type: ignore[arg-type]
        return int(limits.max if self.identity > 0 else limits.min)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


ON_COMPLEX: dict[Primitive, Callable[..., Any] | None] = {}
"""What an operation is for complex operands: a function of its inputs and attributes, made of
operations on their parts; None if it is itself. What is not here, and does not move numbers by its
kind, is refused."""

REGISTRY: dict[str, Primitive] = {}


def register(primitive: Primitive) -> Primitive:
    """Add a primitive to the registry; a name can be taken once."""
    if primitive.name in REGISTRY:
        raise ValueError(f"primitive {primitive.name} is declared twice")
    REGISTRY[primitive.name] = primitive
    return primitive

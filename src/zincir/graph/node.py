"""The graph's nodes, and the one function that makes them."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from zincir.errors import DTypeError, ShapeError, ZincirError, explain
from zincir.graph.primitive import ON_COMPLEX, Attr, Kind, Operand, Primitive, Spec

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

Origin: TypeAlias = tuple[str, int, str]
"""The user's file and line that made a node, and the path of the layer it was made in."""


class Mode(threading.local):
    """What new nodes take from their surroundings; one per thread."""

    grad: bool = True
    """Whether nodes made now take part in gradients (`no_grad` turns it off)."""
    origin: Origin | None = None
    """When set, new nodes get this origin: gradients point at the forward line."""
    autocast: Any = None
    """Inside `autocast`: the type in which products are computed."""
    layer: str = ""
    """The path of the layer that is running, such as `model.0.fc`."""
    started: Origin | None = None
    """In a thread of the library: where it was started."""


MODE = Mode()


_serial = itertools.count()


def next_serial() -> int:
    """A number larger than those of all nodes there are."""
    return next(_serial)


class Node(Operand):
    """One value in the graph: how it is computed, its shape and type, and where it was written.

    Everything but what is known of its value and of the tensor that holds it is fixed when it is
    made. Each node is held by one tensor at most, so that what is said of the tensor (its hooks,
    whether it was changed in place) can be said of the node.
    """

    __slots__ = (
        "__weakref__",
        "attrs",
        "bent",
        "dtype",
        "freed",
        "home",
        "hooks",
        "inputs",
        "needs_grad",
        "op",
        "origin",
        "owner",
        "serial",
        "shape",
        "superseded",
        "used",
        "value",
    )

    op: Primitive
    inputs: tuple[Node, ...]
    attrs: tuple[Attr, ...]

    def __init__(
        self,
        op: Primitive,
        inputs: tuple[Node, ...],
        attrs: tuple[Attr, ...],
        spec: Spec,
        needs_grad: bool,
        origin: Origin,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.attrs = attrs
        self.shape, self.dtype = spec
        self.needs_grad = needs_grad
        self.origin = origin
        self.value: Any = None
        """The buffer that holds the value, once it is known."""
        self.owner: Any = None
        """A weak reference to the tensor that holds this node, or held it before it was changed."""
        self.hooks: Any = None
        """What to call with the gradient that arrives here, by key; None if there is nothing."""
        self.superseded: Origin | None = None
        """Where the tensor that held this node was changed in place, if it was."""
        self.home: Any = None
        """The memory that the tensor shares with others, and how often that had been written to."""
        self.used = False
        """Whether another node was ever made of this one: its value may be wanted again."""
        self.serial = next(_serial)
        """Inputs have smaller numbers than their users."""
        self.freed = False
        """Whether a backward pass gave up what it had saved here."""
        self.bent: Node | None = None
        """For a function with corners: the input on which it depends which piece counts."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<{self.op.name} {self.dtype.name}{list(self.shape)}>"


def changed_at(node: Node) -> Origin | None:
    """Where the tensor that held `node` was changed in place since; None if it was not."""
    home = node.home
    if node.superseded is None and home is not None and home[0].noticed > home[1]:
        return home[0].written_at
    return node.superseded


_specs: dict[tuple[Any, ...], Spec] = {}
_ON_PARTS: Any = ()
"""Instead of a shape and type: the operation is one of several on parts of complex numbers."""
_MOVES = frozenset(
    {
        Kind.SOURCE,
        Kind.ALIAS,
        Kind.VIEW,
        Kind.ASSEMBLY,
        Kind.TAKE,
        Kind.COMPOUND,
        Kind.LOOP,
        Kind.OUTPUT,
    }
)


def apply(op: Primitive, *inputs: Node, attrs: tuple[Attr, ...] = ()) -> Node:
    """A new node for `op`. Its shape rule runs now: errors are raised at the user's line."""
    if len(inputs) == 2:
        x, y = inputs
        x.used = y.used = True
        key: tuple[Any, ...] = (op, attrs, x.shape, x.dtype, y.shape, y.dtype)
    elif len(inputs) == 1:
        x = inputs[0]
        x.used = True
        key = (op, attrs, x.shape, x.dtype)
    else:
        for x in inputs:
            x.used = True
        key = (op, attrs, *[v for n in inputs for v in (n.shape, n.dtype)])
    spec = _specs.get(key)
    if spec is None:
        spec = _ON_PARTS if _computes_complex(op, inputs, attrs) else _infer(op, inputs, attrs)
        if len(_specs) > 50_000:
            _specs.clear()
        _specs[key] = spec
    if spec is _ON_PARTS:
        return ON_COMPLEX[op](*inputs, *attrs)  # type: ignore[misc]
    mode = MODE
    needs_grad = False
    if mode.grad and op.vjp is not None:
        for n in inputs:
            if n.needs_grad:
                needs_grad = spec[1].category >= 2
                break
    return Node(op, inputs, attrs, spec, needs_grad, mode.origin or here())


def _computes_complex(op: Primitive, inputs: Sequence[Node], attrs: tuple[Attr, ...]) -> bool:
    """Whether `op` is to be made of operations on parts of its operands.

    Raises:
        DTypeError: an operand is complex, and it is not known what `op` is then.
    """
    if not any([x.dtype.category == 3 for x in inputs]) or op.kind in _MOVES:
        return False
    if op.kind is Kind.SCATTER and attrs[0] == "set":
        return False
    if op not in ON_COMPLEX:
        got = ", ".join(f"{n.shape} {n.dtype.name}" for n in inputs)
        raise DTypeError(
            explain(
                f"{op.name}: not for complex tensors",
                where=user_line(),
                got=got,
                try_="the real and the imaginary part (x.real, x.imag), or x.abs()",
            )
        )
    return ON_COMPLEX[op] is not None


def spec_of(op: Primitive, inputs: Sequence[Node], attrs: tuple[Attr, ...]) -> Spec:
    """The shape and type of a node.

    One with several outputs has no shape of its own. Its type is that of its first floating output:
    it has a gradient if there is one.
    """
    found = op.infer(*[(n.shape, n.dtype) for n in inputs], *attrs)
    if not op.has_several:
        return found
    return (), next((dtype for _, dtype in found if dtype.category >= 2), found[0][1])


def _infer(op: Primitive, inputs: tuple[Node, ...], attrs: tuple[Attr, ...]) -> Spec:
    try:
        return spec_of(op, inputs, attrs)
    except ZincirError as error:
        got = ", ".join(f"{n.shape} {n.dtype.name}" for n in inputs)
        what = str(error) if isinstance(error, ShapeError) else f"{error}"
        raise type(error)(explain(f"{op.name}: {what}", where=user_line(), got=got)) from None


def here() -> Origin:
    """The innermost line of code outside this package that is running now."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_PACKAGE):
        if frame.f_back is None:
            break
        frame = frame.f_back
    if MODE.started is not None and frame.f_code.co_filename == threading.__file__:
        return MODE.started
    return (frame.f_code.co_filename, frame.f_lineno, MODE.layer)


def user_line() -> str:
    """The layer and the user's line that are running, for messages."""
    return describe(MODE.origin or here())


def describe(origin: Origin) -> str:
    """`layer (file:line)`, as messages show it."""
    path, line, layer = origin
    place = f"{os.path.relpath(path) if path.startswith(os.getcwd()) else path}:{line}"
    return f"{layer} ({place})" if layer else place


@contextmanager
def grad_mode(enabled: bool) -> Generator[None]:
    """Turn the recording of gradients on or off for the nodes made inside."""
    before = MODE.grad
    MODE.grad = enabled
    try:
        yield
    finally:
        MODE.grad = before

"""What a model is made of: shapes, parameters, multiply-adds and memory of its layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from zincir import nn
from zincir.autograd import no_grad
from zincir.creation import zeros
from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import Node, describe, here
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.operations.source import const
from zincir.random import get_rng_state, set_rng_state
from zincir.storage import whole_of
from zincir.tensor import Tensor
from zincir.types import Shape, float32, size


@dataclass(frozen=True)
class Row:
    """One line of a summary: a layer, at one of its calls."""

    path: str
    """Its dotted name in the model; empty for the model itself."""
    kind: str
    """The name of its class."""
    output_shape: tuple[Shape, ...] | None
    """A shape for each tensor it gave; None if it was never called."""
    parameters: int
    """Numbers that no row above this one has counted."""
    multiply_adds: int
    activation_bytes: int

    @property
    def shape(self) -> str:
        """The output as text: `(1, 64, 56, 56)`, several with commas between them."""
        return "-" if self.output_shape is None else ", ".join(map(str, self.output_shape))


@dataclass(frozen=True)
class Summary:
    """What `summary` found: `rows`, totals, and a table when printed."""

    model: str
    rows: tuple[Row, ...]
    parameters: int
    """Of the whole model; shared ones once."""
    trained: int
    """Those of them that require gradients."""
    parameter_bytes: int
    multiply_adds: int
    activation_bytes: int

    def __str__(self) -> str:
        lines = [(row.path or "(itself)", row.kind, row.shape, *_counts(row)) for row in self.rows]
        table = [("layer", "class", "output", *_TITLES), *lines, ("total", "", "", *_counts(self))]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        text = [_line(cells, widths) for cells in table]
        rule = "-" * max(map(len, text))
        fixed = self.parameters - self.trained
        return "\n".join(
            [
                self.model,
                rule,
                text[0],
                rule,
                *text[1:-1],
                rule,
                text[-1],
                f"{_bytes(self.parameter_bytes)} of parameters"
                + (f", {fixed:,} of them not trained" if fixed else ""),
            ]
        )


_TITLES = ("parameters", "multiply-adds", "activation")


def _counts(row: Row | Summary) -> tuple[str, str, str]:
    numbers = f"{row.parameters:,}", f"{row.multiply_adds:,}"
    return *numbers, _bytes(row.activation_bytes)


def _bytes(count: int) -> str:
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if count >= 10**power:
            return f"{count / 10**power:,.2f} {unit}"
    return f"{count} B"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    left = [c.ljust(w) for c, w in zip(cells[:3], widths, strict=False)]
    right = [c.rjust(w) for c, w in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join([*left, *right]).rstrip()


@dataclass(eq=False)
class _Call:
    """One run of a module, and the runs of other modules inside it."""

    path: str
    module: Any
    first: int = 0
    last: int = 0
    inputs: tuple[Any, ...] = ()
    inner: list[_Call] = field(default_factory=list["_Call"])
    shapes: tuple[Shape, ...] = ()
    parameters: int = 0
    multiply_adds: int = 0
    activation_bytes: int = 0

    def everything(self) -> Iterator[_Call]:
        yield self
        for call in self.inner:
            yield from call.everything()

    def row(self, calls: Iterable[_Call]) -> Row:
        counted = list(calls)
        return Row(
            self.path,
            type(self.module).__name__,
            self.shapes,
            sum(c.parameters for c in counted),
            sum(c.multiply_adds for c in counted),
            sum(c.activation_bytes for c in counted),
        )


def summary(model: nn.Module, input: Any, depth: int | None = None) -> Summary:
    """The layers of `model` in the order in which they run on `input`, and what they cost.

    The model runs once in evaluation, as a graph that nobody evaluates: nothing is computed,
    drawn or changed, unless `forward` itself looks at values. Lazy layers become ordinary ones.

    - *Parameters*: elements, counted where they are first used; a shared one once.
    - *Multiply-adds* of the forward pass, for the whole batch. `Linear`, `Conv1d` to `Conv3d`:
      elements of the output times weights behind each, `output.numel() * weight.numel() /
      weight.shape[0]`. `ConvTranspose1d` to `3d`: the same with the elements of the *input*. All
      other code: the matrix products and convolutions that it put into the graph. Additions of
      biases, norms, activations and pooling count nothing, as in the tables of papers.
    - *Activation*: bytes of what layers give out. Views (`Flatten`) and outputs that are inputs
      (`Dropout` in evaluation) take none. A compiled step needs less, since what is fused is never
      stored.

    Args:
        input: a shape with the batch, for which zeros of the model's type are taken; or a tensor;
            or a tuple of these, if `forward` takes several.
        depth: layers below this depth are counted in the one above; 0 makes a single row.

    Returns:
        An object with `rows` and totals, which prints as a table. Layers with parameters that were
        never called come last, without an output.

    Example:
        >>> from zincir import nn
        >>> print(summary(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), (8, 4)))
        Sequential
        ------------------------------------------------------------
        layer  class   output  parameters  multiply-adds  activation
        ------------------------------------------------------------
        0      Linear  (8, 3)          15             96        96 B
        1      ReLU    (8, 3)           0              0        96 B
        2      Linear  (8, 2)           8             48        64 B
        ------------------------------------------------------------
        total                          23            144       256 B
        92 B of parameters
    """
    if not isinstance(model, nn.Module):
        raise DTypeError(
            explain(
                "summary: not a module",
                where=describe(here()),
                expected="an nn.Module",
                got=type(model).__name__,
            )
        )
    if depth is not None and depth < 0:
        raise ArgumentError(
            explain("summary: depth is negative", where=describe(here()), got=str(depth))
        )
    arguments = _arguments(model, input)
    root, result = _run(model, arguments)
    _count_parameters(model, root)
    _count_multiply_adds(root, result)
    rows = [*_rows(root, depth), *_never_called(model, root)]
    parameters = list(model.parameters())
    return Summary(
        type(model).__name__,
        tuple(rows),
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(p.numel() * p.dtype.itemsize for p in parameters),
        sum(row.multiply_adds for row in rows),
        sum(row.activation_bytes for row in rows),
    )


# The run


def _arguments(model: nn.Module, given: Any) -> tuple[Tensor, ...]:
    several = isinstance(given, tuple | list) and not _is_shape(given)
    parts: list[Any] = list(cast("list[Any]", given)) if several else [given]
    floating = (p.dtype for p in model.parameters() if p.dtype.is_floating_point)
    dtype = next(floating, float32)
    tensors: list[Tensor] = []
    for part in parts:
        if not (isinstance(part, Tensor) or _is_shape(part)):
            raise DTypeError(
                explain(
                    "summary: cannot run the model on this",
                    where=describe(here()),
                    expected="a shape, a tensor, or a tuple of these",
                    got=f"{part!r}"[:60],
                    try_="summary(model, (1, 3, 224, 224)), the batch being the first number",
                )
            )
        tensors.append(part if isinstance(part, Tensor) else zeros(tuple(part), dtype=dtype))
    return tuple(tensors)


def _is_shape(given: Any) -> bool:
    if not isinstance(given, tuple | list) or not given:
        return False
    parts = cast("list[Any]", given)
    return all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in parts)


def _run(model: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[_Call, Any]:
    """Run the model with a hook before and after each module; leave everything as it was."""
    names = {id(module): name for name, module in model.named_modules()}
    top = _Call("", None)
    running = [top]
    stored = {id(_stored(x)): _stored(x) for x in arguments}

    def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs = (*args, *kwargs.values())
        call = _Call(names[id(module)], module, _now(), inputs=inputs)
        running[-1].inner.append(call)
        running.append(call)

    def leave(module: Any, args: tuple[Any, ...], output: Any) -> None:
        call = running.pop()
        tensors = list(_tensors(output))
        call.last = _now()
        call.shapes = tuple(t.shape for t in tensors)
        for tensor in tensors:
            node = _stored(tensor)
            if id(node) not in stored:
                stored[id(node)] = node
                count = min(size(node.shape), tensor.numel())
                call.activation_bytes += count * node.dtype.itemsize

    modes = {module: module.training for module in model.modules()}
    kinds = nn.UninitializedParameter, nn.UninitializedBuffer
    lazy = any(isinstance(t, kinds) for t in (*model.parameters(), *model.buffers()))
    stream, handles = get_rng_state(), list[Any]()
    try:
        for module in model.eval().modules():
            handles.append(module.register_forward_pre_hook(enter, prepend=True, with_kwargs=True))
            handles.append(module.register_forward_hook(leave))
        with no_grad():
            result = model(*arguments)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
        if not lazy:
            set_rng_state(stream)
    return top.inner[0], result


def _now() -> int:
    """A number between those of all nodes made before and after."""
    return const(0.0, float32).serial


def _stored(tensor: Tensor) -> Node:
    """The node whose memory a tensor looks at."""
    node = whole_of(tensor)._node
    while node.op.kind in (Kind.VIEW, Kind.ALIAS) and node.inputs:
        node = node.inputs[0]
    return node


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple | list):
        for part in cast("list[Any]", output):
            yield from _tensors(part)
    elif isinstance(output, dict):
        for part in cast("dict[Any, Any]", output).values():
            yield from _tensors(part)


# The counts


def _count_parameters(model: nn.Module, root: _Call) -> None:
    seen: set[int] = set()
    for call in root.everything():
        for parameter in call.module.parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                call.parameters += parameter.numel()


_BY_OUTPUT = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_BY_INPUT = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def _count_multiply_adds(root: _Call, result: Any) -> None:
    """By formula for the kinds that have one, from the graph for all others."""
    for call in root.everything():
        if type(call.module) in (*_BY_OUTPUT, *_BY_INPUT):
            weight = call.module.weight.shape
            side = call.shapes[0] if type(call.module) in _BY_OUTPUT else call.inputs[0].shape
            call.multiply_adds = size(side) * size(weight[1:])
    for node in toposort(t._node for t in _tensors(result)):
        if node.op.kind in (Kind.CONTRACTION, Kind.CONVOLUTION) and (call := _maker(root, node)):
            call.multiply_adds += products(node)


def _maker(root: _Call, node: Node) -> _Call | None:
    """The innermost call that made the node, unless its kind has a formula."""
    if not root.first < node.serial < root.last:
        return None
    inside = root
    while type(inside.module) not in (*_BY_OUTPUT, *_BY_INPUT):
        for call in inside.inner:
            if call.first < node.serial < call.last:
                inside = call
                break
        else:
            return inside
    return None


def products(node: Node) -> int:
    """The multiply-adds of a matrix product or a convolution."""
    x, w = (n.shape for n in node.inputs)
    if node.op.kind is Kind.CONTRACTION:  # (o..., m, r..., k) @ (o..., r..., k, n)
        return size(x) * w[-1]
    return size(node.shape) * size(w[:-3]) * w[-2]  # w: (kernel..., groups, c, m)


# The rows


def _rows(call: _Call, depth: int | None) -> Iterator[Row]:
    """Layers as they are called; a module of modules has a row if it does something itself."""
    level = call.path.count(".") + 1 if call.path else 0
    if not call.inner or (depth is not None and level >= depth):
        yield call.row(call.everything())
        return
    for inner in call.inner:
        yield from _rows(inner, depth)
    if call.parameters or call.multiply_adds or call.activation_bytes:
        yield call.row([call])


def _never_called(model: nn.Module, root: _Call) -> Iterator[Row]:
    called = {call.module for call in root.everything()}
    seen = {id(p) for module in called for p in module.parameters(recurse=False)}
    for name, module in model.named_modules():
        if module not in called:
            new = [p for p in module.parameters(recurse=False) if id(p) not in seen]
            seen.update(map(id, new))
            if new:
                count = sum(p.numel() for p in new)
                yield Row(name, type(module).__name__, None, count, 0, 0)

"""Anatomy: the layers, activations and parameters of a graph, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zincir.doctor.forms import is_gate, rectified, users_of
from zincir.graph.node import Node, apply, describe
from zincir.graph.primitive import Kind
from zincir.graph.walk import toposort
from zincir.loop.scan import Loop, scan_p
from zincir.nn import Module
from zincir.operations.compound import output_p
from zincir.types import Shape

_ROUND = {"tanh": "tanh", "sigmoid": "sigmoid"}
"""Activations that saturate, by the names of their operations."""


@dataclass(frozen=True)
class Place:
    """An activation inside of a net; what runs several times in a step is one place."""

    where: str
    """The path of the layer, or of the layer whose outputs it is applied to."""
    origin: str
    """The user's line."""
    kind: str
    """relu, tanh or sigmoid; or layer: the product of a layer, before its bias."""
    after: str
    """The path of the last layer with parameters before it."""
    units: int
    axis: int
    """The axis of units: 1 behind convolutions, the last one elsewhere."""
    part: int = 0
    """Which of the activations of a recurrent layer."""

    def __str__(self) -> str:
        return self.where or self.after or self.origin


@dataclass
class Names:
    """What layers and parameters are called."""

    parameters: dict[int, str]
    """By id."""
    layers: dict[str, None]
    """In the order of the model."""

    @classmethod
    def of(cls, models: Mapping[str, Module]) -> Names:
        """The names of everything in some modules, each under a prefix (empty for one alone)."""
        found: dict[int, str] = {}
        layers: dict[str, None] = {}
        for prefix, model in models.items():
            layers.update((name, None) for name, _ in model.named_modules(prefix=prefix))
            for name, p in model.named_parameters(prefix=prefix):
                found[id(p)] = name
        return cls(found, layers)

    def layer(self, path: str) -> str:
        """The name of the layer whose path a node has: without what stands before the model."""
        parts = path.split(".")
        ends = (".".join(parts[i:]) for i in range(len(parts)))
        return next((end for end in ends if end and end in self.layers), "")


@dataclass
class Anatomy:
    """What a graph consists of."""

    order: list[Node]
    """All nodes, inputs before users."""
    users: dict[Node, list[Node]]
    inputs: dict[Node, tuple[Node, ...]]
    """By node: its inputs, which it may let go of once its value is known."""
    parameters: list[str] = field(default_factory=list[str])
    """Those that are reached, in the order in which they are used."""
    places: dict[Place, list[Node]] = field(default_factory=dict[Place, list[Node]])
    after: dict[Node, str] = field(default_factory=dict[Node, str])
    """By node: the last layer with parameters that it was computed by."""
    first: dict[str, int] = field(default_factory=dict[str, int])
    """By the path of a layer: the number of the first node it is known by."""

    def ranks(self, names: Names) -> dict[str, int]:
        """How early each layer runs; those that do not run, or are not known by any node, last."""
        running = sorted(self.first, key=lambda path: self.first[path])
        return {path: i for i, path in enumerate(dict.fromkeys([*running, *names.layers]))}


def anatomy(
    roots: Iterable[Node], names: Names, enter: Callable[[Node], bool] | None = None
) -> Anatomy:
    """Look at all that `roots` are computed from.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> loss = net(zincir.ones(2, 3)).sum()
        >>> found = anatomy([loss._node], Names.of({"": net}))
        >>> [(place.where, place.kind, place.units) for place in found.places]
        [('0', 'layer', 4), ('1', 'relu', 4), ('2', 'layer', 1)]
        >>> found.parameters
        ['0.weight', '0.bias', '2.weight', '2.bias']
    """
    order = toposort(roots, enter)
    found = Anatomy(order, users_of(order), {node: node.inputs for node in order})
    _name_layers(found, names)
    inner = _before_parameters(found)
    for node in order:
        if node.op.kind in _PRODUCTS:
            _add_layer(found, node, names)
        elif node in inner:
            if node.op is scan_p:
                _add_rows(found, node, names)
            else:
                _add_place(found, node, names)
    return found


def parameter_of(node: Node, names: Names) -> str:
    """The name of the parameter that a node is, or is a view of; empty if it is none."""
    while node.op.kind in (Kind.VIEW, Kind.ALIAS) and node.inputs and _owner(node, names) == "":
        node = node.inputs[0]
    return _owner(node, names)


def parameters_above(roots: Iterable[Node], names: Names) -> set[str]:
    """The parameters that a gradient of `roots` arrives at."""
    order = toposort(roots, lambda node: node.needs_grad)
    ways = [x for node in order if node.needs_grad for x in node.inputs if x.needs_grad]
    return {name for x in ways if (name := parameter_of(x, names))}


def _owner(node: Node, names: Names) -> str:
    tensor: Any = None if node.owner is None else node.owner()
    return "" if tensor is None else names.parameters.get(id(tensor), "")


def _name_layers(found: Anatomy, names: Names) -> None:
    """For each node the last layer before it; parameters by their first use."""
    used: dict[str, int] = {}
    since: dict[Node, int] = {}
    for node in found.order:
        last, newest = "", -1
        for x in node.inputs:
            name = parameter_of(x, names)
            if name:
                used[name] = min(used.get(name, node.serial), node.serial)
                last, newest = name.rpartition(".")[0], node.serial
            elif since.get(x, -1) > newest:
                last, newest = found.after[x], since[x]
        found.after[node], since[node] = last, newest
    found.parameters = sorted(used, key=lambda name: used[name])
    for name in found.parameters:
        found.first.setdefault(name.rpartition(".")[0], used[name])


def _before_parameters(found: Anatomy) -> set[Node]:
    """The nodes behind which another layer with parameters comes: not the head, not the loss."""
    inner: set[Node] = set()
    for node in reversed(found.order):
        for x in node.inputs:
            if node in inner or found.after[node] != found.after.get(x, ""):
                inner.add(x)
    return inner


def _add_place(found: Anatomy, node: Node, names: Names) -> None:
    if node.ndim < 2 or node.dtype.category != 2 or not node.needs_grad:
        return
    source = rectified(node)
    kind = "relu" if source is not None else _ROUND.get(node.op.name, "")
    if not kind or (kind != "relu" and is_gate(node, found.users)):
        return
    after = found.after[node]
    if not after:
        return
    path = names.layer(node.origin[2])
    inside = any(name.startswith(f"{path}.") or not path for name in names.layers if name != path)
    axis = 1 if _convolved(node) and node.ndim > 2 else node.ndim - 1
    place = Place(
        after if inside else path, describe((*node.origin[:2], "")), kind, after,
        node.shape[axis], axis,
    )  # fmt: skip
    found.places.setdefault(place, []).append(node)
    found.first.setdefault(place.where, node.serial)


def _add_rows(found: Anatomy, node: Node, names: Names) -> None:
    """What a loop, such as an LSTM, makes in its rounds and keeps: its activations, if any.

    Gates of recurrent nets are meant to open and close: sigmoids are left alone.
    """
    loop = Loop(*node.attrs)
    shown = {u.attrs[0]: u for u in found.users.get(node, ()) if u.op is output_p}
    after = found.after[node]
    where = names.layer(node.origin[2]) or after
    for index, row in enumerate(loop.body.results[loop.carried :], loop.carried):
        kind = "relu" if rectified(row) is not None else row.op.name
        if kind not in ("relu", "tanh") or row.ndim < 2 or not after:
            continue
        spec = (loop.length, *row.shape), row.dtype
        rows = shown.get(index) or apply(output_p, node, attrs=(index, *spec))
        origin = describe((*node.origin[:2], ""))
        place = Place(where, origin, kind, after, row.shape[-1], rows.ndim - 1, index)
        found.places.setdefault(place, []).append(rows)
        found.first.setdefault(place.where, node.serial)


_PRODUCTS = (Kind.CONTRACTION, Kind.CONVOLUTION)


def _add_layer(found: Anatomy, node: Node, names: Names) -> None:
    owner = next((n for x in node.inputs if (n := parameter_of(x, names))), "")
    if not owner or node.ndim < 2 or not node.needs_grad:
        return
    where = owner.rpartition(".")[0]
    axis = 1 if node.op.kind is Kind.CONVOLUTION else node.ndim - 1
    origin = describe((*node.origin[:2], ""))
    place = Place(where, origin, "layer", where, node.shape[axis], axis)
    found.places.setdefault(place, []).append(node)


def _convolved(node: Node) -> bool:
    """Whether the last product before a node is a convolution."""
    seen: set[Node] = set()
    while node.inputs and node not in seen:
        seen.add(node)
        if node.op.kind in _PRODUCTS:
            return node.op.kind is Kind.CONVOLUTION
        ways = [x for x in node.inputs if x.needs_grad and x.ndim == node.ndim]
        if not ways:
            return False
        node = max(ways, key=lambda x: x.serial)
    return False


def other_axes(place: Place, shape: Shape) -> tuple[int, ...]:
    """The axes that a unit is measured over."""
    return tuple(i for i in range(len(shape)) if i != place.axis)

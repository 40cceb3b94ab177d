"""Two layers with nothing between them: together they are one linear map.

Whatever two affine layers one after the other can compute, one of them can. Nothing is gained by
the second but parameters, and the net is a layer less deep than it seems.

Read off the graph: the product of one layer reaches the product of the next through its bias and
views (and dropout) alone.

When it is not this: what attention ends with may meet a linear layer. A narrow layer between two
wide ones makes a low rank on purpose, and convolutions of single channels are factors of a
larger one on purpose; both are left out.

References: NeuraLint (TOSEM 2021), UMLAUT (CHI 2021).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.anatomy import Anatomy, Names, parameter_of
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.forms import is_number
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule
from zincir.graph.node import Node
from zincir.graph.primitive import Kind


@rule(
    "S13",
    "missing_nonlinearity",
    Severity.WARNING,
    reads=Rehearsal,
    cause="a forgotten activation",
    remedies=(
        "an activation between them: ReLU, GELU",
        "one layer in place of the two",
    ),
    explains=("exploding_gradient", "learning_rate_too_high", "loss_not_decreasing"),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    body, names = seen.first.body, seen.names
    modules = seen.model.named_modules()
    attention = {name for name, _ in modules if name.endswith("out_proj")}
    for place, nodes in body.places.items():
        if place.kind != "layer":
            continue
        for node in nodes[:1]:
            inner = _product_before(node, names, body)
            if inner is None or _is_narrow(inner, node, names):
                continue
            before = parameter_of_product(inner, names).rpartition(".")[0]
            if before == place.where or before in attention:
                continue
            yield found(
                f"nothing stands between {before} and {place.where}",
                where=place.where,
                origin=place.origin,
                evidence={"layers": [before, place.where]},
            )


_PRODUCTS = (Kind.CONTRACTION, Kind.CONVOLUTION)


def parameter_of_product(node: Node, names: Names) -> str:
    """The name of the parameter that a product takes; empty if it takes none."""
    return next((n for x in node.inputs if (n := parameter_of(x, names))), "")


def _product_before(node: Node, names: Names, body: Anatomy) -> Node | None:
    """The product of another layer that enters this one, and nothing else, but for a bias."""
    inputs = body.inputs
    at = next((x for x in inputs[node] if not parameter_of(x, names)), None)
    while at is not None and at in inputs:
        if sum(user.needs_grad for user in body.users.get(at, ())) != 1:
            return None  # a residual connection, say
        if at.op.kind in _PRODUCTS:
            return at if parameter_of_product(at, names) else None
        others = [x for x in inputs[at] if x.needs_grad and not parameter_of(x, names)]
        passes = at.op.kind in (Kind.VIEW, Kind.ALIAS) or at.op.name == "copy"
        biased = at.op.name == "add" and any(parameter_of(x, names) for x in inputs[at])
        scaled = at.op.name == "mul" and any(is_number(x) for x in inputs[at])
        dropped = at.op.name == "where" and is_number(inputs[at][2], 0.0)
        if len(others) != 1 or not (passes or biased or scaled or dropped):
            return None
        at = others[0]
    return None


def _is_narrow(inner: Node, outer: Node, names: Names) -> bool:
    """Whether the layers make a low rank, or one of them works on single channels."""
    shapes = [
        x.shape for product in (inner, outer) for x in product.inputs if parameter_of(x, names)
    ]
    if any(product.op.kind is Kind.CONVOLUTION for product in (inner, outer)):
        channels = [product.shape[1] for product in (inner, outer)]
        single = any(len(shape) > 2 and shape[1] == 1 for shape in shapes)
        return single or channels[0] < channels[1]
    if len(shapes) != 2:
        return True
    width = inner.shape[-1]
    into = [n for n in shapes[0] if n != width] or [width]
    return width < min(*into, outer.shape[-1])

"""Matrix products for operands of any number of dimensions."""

from __future__ import annotations

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.operations import arithmetic as ar, contraction, movement
from zincir.operations.arithmetic import compare, where
from zincir.operations.elementwise import sqrt
from zincir.operations.layout import diagonal
from zincir.types import bool_, broadcast, size


def matmul(a: Node, b: Node) -> Node:
    """PyTorch's matmul: vectors, matrices and batches that broadcast."""
    if a.dtype is not b.dtype:
        raise DTypeError(
            explain(
                f"matmul: operands have types {a.dtype.name} and {b.dtype.name}",
                where=user_line(),
                expected="the same type",
                try_=f"b.to({a.dtype!r})",
            )
        )
    if not a.ndim or not b.ndim:
        raise ShapeError(
            explain(
                "matmul: both operands need at least one dimension",
                where=user_line(),
                got=f"{a.shape} @ {b.shape}",
            )
        )
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        _inner_differs(a, b)
    if a.ndim == 2 and b.ndim == 2:
        return contraction.matmul(a, b)
    if a.ndim == 1:
        y = matmul(movement.reshape(a, (1, *a.shape)), b)
        return (
            movement.reshape(y, (*y.shape[:-2], y.shape[-1]))
            if b.ndim > 1
            else movement.reshape(y, y.shape[1:])
        )
    if b.ndim == 1:
        y = matmul(a, movement.reshape(b, (*b.shape, 1)))
        return movement.reshape(y, y.shape[:-1])
    if b.ndim == 2:
        rows = movement.reshape(a, (size(a.shape[:-1]), a.shape[-1]))
        return movement.reshape(contraction.matmul(rows, b), (*a.shape[:-1], b.shape[-1]))
    try:
        batch = broadcast(a.shape[:-2], b.shape[:-2])
    except ShapeError:
        raise ShapeError(
            explain(
                "matmul: batch dimensions do not broadcast",
                where=user_line(),
                got=f"{a.shape} @ {b.shape}",
            )
        ) from None
    a, b = movement.expand(a, (*batch, *a.shape[-2:])), movement.expand(b, (*batch, *b.shape[-2:]))
    return contraction.matmul(a, b)


def _inner_differs(a: Node, b: Node) -> None:
    inner = "-2" if b.ndim > 1 else "0"
    raise ShapeError(
        explain(
            "matmul: inner dimensions differ",
            where=user_line(),
            expected=f"a.shape[-1] == b.shape[{inner}]",
            got=f"{a.shape} {a.dtype.name} @ {b.shape} {b.dtype.name}",
            try_="transpose one of the two (b.T), or check the size of the layer before",
        )
    )


def exactly(a: Node, b: Node, what: str, ndim: int) -> Node:
    """`matmul` of operands that have exactly `ndim` dimensions."""
    if a.ndim != ndim or b.ndim != ndim:
        raise ShapeError(
            explain(
                f"{what}: both operands need {ndim} dimensions",
                where=user_line(),
                got=f"{a.shape} and {b.shape}",
                try_="matmul",
            )
        )
    if a.shape[: ndim - 2] != b.shape[: ndim - 2]:
        raise ShapeError(
            explain(
                f"{what}: batch sizes differ", where=user_line(), got=f"{a.shape} and {b.shape}"
            )
        )
    return matmul(a, b)


def dot(a: Node, b: Node) -> Node:
    """The inner product of two vectors."""
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(
            explain("dot: needs two vectors", where=user_line(), got=f"{a.shape} and {b.shape}")
        )
    return matmul(a, b)


def mv(a: Node, b: Node) -> Node:
    """The product of a matrix and a vector."""
    if a.ndim != 2 or b.ndim != 1:
        raise ShapeError(
            explain(
                "mv: needs a matrix and a vector", where=user_line(), got=f"{a.shape} and {b.shape}"
            )
        )
    return matmul(a, b)


def added(x: Node, y: Node, beta: float, alpha: float) -> Node:
    """Beta * x + alpha * y, where x broadcasts to the shape of y; without x if beta is 0.

    Raises:
        DTypeError: the types differ.
        ShapeError: x does not broadcast.
    """
    if x.dtype is not y.dtype:
        got = f"{x.dtype.name} and {y.dtype.name}"
        raise DTypeError(
            explain("addmm and its like: the operands need one type", where=user_line(), got=got)
        )
    if broadcast(x.shape, y.shape) != y.shape:
        raise ShapeError(
            explain(
                "addmm and its like: what is added does not fit the product",
                where=user_line(),
                expected=f"a shape that broadcasts to {y.shape}",
                got=str(x.shape),
            )
        )
    if y.dtype.category == 1:
        beta, alpha = int(beta), int(alpha)
    if alpha != 1:
        y = y * alpha
    if beta == 0:
        return y
    return (x if beta == 1 else x * beta) + y


def summed_batch(a: Node, b: Node) -> Node:
    """The sum of the products of two batches of matrices."""
    y = exactly(a, b, "addbmm", 3)
    return movement.reshape(movement.sum_(y, (0,)), y.shape[1:])


def inner(a: Node, b: Node) -> Node:
    """Inner products along the last axes of both."""
    if not a.ndim or not b.ndim:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(
            explain(
                "inner: the last dimensions must match",
                where=user_line(),
                got=f"{a.shape} and {b.shape}",
            )
        )
    n = a.shape[-1]
    y = matmul(
        movement.reshape(a, (size(a.shape[:-1]), n)),
        movement.swap_last(movement.reshape(b, (size(b.shape[:-1]), n))),
    )
    return movement.reshape(y, (*a.shape[:-1], *b.shape[:-1]))


def kron(a: Node, b: Node) -> Node:
    """Blocks of `b`, one for each element of `a`, times that."""
    ndim = max(a.ndim, b.ndim)
    left = (1,) * (ndim - a.ndim) + a.shape
    right = (1,) * (ndim - b.ndim) + b.shape
    wide = movement.reshape(a, tuple(m for n in left for m in (n, 1)))
    y = wide * movement.reshape(b, tuple(m for n in right for m in (1, n)))
    return movement.reshape(y, tuple(n * m for n, m in zip(left, right, strict=True)))


def cov(x: Node, correction: int, fweights: Node | None, aweights: Node | None) -> Node:
    """The covariances of rows, columns being observations.

    Args:
        fweights: how often each observation was made: integers.
        aweights: how much each observation counts.
    """
    if x.ndim > 2 or x.dtype is bool_:
        raise ShapeError(
            explain("cov: needs a matrix of numbers", where=user_line(), got=str(x.shape))
        )
    x = ar.floating(movement.reshape(x, (1, size(x.shape))) if x.ndim < 2 else x)
    n = x.shape[1]
    for name, w, category in (("fweights", fweights, 1), ("aweights", aweights, 2)):
        if w is not None and (w.shape != (n,) or w.dtype.category != category):
            raise ShapeError(
                explain(
                    f"cov: {name} must be one {'integer' if category == 1 else 'float'}"
                    " for each observation",
                    where=user_line(),
                    expected=f"{n} of them",
                    got=f"{w.shape} {w.dtype.name}",
                )
            )
    weights = [ar.cast(w, x.dtype) for w in (fweights, aweights) if w is not None]
    if not weights:
        centred = x - movement.sum_(x, (1,)) / float(n)
        y = matmul(centred, movement.swap_last(centred))
        return _dropped(y / float(max(n - correction, 0)))
    w = weights[0] * weights[1] if len(weights) > 1 else weights[0]
    total = movement.sum_(w, (0,))
    centred = x - movement.sum_(x * w, (1,)) / movement.reshape(total, (1, 1))
    if aweights is None or not correction:
        left = total - correction
    else:
        left = total - movement.sum_(w * ar.cast(aweights, x.dtype), (0,)) / total * correction
    y = matmul(centred * w, movement.swap_last(centred))
    return _dropped(y / movement.reshape(ar.maximum(left, 0.0), (1, 1)))


def _dropped(y: Node) -> Node:
    return movement.reshape(y, tuple(n for n in y.shape) if y.shape != (1, 1) else ())


def corrcoef(x: Node) -> Node:
    """The correlation coefficients of rows."""
    c = cov(x, 1, None, None)
    if not c.ndim:
        return c / c
    d = sqrt(diagonal(c))
    c = c / movement.reshape(d, (c.shape[0], 1)) / d
    return where(compare("gt", c, 1.0), 1.0, where(compare("lt", c, -1.0), -1.0, c))


def outer(a: Node, b: Node) -> Node:
    """All products of an element of `a` and one of `b`."""
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(
            explain("outer: needs two vectors", where=user_line(), got=f"{a.shape} and {b.shape}")
        )
    return movement.reshape(a, (a.shape[0], 1)) * b

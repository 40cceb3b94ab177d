"""Attention to long sequences: a loop over blocks of queries; all scores are never there at once.

    y = softmax(q @ k.T + mask) @ v

Of a row of scores one number is kept, the logarithm of the sum of its exponentials. From these the
gradient computes the weights of a block again (Dao et al. 2022, https://arxiv.org/abs/2205.14135):

    p = exp(q @ k.T + mask - sums)
    ds = p * (g @ v.T - sum(g * y)),    dq = ds @ k,  dk = ds.T @ q,  dv = p.T @ g

Random numbers of dropout come from counters, and are drawn again as well. Where queries see keys up
to their own place only, the blocks form stretches, each of which reads the keys that its last block
sees.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from zincir.graph.node import Node, apply, grad_mode
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.graph.subgraph import Subgraph
from zincir.interpret import interpret
from zincir.loop.scan import scan
from zincir.operations import movement as mv
from zincir.operations.arithmetic import cast, compare, where
from zincir.operations.compound import outputs
from zincir.operations.contraction import matmul
from zincir.operations.elementwise import exp, log
from zincir.operations.random import uniform
from zincir.operations.reduction import amax
from zincir.operations.source import const, iota, leaf
from zincir.types import Shape, bool_, from_numpy_dtype, int32, int64, size

_AT_ONCE = 1 << 22
"""Scores of a block, of all heads: so many that they stay in a cache that threads share."""
_FEWEST, _MOST = 32, 256
"""Rows of a block. Fewer would make small products, more would keep nothing near."""
_STRETCH, _MOST_STRETCHES = 512, 4
"""Rows of a stretch of causal attention, and how many there are at most: with two of them a quarter
of the work is left out, with four three eighths. Each one costs time to compile."""


@dataclass(frozen=True, slots=True)
class Form:
    """The attributes of an attention."""

    masked: bool
    causal: bool
    dropped: float
    """The share of weights that are dropped."""
    rows: int
    """Of a block of queries."""


_ATTRIBUTES = len(fields(Form))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Blocks that read the same keys."""

    first: int
    count: int
    seen: int
    """How many keys."""


def block_rows(q: Shape, keys: int) -> int:
    """How many rows of `q` (..., L, E) form a block; without a rest, if possible."""
    most = _AT_ONCE // max(1, size(q[:-2]) * keys)
    most = max(_FEWEST, min(_MOST, most // 16 * 16))
    return next((n for n in range(most, _FEWEST - 1, -16) if q[-2] % n == 0), most)


def draws(q: Shape, keys: int) -> int:
    """How many random numbers dropout takes."""
    rows = block_rows(q, keys)
    return -(-q[-2] // rows) * rows * size(q[:-2]) * keys


def attention(
    q: Node,
    k: Node,
    v: Node,
    mask: Node | None = None,
    *,
    causal: bool = False,
    dropped: float = 0.0,
    state: Node | None = None,
) -> Node:
    """See the module's description.

    Args:
        q: (..., L, E); k (..., S, E) and v (..., S, Ev) have the same leading axes.
        mask: broadcasts to (..., L, S): True where a query may look, or numbers, to which no
            gradient flows. A query that may look nowhere gets zeros.
        state: what random numbers are drawn from, `draws` of them, if any weight is dropped.
    """
    form = Form(mask is not None, causal, dropped, block_rows(q.shape, k.shape[-2]))
    given = [q, k, v]
    if mask is not None:
        given.append(mv.reshape(mask, (1,) * (q.ndim - mask.ndim) + mask.shape))
    if state is not None:
        given.append(state)
    return outputs(apply(attention_p, *given, attrs=astuple(form)))[0]


# --- the loops ------------------------------------------------------------------------------


class _Blocks:
    """What one attention is given, cut into blocks."""

    def __init__(self, given: Sequence[Node], form: Form) -> None:
        self.q, self.k, self.v, *more = given
        self.form = form
        self.mask = more.pop(0) if form.masked else None
        self.state = more.pop(0) if more else None
        self.rows = form.rows
        self.count = -(-self.q.shape[-2] // self.rows)

    def stretches(self) -> list[_Stretch]:
        """From those that see the fewest keys on."""
        keys = self.k.shape[-2]
        if not self.form.causal:
            return [_Stretch(0, self.count, keys)]
        most = min(_MOST_STRETCHES, max(2, self.q.shape[-2] // _STRETCH))
        ends = sorted({self.count * (i + 1) // most for i in range(most)} - {0})
        first = 0
        found: list[_Stretch] = []
        for end in ends:
            found.append(_Stretch(first, end - first, min(keys, end * self.rows)))
            first = end
        return found

    def cut(self, x: Node, stretch: _Stretch, axis: int = -2) -> Node:
        """Blocks of rows of x (..., L, n), along a new first axis."""
        axis += x.ndim
        lacking = self.count * self.rows - x.shape[axis]
        if lacking:
            shape = (*x.shape[:axis], lacking, *x.shape[axis + 1 :])
            x = mv.cat([x, _filled(0, x, shape)], axis)
        x = _part(x, axis, stretch.first * self.rows, stretch.count * self.rows)
        shape = (*x.shape[:axis], stretch.count, self.rows, *x.shape[axis + 1 :])
        rest = [n for n in range(x.ndim + 1) if n != axis]
        return mv.permute(mv.reshape(x, shape), (axis, *rest))

    def joined(self, parts: Sequence[Node]) -> Node:
        """The rows of blocks (blocks, ..., rows, n), one behind another: (..., L, n)."""
        whole = mv.cat(list(parts), 0)
        axes = (*range(1, whole.ndim - 2), 0, whole.ndim - 2, whole.ndim - 1)
        moved = mv.permute(whole, axes)
        rows = mv.reshape(moved, (*moved.shape[:-3], self.count * self.rows, moved.shape[-1]))
        return _part(rows, rows.ndim - 2, 0, self.q.shape[-2])

    def constants(self, stretch: _Stretch) -> list[Node]:
        """What all blocks of a stretch read: keys, values, and the mask if it has one row."""
        found = [_part(x, x.ndim - 2, 0, stretch.seen) for x in (self.k, self.v)]
        mask = self._mask(stretch)
        return found if mask is None or mask.shape[-2] != 1 else [*found, mask]

    def sequences(self, stretch: _Stretch) -> list[Node]:
        """What blocks have of their own: queries, place of the first one, mask, random state."""
        count, first = stretch.count, stretch.first
        places = (iota((count,), 0, int32) + first) * self.rows
        found = [self.cut(self.q, stretch), places]
        mask = self._mask(stretch)
        if mask is not None and mask.shape[-2] != 1:
            found.append(self.cut(mask, stretch))
        if self.state is not None:
            drawn = self.rows * size(self.q.shape[:-2]) * self.k.shape[-2]
            counters = (iota((count, 2), 0, int64) + first) * drawn
            further = where(compare("eq", iota((count, 2), 1, int64), 1), counters, 0)
            found.append(mv.expand(mv.reshape(self.state, (1, 2)), (count, 2)) + further)
        return found

    def _mask(self, stretch: _Stretch) -> Node | None:
        mask = self.mask
        if mask is None or mask.shape[-1] == 1:
            return mask
        return _part(mask, mask.ndim - 1, 0, stretch.seen)


def _cut(args: Sequence[Any]) -> _Blocks:
    """From the inputs and attributes of the operation."""
    return _Blocks(args[:-_ATTRIBUTES], Form(*args[-_ATTRIBUTES:]))


def _part(x: Node, axis: int, start: int, count: int) -> Node:
    if (start, count) == (0, x.shape[axis]):
        return x
    starts = tuple([start if n == axis else 0 for n in range(x.ndim)])
    sizes = tuple([count if n == axis else m for n, m in enumerate(x.shape)])
    return mv.slice_(x, starts, (1,) * x.ndim, sizes)


def _filled(value: float, like: Node, shape: Shape) -> Node:
    return mv.expand(const(value, like.dtype), shape)


def _expand(*args: Any) -> Sequence[Node]:
    """The loops over blocks: what attention gives, and the logarithms of the sums of rows."""
    blocks = _cut(args)
    ys: list[Node] = []
    sums: list[Node] = []
    with grad_mode(False):
        for stretch in blocks.stretches():
            constants, sequences = blocks.constants(stretch), blocks.sequences(stretch)
            body = _forward(blocks.form, _specs(constants), _specs(sequences))
            _, (y, row_sums) = scan(body, constants, (), sequences, stretch.count)
            ys.append(y)
            sums.append(row_sums)
        return blocks.joined(ys), blocks.joined(sums)


def _vjp(g: Any, made: Node, *args: Any) -> tuple[Node | None, ...]:
    blocks = _cut(args)
    y, sums = outputs(made)
    g_y, g_sums = g
    g_y = _filled(0, y, y.shape) if g_y is None else g_y
    towards = mv.sum_(g_y * y, (y.ndim - 1,))
    towards = towards if g_sums is None else towards - g_sums
    dk, dv = (_filled(0, x, (*x.shape[:-2], 0, x.shape[-1])) for x in (blocks.k, blocks.v))
    dqs: list[Node] = []
    for stretch in blocks.stretches():
        constants = blocks.constants(stretch)
        sequences = [blocks.cut(x, stretch) for x in (g_y, towards, sums)]
        sequences += blocks.sequences(stretch)
        carried = [_longer(dk, stretch.seen), _longer(dv, stretch.seen)]
        body = _backward(blocks.form, _specs(constants), _specs(carried), _specs(sequences))
        (dk, dv), (dq,) = scan(body, constants, carried, sequences, stretch.count)
        dqs.append(dq)
    keys = blocks.k.shape[-2]
    found = [blocks.joined(dqs), _longer(dk, keys), _longer(dv, keys)]
    return (*found, *(None,) * (len(args) - _ATTRIBUTES - len(found)))


def _longer(x: Node, rows: int) -> Node:
    """With zeros behind the rows of x (..., n, m)."""
    lacking = rows - x.shape[-2]
    if not lacking:
        return x
    zeros = _filled(0, x, (*x.shape[:-2], lacking, x.shape[-1]))
    return mv.cat([x, zeros], x.ndim - 2) if x.shape[-2] else zeros


# --- one block ------------------------------------------------------------------------------


def _specs(xs: Sequence[Node]) -> tuple[Spec, ...]:
    return tuple([(x.shape, x.dtype) for x in xs])


class _Block:
    """The parameters of a block, and its scores."""

    def __init__(self, form: Form, constants: tuple[Spec, ...], own: tuple[Spec, ...]) -> None:
        """`own`: of queries, place, mask and state, without the axis of blocks."""
        self._form = form
        self.constants = [leaf(*spec) for spec in constants]
        self.own = [leaf(shape[1:], dtype) for shape, dtype in own]
        self.k, self.v, *mask = self.constants
        self.q, self._place, *more = self.own
        if form.masked and not mask:
            mask = [more.pop(0)]
        self._mask = mask[0] if mask else None
        self._state = more[0] if more else None

    def scores(self) -> Node:
        """Those of the rows of this block."""
        s = matmul(self.q, mv.swap_last(self.k))
        if self._form.causal:
            rows, columns = (iota(s.shape, s.ndim - n, int32) for n in (2, 1))
            s = where(compare("ge", rows + self._place, columns), s, -math.inf)
        if self._mask is None:
            return s
        if self._mask.dtype is bool_:
            return where(self._mask, s, -math.inf)
        return s + cast(self._mask, s.dtype)

    def kept(self, x: Node, factor: float = 1.0) -> Node:
        """`x` times a factor where weights are kept, 0 where they are dropped."""
        if self._state is None:
            return x
        stays = compare("ge", uniform(self._state, x.shape), self._form.dropped)
        return where(stays, x if factor == 1.0 else x * factor, 0.0)


@functools.lru_cache(maxsize=256)
def _forward(form: Form, constants: tuple[Spec, ...], own: tuple[Spec, ...]) -> Subgraph:
    with grad_mode(False):
        block = _Block(form, constants, own)
        s = block.scores()
        last = (s.ndim - 1,)
        largest = amax(s, last)
        if form.masked:
            largest = where(compare("eq", largest, -math.inf), 0.0, largest)
        e = exp(s - largest)
        total = mv.sum_(e, last)
        sums = largest + log(total)
        if form.masked:
            nothing = compare("eq", total, 0.0)
            total = where(nothing, 1.0, total)
            sums = where(nothing, math.inf, sums)
        weighted = matmul(block.kept(e), block.v)
        y = weighted * (1.0 / (total * (1.0 - form.dropped)))
        return Subgraph([*block.constants, *block.own], [y, sums])


@functools.lru_cache(maxsize=256)
def _backward(
    form: Form,
    constants: tuple[Spec, ...],
    carried: tuple[Spec, ...],
    own: tuple[Spec, ...],
) -> Subgraph:
    with grad_mode(False):
        block = _Block(form, constants, own[3:])
        before = [leaf(*spec) for spec in carried]
        g, towards, sums = (leaf(shape[1:], dtype) for shape, dtype in own[:3])
        p = exp(block.scores() - sums)
        factor = 1.0 / (1.0 - form.dropped)
        dp = block.kept(matmul(g, mv.swap_last(block.v)), factor)
        ds = p * (dp - towards)
        dk = before[0] + matmul(mv.swap_last(ds), block.q)
        dv = before[1] + matmul(mv.swap_last(block.kept(p, factor)), g)
        parameters = [*block.constants, *before, g, towards, sums, *block.own]
        return Subgraph(parameters, [dk, dv, matmul(ds, block.k)])


# --- the operation --------------------------------------------------------------------------


def _infer(q: Spec, k: Spec, v: Spec, *more: Any) -> tuple[Spec, ...]:
    rows = q[0][:-1]
    return ((*rows, v[0][-1]), q[1]), ((*rows, 1), q[1])


def _numpy(*args: Any) -> tuple[Any, ...]:
    arrays = args[:-_ATTRIBUTES]
    leaves = [leaf(x.shape, from_numpy_dtype(x.dtype)) for x in arrays]
    made = _expand(*leaves, *args[-_ATTRIBUTES:])
    return tuple(interpret(made, dict(zip(leaves, arrays, strict=True))))


attention_p = register(
    Primitive(
        "attention",
        Kind.COMPOUND,
        doc="softmax(q @ k.T + mask) @ v block by block, and the logarithms of the sums of rows.",
        infer=_infer,
        numpy=_numpy,
        vjp=_vjp,
        expand=_expand,
        attrs=("masked", "causal", "dropped", "rows"),
    )
)

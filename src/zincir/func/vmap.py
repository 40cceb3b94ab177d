"""A function of one example made a function of many, without a loop."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from zincir.batching.rules import repeated
from zincir.batching.walk import batched
from zincir.errors import ArgumentError, DTypeError, ShapeError, TraceError, explain
from zincir.functional import cat
from zincir.generator import DRAWS
from zincir.graph.node import Node, describe, next_serial, user_line
from zincir.operations.dims import one_axis
from zincir.operations.source import leaf
from zincir.pending import alive_pending
from zincir.recording import CURRENT
from zincir.tensor import Tensor, wrap
from zincir.trees import flatten, spread


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """`func`, which is written for one example, for many at once.

    The function is called once, on tensors that stand for one example; the graph that it makes is
    rebuilt for all of them, an operation at a time. So it cannot look at values, and what it
    changes in place must be its own. Operations without a rule for many (those that run in NumPy,
    such as sorting, and loops) are done for one example after another, with the same results.

    Args:
        func: of tensors, and containers of them; it returns such.
        in_dims: which dimension of each argument counts the examples; None for one that is the same
            for all. A number for all arguments, or a tuple with entries like the arguments.
        out_dims: where the examples go in the results.
        randomness: "different" draws random numbers for each example, "same" for all; "error"
            refuses.
        chunk_size: how many examples at once; all if left out.

    Raises:
        ArgumentError: dimensions that do not fit, or random numbers without `randomness`.
        ShapeError: arguments with different numbers of examples.
        TraceError: the function looks at a value, or keeps a tensor.

    Example:
        >>> dot = lambda a, b: (a * b).sum()
        >>> vmap(dot)(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([[1.0, 1.0], [2.0, 0.0]]))
        tensor([3., 6.])
    """
    if randomness not in ("error", "different", "same"):
        raise _refused('randomness is "error", "different" or "same"', got=repr(randomness))
    if chunk_size is not None and chunk_size <= 0:
        raise _refused("chunk_size should be greater than 0", got=str(chunk_size))

    @functools.wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        leaves, build = flatten(args)
        dims = _dims(args, leaves, in_dims)
        count = _count(leaves, dims)
        moved = [x if d is None else x.movedim(d, 0) for x, d in zip(leaves, dims, strict=True)]
        size = count if chunk_size is None else chunk_size
        parts: list[list[Result]] = []
        sizes: list[int] = []
        form: Any = None
        for start in range(0, max(count, 1), max(size, 1)):
            chunk = [
                x if d is None or size >= count else x[start : start + size]
                for x, d in zip(moved, dims, strict=True)
            ]
            sizes.append(min(size, count - start))
            result, form = _Run(chunk, dims, sizes[-1], randomness).call(func, build, kwargs)
            parts.append(result)
        return _put_together(parts, sizes, form, out_dims)

    return run


def _refused(what: str, **fields: str) -> ArgumentError:
    return ArgumentError(explain(f"func.vmap: {what}", where=user_line(), **fields))


def _dims(args: tuple[Any, ...], leaves: list[Any], in_dims: Any) -> list[int | None]:
    """Which dimension of each leaf counts the examples."""
    given: Any = tuple(in_dims) if isinstance(in_dims, list) else in_dims  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    dims = spread(given, args)
    if dims is None:
        raise _refused(
            "in_dims is not compatible with the structure of inputs",
            got=f"in_dims={in_dims} for {len(args)} arguments",
        )
    found: list[int | None] = []
    for x, d in zip(leaves, dims, strict=True):
        if d is not None and not isinstance(x, Tensor):
            raise _refused(
                f"got in_dim={d} for an input that is no tensor",
                got=type(x).__name__,
                try_="None for it in in_dims",
            )
        found.append(None if d is None else one_axis(d, x.ndim, "func.vmap: in_dims"))
    if all(d is None for d in found):
        raise _refused("at least one input must be mapped over", got=f"in_dims={in_dims}")
    return found


def _count(leaves: list[Any], dims: list[int | None]) -> int:
    sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None}
    if len(sizes) != 1:
        raise ShapeError(
            explain(
                "func.vmap: Expected all tensors to have the same size in the mapped dimension",
                where=user_line(),
                got=", ".join(map(str, sorted(sizes))),
            )
        )
    return sizes.pop()


def _check_tensors(outputs: list[Any]) -> None:
    for y in outputs:
        if not isinstance(y, Tensor):
            raise DTypeError(
                explain(
                    "func.vmap: the function must only return Tensors",
                    where=user_line(),
                    got=type(y).__name__,
                )
            )


Result: TypeAlias = tuple[Tensor, bool]
"""A tensor, and whether its first dimension counts examples: if not, it is the same for all."""


class _Run:
    """One call of a function on tensors that stand for one example."""

    def __init__(
        self, leaves: list[Any], dims: list[int | None], count: int, randomness: str
    ) -> None:
        self._count, self._randomness = count, randomness
        self._began = next_serial()
        self._many: dict[Node, Node] = {}
        self._leaves = list(leaves)
        for k, (x, d) in enumerate(zip(leaves, dims, strict=True)):
            if d is not None:
                node = leaf(x.shape[1:], x.dtype, x.requires_grad)
                self._many[node] = x._node
                self._leaves[k] = wrap(node)

    def call(self, func: Any, build: Any, kwargs: Any) -> tuple[list[Result], Any]:
        """The results for all examples, and the form they have."""
        with self._standing():
            result = func(*build(self._leaves), **kwargs)
            outputs, form = flatten(result)
            _check_tensors(outputs)
            roots = [y._node for y in outputs]
            if self._changed():
                raise _refused(
                    "the function changes an argument in place",
                    try_="x = x.clone() first",
                )
            since = self._began if self._randomness == "different" else None
            found = batched(roots, self._many, self._count, since)
            del result, outputs
            self._leaves.clear()
            _refuse_kept(list(self._many))
        pairs = zip(roots, found, strict=True)
        return [
            (wrap(root if node is None else node), node is not None) for root, node in pairs
        ], form

    def _changed(self) -> bool:
        """Whether what stands for an argument was changed in place."""
        mine = [x for x in self._leaves if isinstance(x, Tensor) and x._held in self._many]
        return len(mine) < len(self._many) or any(x._version for x in mine)

    @contextmanager
    def _standing(self) -> Generator[None]:
        standing, times, refused = CURRENT.standing, DRAWS.times, DRAWS.refused
        CURRENT.standing = (*standing, *self._many)
        DRAWS.refused = refused or self._randomness == "error"
        if self._randomness == "different":
            DRAWS.times = times * self._count
        try:
            yield
        finally:
            CURRENT.standing, DRAWS.times, DRAWS.refused = standing, times, refused


def _refuse_kept(stands: Sequence[Node]) -> None:
    """Raise if a tensor that belongs to one example has got elsewhere: it can have no value."""
    mine = set(stands)
    before, CURRENT.standing = CURRENT.standing, tuple(mine)
    try:
        for attempt in (0, 1):
            pending = [t for t in alive_pending() if t._held not in mine]
            kept = [t for t in pending if CURRENT.stands(t._held)]
            del pending
            if not kept:
                return
            if not attempt:
                del kept
                gc.collect()
            else:
                raise TraceError(
                    explain(
                        "func.vmap: the function keeps a tensor, or changes another one",
                        where=user_line(),
                        got=f"{kept[0]._held!r}, made at {describe(kept[0]._held.origin)}",
                        try_="return it",
                    )
                )
    finally:
        CURRENT.standing = before


def _put_together(parts: list[list[Result]], sizes: list[int], form: Any, out_dims: Any) -> Any:
    """The results of all chunks, with the examples where they are wanted."""
    columns = [list(rows) for rows in zip(*parts, strict=True)]
    dims = spread(out_dims, form([None] * len(columns)))
    if dims is None:
        raise _refused("out_dims is not compatible with the structure of outputs")
    return form([_placed(rows, sizes, d) for rows, d in zip(columns, dims, strict=True)])


def _placed(rows: list[Result], sizes: list[int], dim: int | None) -> Tensor:
    if dim is None:
        if any(many for _, many in rows):
            raise _refused("an output cannot have out_dims=None: it differs between examples")
        return rows[0][0]
    all_ = [
        y if many else wrap(repeated(y._node, n)) for (y, many), n in zip(rows, sizes, strict=True)
    ]
    joined = all_[0] if len(all_) == 1 else cat(all_)
    return joined.movedim(0, one_axis(dim, joined.ndim, "func.vmap: out_dims"))

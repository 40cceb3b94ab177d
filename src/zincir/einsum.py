"""Einstein's sums, lowered to views and matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.operations.arithmetic import cast, common
from zincir.operations.layout import diagonal
from zincir.operations.movement import expand, permute, reshape, sum_
from zincir.operations.products import matmul
from zincir.types import int64, size

Term = tuple[Node, str]
"""A node, and a letter for each of its axes."""


def einsum(equation: str, operands: Sequence[Node]) -> Node:
    """The sum of products that `equation` names, such as `bik,bkj->bij`, in the common type."""
    inputs, output = _parsed(equation, operands)
    if len({x.dtype for x in operands}) > 1:
        operands = common(*operands)
    terms = [_without_repeats(x, letters) for x, letters in zip(operands, inputs, strict=True)]
    _check_sizes(equation, terms)
    missing = set(output) - set("".join(inputs))
    if missing or len(set(output)) != len(output):
        raise _wrong(equation, f"output subscripts {output!r}")
    current = terms[0]
    for k, term in enumerate(terms[1:], 1):
        wanted = set(output).union(*[letters for _, letters in terms[k + 1 :]])
        current = _product(current, term, wanted)
    x, letters = _summed(current, set(output))
    return permute(x, tuple(letters.index(c) for c in output))


def rearranged(equation: str, x: Node) -> tuple[int, ...] | None:
    """The axes of the one operand in their new order, if the equation does nothing else to it."""
    (letters,), output = _parsed(equation, [x])
    if len(set(letters)) != len(letters) or sorted(letters) != sorted(output):
        return None
    return tuple(letters.index(c) for c in output)


def _wrong(equation: str, got: str) -> ArgumentError:
    return ArgumentError(
        explain(
            f"einsum: cannot read the equation {equation!r}",
            where=user_line(),
            expected="letters for each operand, parted by commas, then -> and the output",
            got=got,
        )
    )


def _parsed(equation: str, operands: Sequence[Node]) -> tuple[list[str], str]:
    """Letters of every operand and of the output; those of an ellipsis become capitals beyond Z."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise _wrong(equation, f"{len(parts)} subscripts for {len(operands)} operands")
    inputs: list[str] = []
    widest = ""
    for part, x in zip(parts, operands, strict=True):
        letters = part.replace("...", "")
        if not (letters.isalpha() or not letters) or part.count("...") > 1:
            raise _wrong(equation, part)
        hidden = x.ndim - len(letters)
        if hidden < 0 or (hidden and "..." not in part):
            raise ShapeError(
                explain(
                    f"einsum: {part!r} does not name the axes of its operand",
                    where=user_line(),
                    expected=f"{x.ndim} letters, or an ellipsis",
                    got=f"{part!r} for {x.shape}",
                )
            )
        filled = "".join(chr(0x400 + i) for i in reversed(range(hidden)))
        widest = max(widest, filled, key=len)
        inputs.append(part.replace("...", filled))
    if not arrow:
        every = "".join(inputs)
        right = widest + "".join(sorted(c for c in set(every) - set(widest) if every.count(c) == 1))
    return inputs, right.replace("...", widest)


def _without_repeats(x: Node, letters: str) -> Term:
    for c in letters:
        while letters.count(c) > 1:
            a = letters.index(c)
            b = letters.index(c, a + 1)
            if x.shape[a] != x.shape[b]:
                raise ShapeError(
                    explain(
                        "einsum: a repeated subscript has two sizes",
                        where=user_line(),
                        got=f"{c!r}: {x.shape[a]} and {x.shape[b]}",
                    )
                )
            x = diagonal(x, 0, a, b)
            letters = letters[:a] + letters[a + 1 : b] + letters[b + 1 :] + c
    return x, letters


def _check_sizes(equation: str, terms: Sequence[Term]) -> None:
    sizes: dict[str, int] = {}
    for x, letters in terms:
        for c, n in zip(letters, x.shape, strict=True):
            if sizes.setdefault(c, n) in (1, n):
                sizes[c] = n
            elif n != 1:
                raise ShapeError(
                    explain(
                        f"einsum({equation!r}): subscript {c!r} has two sizes",
                        where=user_line(),
                        expected=f"{c} = {sizes[c]}",
                        got=f"{n}, in {x.shape}",
                    )
                )


def _summed(term: Term, keep: set[str]) -> Term:
    x, letters = term
    axes = tuple(i for i, c in enumerate(letters) if c not in keep)
    left = "".join(c for c in letters if c in keep)
    if axes and x.dtype.category < 2:
        x = cast(x, int64)  # as sums are
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return reshape(sum_(x, axes), shape), left


def _product(a: Term, b: Term, wanted: set[str]) -> Term:
    """Multiply two terms; sum over the letters that nobody wants any more."""
    (x, p), (y, q) = _summed(a, wanted | set(b[1])), _summed(b, wanted | set(a[1]))
    x, y = common(x, y) if x.dtype is not y.dtype else (x, y)
    size_of = {c: n for c, n in zip(p, x.shape, strict=True)}
    for c, n in zip(q, y.shape, strict=True):
        size_of[c] = max(size_of.get(c, n), n) if 0 not in (n, size_of.get(c, n)) else 0
    batch = [c for c in p if c in q and c in wanted]
    inner = [c for c in p if c in q and c not in wanted]
    rows = [c for c in p if c not in q]
    columns = [c for c in q if c not in p]

    def laid_out(node: Node, letters: str, one: list[str], two: list[str]) -> Node:
        full = expand(node, tuple(size_of[c] for c in letters))
        moved = permute(full, tuple(letters.index(c) for c in [*batch, *one, *two]))
        sizes = [[size_of[c] for c in group] for group in (batch, one, two)]
        return reshape(moved, (*sizes[0], size(tuple(sizes[1])), size(tuple(sizes[2]))))

    left, right = laid_out(x, p, rows, inner), laid_out(y, q, inner, columns)
    z = matmul(left, right) if inner else left * right
    letters = [*batch, *rows, *columns]
    return reshape(z, tuple(size_of[c] for c in letters)), "".join(letters)

"""How operations and their derivatives are written.

In templates `{0}` and `{1}` are operands, `{y}` is the result and `{g}` the gradient that arrives.
A formula of a derivative is arithmetic and nothing else, so that a test can compute it.
"""

from __future__ import annotations

from collections.abc import Sequence

FORWARD: dict[str, str] = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}",
    "neg": "-{0}", "reciprocal": "1 / {0}", "pow": "{0} ** {1}", "abs": "|{0}|",
    "maximum": "max({0}, {1})", "minimum": "min({0}, {1})", "where": "{1} where {0}, else {2}",
    "eq": "{0} == {1}", "ne": "{0} != {1}", "lt": "{0} < {1}", "le": "{0} <= {1}",
    "gt": "{0} > {1}", "ge": "{0} >= {1}", "rsqrt": "1 / sqrt({0})", "matmul": "{0} @ {1}",
    "amax": "max({0})", "amin": "min({0})", "exp2": "2 ** {0}", "relu": "relu({0})",
    "variable": "{0}", "alias": "{0}", "unconnected": "{0}", "with_gradient_of": "{0}",
    "attached": "{0}", "detach": "{0}, without gradient", "copy": "{0}", "square": "{0} ** 2",
    "convolution": "{0} convolved with {1}", "take": "rows of {0}", "permute": "{0}, axes turned",
    "reshape": "{0}, reshaped", "expand": "{0}, repeated", "slice": "a part of {0}",
    "custom": "{0}, with a gradient by a rule of its own",
    "windows": "windows of {0}", "sum": "sum({0})", "update": "{0} with {1} written in",
}  # fmt: skip
"""What is not here is written as a function: `tanh({0})`."""

LOCAL: dict[str, Sequence[str]] = {
    "add": ("1", "1"), "sub": ("1", "-1"), "mul": ("{1}", "{0}"), "neg": ("-1",),
    "square": ("2 * {0}",), "div": ("1 / {1}", "-{0} / {1} ** 2"),
    "reciprocal": ("-1 / {0} ** 2",),
    "pow": ("{1} * {0} ** ({1} - 1)", "{y} * log({0})"),
    "exp": ("{y}",), "expm1": ("{y} + 1",), "exp2": ("{y} * log(2)",),
    "log": ("1 / {0}",), "log1p": ("1 / (1 + {0})",),
    "log2": ("1 / ({0} * log(2))",), "log10": ("1 / ({0} * log(10))",),
    "sin": ("cos({0})",), "cos": ("-sin({0})",), "tan": ("1 + {y} ** 2",),
    "atan": ("1 / (1 + {0} ** 2)",), "asin": ("1 / sqrt(1 - {0} ** 2)",),
    "acos": ("-1 / sqrt(1 - {0} ** 2)",), "sinh": ("cosh({0})",), "cosh": ("sinh({0})",),
    "tanh": ("1 - {y} ** 2",), "sigmoid": ("{y} * (1 - {y})",),
    "sqrt": ("1 / (2 * {y})",), "rsqrt": ("-{y} / (2 * {0})",), "abs": ("sign({0})",),
    "erf": ("2 / sqrt(pi) * exp(-{0} ** 2)",), "copy": ("1",), "variable": ("1",), "alias": ("1",),
}  # fmt: skip

IN_WORDS: dict[str, Sequence[str]] = {
    "relu": ("1 where {0} > 0, else 0",),
    "where": ("", "1 where {0}, else 0", "0 where {0}, else 1"),
    "maximum": ("1 where {0} is the larger, else 0", "1 where {1} is the larger, else 0"),
    "minimum": ("1 where {0} is the smaller, else 0", "1 where {1} is the smaller, else 0"),
}
"""Derivatives that are no arithmetic."""

RULES: dict[str, Sequence[str]] = {
    "matmul": ("{g} @ {1}^T", "{0}^T @ {g}"),
    "sum": ("{g}, to each element",),
    "expand": ("{g}, added up over what was repeated",),
    "reshape": ("{g}, in the old shape",),
    "permute": ("{g}, axes turned back",),
    "slice": ("{g} where the part was, 0 elsewhere",),
    "windows": ("{g}, added up where windows overlap",),
    "take": ("{g}, added to the rows that were picked",),
    "amax": ("{g}, to the largest",),
    "amin": ("{g}, to the smallest",),
    "convolution": ("{g} convolved with {1}, turned round", "{0} convolved with {g}"),
    "update": ("{g}, 0 where it was written over", "{g} where it was written"),
    "with_gradient_of": ("", "{g}"),
}
"""How the gradient passes through what is not element by element."""

OPERATIONS_WITH_PARENTHESES = frozenset("+-*/ ")


def forward(name: str, operands: Sequence[str]) -> str:
    """An operation on named operands.

    >>> forward("mul", ["w", "x"]), forward("tanh", ["z"])
    ('w * x', 'tanh(z)')
    """
    if name == "aside":
        return f"from {', '.join(operands)}, without gradient"
    template = FORWARD.get(name)
    if template is None or f"{{{len(operands)}}}" in template:
        return f"{name}({', '.join(operands)})"
    try:
        return template.format(*operands)
    except IndexError:  # fewer operands than the template has
        return f"{name}({', '.join(operands)})"


def local(name: str, position: int, operands: Sequence[str], result: str) -> str:
    """The derivative of an operation by one of its operands; empty if it has no formula.

    >>> local("mul", 0, ["w", "x"], "p"), local("tanh", 0, ["z"], "a")
    ('x', '1 - a ** 2')
    """
    written = LOCAL.get(name) or IN_WORDS.get(name) or ()
    return written[position].format(*operands, y=result) if position < len(written) else ""


def rule(name: str, position: int, operands: Sequence[str], gradient: str, called: str = "") -> str:
    """How a gradient passes through an operation that is not element by element.

    Args:
        called: what people call the operation, if it is not by `name`.

    >>> rule("matmul", 1, ["x", "W"], "dL/dz")
    'x^T @ dL/dz'
    """
    written = RULES.get(name, ())
    if position < len(written) and written[position]:
        return written[position].format(*operands, g=gradient)
    return f"{gradient}, by {called or f'the rule of {name}'}"


def enclosed(text: str) -> str:
    """A factor: in parentheses, unless it is one name or number.

    >>> enclosed("-4"), enclosed("1 - a ** 2"), enclosed("x1")
    ('(-4)', '(1 - a ** 2)', 'x1')
    """
    return f"({text})" if OPERATIONS_WITH_PARENTHESES & set(text) else text

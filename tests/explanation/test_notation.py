"""Formulas of derivatives are computed, and compared with what the rule of the operation gives."""

import math

import numpy as np
import pytest

import zincir
from zincir.explanation import notation
from zincir.graph.node import apply
from zincir.graph.primitive import REGISTRY
from zincir.tensor import from_array, wrap

WORDS = {
    **{f: getattr(np, f) for f in ("log", "cos", "sin", "cosh", "sinh", "sqrt", "exp", "sign")},
    "pi": math.pi,
}
COMPUTED = sorted(set(notation.LOCAL) - {"square"})


def points(name: str) -> list[float]:
    op = REGISTRY[name]
    count = len(notation.LOCAL[name])
    ranges = [*op.domain, *[op.domain[-1]] * count][:count]
    return [low + (high - low) * (0.31 + 0.37 * i) for i, (low, high) in enumerate(ranges)]


@pytest.mark.parametrize("name", COMPUTED)
def test_a_formula_is_the_derivative(name: str):
    at = points(name)
    xs = [from_array(np.array(x), True) for x in at]
    y = wrap(apply(REGISTRY[name], *[x._node for x in xs]))
    found = zincir.explain(y * 2.0, names={f"a{i}": x for i, x in enumerate(xs)})
    result = found.steps[-2]
    for use in found.chain.inputs_of[result.number]:
        operands = [f"({x})" for x in at]
        formula = notation.local(name, use.positions[0], operands, f"({y.item()})")
        assert eval(formula, dict(WORDS)) == pytest.approx(use.local.single, rel=1e-9)
        assert use.formula


def test_a_square_is_written_as_one():
    x = zincir.tensor(3.0, requires_grad=True)
    found = zincir.explain(x * x, names={"x": x})
    (use,) = found.chain.uses
    assert (found["L"].formula, use.formula, use.local.single) == ("x ** 2", "2 * x", 6)


@pytest.mark.parametrize("name", sorted({*notation.RULES, *notation.IN_WORDS} - {"relu"}))
def test_words_are_for_operations_there_are(name: str):
    assert REGISTRY[name].vjp is not None


def test_what_nobody_has_written_is_a_function():
    assert notation.forward("lgamma", ["x"]) == "lgamma(x)"
    assert notation.forward("cat", ["a", "b", "c"]) == "cat(a, b, c)"
    assert notation.rule("fft", 0, ["a"], "dL/dy") == "dL/dy, by the rule of fft"

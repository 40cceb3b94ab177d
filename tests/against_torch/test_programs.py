"""Random programs of views and changes in place: PyTorch's values and gradients, or an error.

Where PyTorch raises, an answer is allowed if it is right for the values at that time; where it does
not, ours must be the same.
"""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: NOT compared with it")
pytestmark = pytest.mark.torch

N = 4
VIEWS = {
    "row": lambda t, a: a[a.shape[0] // 2 :],
    "step": lambda t, a: a[::2],
    "transpose": lambda t, a: a.transpose(0, -1),
    "flat": lambda t, a: a.reshape(-1),
    "column": lambda t, a: a[..., :1],
    "axis": lambda t, a: a.unsqueeze(0),
    "alias": lambda t, a: a.view_as(a),
    "detach": lambda t, a: a.detach(),
}
CHANGES = {
    "add": lambda t, a, b: a.add_(1.5),
    "mul": lambda t, a, b: a.mul_(0.5),
    "fill": lambda t, a, b: a.fill_(2.0),
    "add sum": lambda t, a, b: a.add_(b.sum()),
    "mul mean": lambda t, a, b: a.mul_(b.mean()),
    "sin": lambda t, a, b: a.sin_(),
    "first": lambda t, a, b: a.__setitem__(0, 3.0),
    "last": lambda t, a, b: a.__setitem__(-1, b.sum() * 0.1),
    "quietly": lambda t, a, b: quietly(t, a),
}
USES = {
    "square": lambda t, a, b: (a * a).sum(),
    "product": lambda t, a, b: (a * b.sum()).sum(),
    "exp": lambda t, a, b: a.exp().sum(),
    "plain": lambda t, a, b: a.sum(),
}


def quietly(t, a):
    with t.no_grad():
        a.mul_(1.25)


STEP = st.tuples(
    st.sampled_from([*[("view", v) for v in VIEWS], *[("change", c) for c in CHANGES],
                     *[("use", u) for u in USES]]),
    st.integers(0, 5), st.integers(0, 5),
)  # fmt: skip


def run(t, steps):
    x = t.tensor(np.linspace(0.1, 0.9, N * 2).reshape(2, N), requires_grad=True)
    tensors = [x * 1.0]
    loss = (x * 2).sum()
    for (kind, name), i, j in steps:
        a, b = tensors[i % len(tensors)], tensors[j % len(tensors)]
        if kind == "view":
            tensors.append(VIEWS[name](t, a))
        elif kind == "change":
            CHANGES[name](t, a, b)
        else:
            loss = loss + USES[name](t, a, b)
    for a in tensors:
        loss = loss + a.sum()
    loss.backward()
    return [x.grad.numpy(), *[a.detach().numpy() for a in tensors]]


@settings(max_examples=200)
@given(st.lists(STEP, max_size=8))
def test_programs(steps):
    try:
        theirs = run(torch, steps)
    except RuntimeError:
        theirs = None
    if theirs is None:
        try:
            run(zincir, steps)
        except RuntimeError:
            return
        return
    ours = run(zincir, steps)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-9)

"""A prediction of the next element looks at it.

Where the targets are the inputs moved by one, each place may look at what stands before it.
Without a causal mask it sees the answer: the loss falls towards 0, and the net can predict
nothing.

Exact: the last input is changed, and the outputs before it must not change.

When it is not this: nets that fill gaps, or look at a text as a whole, may look both ways; the
rule is asked only where targets are the inputs moved by one.

References: Karpathy, "A Recipe for Training Neural Networks"; Vaswani et al. (2017), section
3.2.3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.creation import from_numpy
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Array, Rehearsal
from zincir.doctor.rule import Found, rule

TOLERANCE = 1e-5
"""Of the largest output: rounding."""


@rule(
    "S20",
    "future_leak",
    Severity.ERROR,
    reads=Rehearsal,
    cause="a missing causal mask, or a mask that is off by one",
    remedies=(
        "scaled_dot_product_attention(..., is_causal=True)",
        "padding of convolutions on the left side alone",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if len(seen.inputs) != 1 or len(seen.targets) != 1 or len(seen.first.outputs) != 1:
        return
    x, y = seen.inputs[0], seen.targets[0]
    if x.dtype.kind != "i" or y.size != x.size or x.ndim != 2 or x.shape[1] < 3:
        return
    y = y.reshape(x.shape)
    form = tuple(seen.first.outputs[0].shape)
    if not np.array_equal(y[:, :-1], x[:, 1:]) or _by_place(np.empty(form), x.shape) is None:
        return
    other = x.copy()
    other[:, -1] = np.where(x[:, -1] == x[0, 0], x[0, 1], x[0, 0])
    before, after = (
        _by_place(seen.again(from_numpy(z), training=False, with_loss=False).arrays()[0], x.shape)
        for z in (x, other)
    )
    assert before is not None
    assert after is not None
    change = np.abs(before[:, :-1] - after[:, :-1]).max()
    if change > TOLERANCE * max(1e-30, float(np.abs(before).max())):
        yield found(
            "outputs change with an input that stands behind them",
            where=seen.head,
            evidence={"largest change": float(change)},
        )


def _by_place(outputs: Array, form: tuple[int, ...]) -> Array | None:
    """(N, L, classes) of outputs in this form, in PyTorch's of losses (N, classes, L), or (N * L,
    classes); None if they have another one.

    >>> forms = (2, 5, 7), (2, 7, 5), (10, 7), (2, 7)
    >>> shown = [_by_place(np.zeros(form), (2, 5)) for form in forms]
    >>> [None if x is None else x.shape for x in shown]
    [(2, 5, 7), (2, 5, 7), (2, 5, 7), None]
    """
    if outputs.shape[:2] == form:
        return outputs
    if outputs.ndim == 3 and (outputs.shape[0], outputs.shape[2]) == form:
        return outputs.swapaxes(1, 2)
    if outputs.ndim == 2 and len(outputs) == form[0] * form[1]:
        return outputs.reshape(*form, -1)
    return None

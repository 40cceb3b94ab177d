"""Connectionist temporal classification: all ways to read labels off a sequence, summed up.

Two operations that run their NumPy twins: a recurrence over time with few numbers in each step,
whose backward pass is another recurrence and no derivative that rules could give.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ArgumentError, GradientError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations.movement import reshape

Array = np.ndarray[Any, Any]


def _checked(log_probs: Array, targets: Array, times: Array, lengths: Array) -> Array:
    """The labels of each sample, (N, S), 0 behind the last."""
    steps, samples, classes = log_probs.shape
    _within("input_lengths", times, 0, steps)
    if targets.ndim == 1:
        _within("target_lengths", lengths, 0, targets.size)
        if lengths.sum() != targets.size:
            raise ArgumentError(
                explain(
                    "ctc_loss: targets and target_lengths disagree",
                    expected=f"{lengths.sum()} targets, one behind the other",
                    got=f"{targets.size}",
                )
            )
        width = int(lengths.max(initial=0))
        padded = np.zeros((samples, width), np.int64)
        padded[np.arange(width) < lengths[:, None]] = targets
    else:
        _within("target_lengths", lengths, 0, targets.shape[1])
        padded = targets.astype(np.int64)
    used = np.arange(padded.shape[1]) < lengths[:, None]
    _within("targets", padded[used], 0, classes - 1)
    return np.where(used, padded, 0)


def _within(name: str, values: Array, low: int, high: int) -> None:
    if values.size and not (low <= values.min() and values.max() <= high):
        raise ArgumentError(
            explain(
                f"ctc_loss: {name} are out of range",
                expected=f"{low} to {high}",
                got=f"{values.min()} to {values.max()}",
            )
        )


def _states(labels: Array, blank: int) -> tuple[Array, Array]:
    """Labels with blanks around each, and where a state may be entered over a blank."""
    path = np.full((len(labels), 2 * labels.shape[1] + 1), blank, np.int64)
    path[:, 1::2] = labels
    skips = np.zeros(path.shape, bool)
    skips[:, 2:] = path[:, 2:] != path[:, :-2]  # never from blank to blank
    return path, skips


def _entered(before: Array, skips: Array) -> Array:
    """For each state, the sum (of exponentials) over all states that lead to it."""
    one, two = np.full_like(before, -np.inf), np.full_like(before, -np.inf)
    one[:, 1:] = before[:, :-1]
    two[:, 2:] = np.where(skips[:, 2:], before[:, :-2], -np.inf)
    return np.logaddexp(np.logaddexp(before, one), two)


def _prefixes(emitted: Array, skips: Array) -> Array:
    """For each time and state, the logarithm of the probability of all ways to be there."""
    sums = np.full(emitted.shape, -np.inf)
    sums[:1, :, :2] = emitted[:1, :, :2]
    for t in range(1, len(sums)):
        sums[t] = _entered(sums[t - 1], skips) + emitted[t]
    return sums


def _ways(
    log_probs: Array, targets: Array, times: Array, lengths: Array, blank: int
) -> tuple[Array, Array, Array, Array]:
    """Negative log-likelihoods (N,); prefix sums (T, N, P); emissions of states; states."""
    labels = _checked(log_probs, targets, times, lengths)
    path, skips = _states(labels, blank)
    # States behind the last one of a sample are never left towards it: they need no mask.
    emitted = np.take_along_axis(log_probs, path[None], 2).astype(np.float64)
    sums = _prefixes(emitted, skips)
    rows = np.arange(len(path))
    if not len(sums):
        return np.where(lengths == 0, 0.0, np.inf), sums, emitted, path
    end = sums[np.maximum(times - 1, 0), rows]
    last = end[rows, 2 * lengths]
    label = np.where(lengths > 0, end[rows, np.maximum(2 * lengths - 1, 0)], -np.inf)
    loss = -np.logaddexp(last, label)
    return np.where(times > 0, loss, np.where(lengths == 0, 0.0, np.inf)), sums, emitted, path


def _loss(
    log_probs: Array, targets: Array, times: Array, lengths: Array, blank: int, forgiving: bool
) -> Array:
    with np.errstate(all="ignore"):
        loss = _ways(log_probs, targets, times, lengths, blank)[0]
    loss = np.where(np.isposinf(loss), 0.0, loss) if forgiving else loss
    return loss.astype(log_probs.dtype)


def _slope(
    log_probs: Array, targets: Array, times: Array, lengths: Array, blank: int, forgiving: bool
) -> Array:
    """What `log_softmax` makes the gradient of logits: probabilities less their shares of ways."""
    with np.errstate(all="ignore"):
        loss, sums, emitted, path = _ways(log_probs, targets, times, lengths, blank)
        shares = np.exp(sums + _suffixes(emitted, path, times, lengths, blank) + loss[:, None])
        of_class = np.zeros(log_probs.shape)
        t, n = np.ogrid[: len(sums), : len(path)]
        np.add.at(of_class, (t[..., None], n[..., None], path[None]), shares)
        slope = np.exp(log_probs.astype(np.float64)) - of_class
    lost = np.isposinf(loss)
    slope[:, lost] = 0.0 if forgiving else np.nan
    slope[np.arange(len(sums))[:, None] >= times] = 0.0
    return slope.astype(log_probs.dtype)


def _suffixes(emitted: Array, path: Array, times: Array, lengths: Array, blank: int) -> Array:
    """For each time and state, all ways on from there to the end, without its own emission."""
    sums = np.full(emitted.shape, -np.inf)
    place = np.arange(path.shape[1])
    final = (place == 2 * lengths[:, None]) | (
        (place == 2 * lengths[:, None] - 1) & (lengths[:, None] > 0)
    )
    # Backwards, a path is one through the reversed states.
    _, skips = _states(path[:, ::-1][:, 1::2], blank)
    for t in range(len(sums) - 1, -1, -1):
        if t + 1 < len(sums):
            onward = (sums[t + 1] + emitted[t + 1])[:, ::-1]
            sums[t] = _entered(onward, skips)[:, ::-1]
        sums[t] = np.where((times - 1 == t)[:, None], np.where(final, 0.0, -np.inf), sums[t])
    return sums


def _vjp(g: Node, y: Node, *args: Any) -> tuple[Node | None, ...]:
    log_probs, targets, times, lengths, blank, forgiving = args
    slope = apply(slope_p, log_probs, targets, times, lengths, attrs=(blank, forgiving))
    return reshape(g, (1, g.shape[0], 1)) * slope, None, None, None


def _refuse_second(g: Node, y: Node, *args: Any) -> None:
    raise GradientError(
        explain(
            "ctc_loss: its gradient has no gradient",
            where=user_line(),
            try_="backward() without create_graph",
        )
    )


def _loss_spec(log_probs: Spec, *rest: Any) -> Spec:
    return log_probs[0][1:2], log_probs[1]


loss_p = register(
    Primitive(
        "ctc_loss",
        Kind.HOST,
        doc="Negative log-likelihoods of labels; its gradient is that which `log_softmax` expects.",
        infer=_loss_spec,
        numpy=_loss,
        vjp=_vjp,
        attrs=("blank", "forgiving"),
    )
)

slope_p = register(
    Primitive(
        "ctc_slope",
        Kind.HOST,
        doc="How `ctc_loss` changes with the logits behind its log-probabilities.",
        infer=lambda log_probs, *rest: log_probs,
        numpy=_slope,
        vjp=_refuse_second,
        attrs=("blank", "forgiving"),
    )
)


def ctc(
    log_probs: Node, targets: Node, times: Node, lengths: Node, blank: int, forgiving: bool
) -> Node:
    """-log of the probability of each sample's labels, (N,), from log_probs (T, N, C)."""
    return apply(loss_p, log_probs, targets, times, lengths, attrs=(blank, forgiving))

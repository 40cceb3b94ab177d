"""Experiments: what a rule finds out about a rehearsed model by runs of its own, when it asks.

All of them are private, as the rehearsal is; nobody pays for what no rule asks for.
"""

from __future__ import annotations

import numpy as np

from zincir.doctor.by_heart import ByHeart, by_heart, stepped
from zincir.doctor.own_gradients import Slope, slopes
from zincir.doctor.rehearsal import Rehearsal, as_tensors_of
from zincir.nn import Module


def learnt_by_heart(seen: Rehearsal) -> ByHeart | None:
    """A private copy, trained on a few samples; None if that is not wanted, cannot be done, or did
    not come to an end in time.
    """
    sound = seen.problem is None and np.isfinite(seen.loss)
    if not seen.seconds or not sound or not any(p.reached for p in seen.parts):
        return None
    return by_heart(seen.model, seen.loss_function, seen.x, seen.y, seen.classes, seen.seconds)


def own_gradients(seen: Rehearsal) -> list[Slope]:
    """The gradients of functions that bring their own, compared with differences."""
    return slopes(seen.model, seen.first.functions)


def is_blind(seen: Rehearsal) -> bool:
    """Whether the outputs are the same to the bit when each sample gets another one's inputs: in
    both modes, and after a step that changes each parameter a little. Only where each sample has
    finite outputs of its own: a mean over the batch does not depend on the order by nature.
    """
    moved = as_tensors_of(seen.x, lambda a: np.roll(a, 1, axis=0), seen.samples)
    if moved is None or not seen.first.outputs:
        return False

    def same(model: Module, *, training: bool) -> bool:
        a, b = (
            seen.again(z, training=training, with_loss=False, model=model).arrays()
            for z in (seen.x, moved)
        )
        own = all(p.ndim and len(p) == seen.samples and np.isfinite(p).all() for p in a)
        return own and all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))

    if not all(same(seen.model, training=mode) for mode in (False, True)):
        return False
    changed = stepped(seen.model, [p.gradient for p in seen.parts])
    return changed is None or same(changed, training=True)

"""What a loss is for an answer that does not look at the input.

Such an answer is the same for all samples; the best one is a mean of the targets, or the share that
each class has. Nothing was learnt where a loss is no better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zincir.doctor.anatomy import Anatomy
from zincir.doctor.forms import Softmax, bare, is_number, labels_of, softmaxes
from zincir.graph.node import Node
from zincir.types import Shape, bool_

Array: TypeAlias = np.ndarray[Any, Any]
MOST_CLASSES = 1000
"""Whose samples are counted: more are words of a text, which come in the order of the text."""
MOST_COLUMNS = 4096
"""Numbers in a target, of which means are kept."""
FEWEST = 64
"""Targets, below which nothing is said of how they are distributed."""


@dataclass(frozen=True)
class Aim:
    """What outputs are compared with, and how: the form of a loss that is a mean over samples.

    Attributes:
        form: classes (a cross-entropy), squares (of differences), entropies (of probabilities, each
            for itself), or mixed: something else that has a cross-entropy in it.
        factor: what the mean is multiplied by.
        columns: the classes, or how many numbers a target has.
        weighted: samples do not count alike.
    """

    form: str
    factor: float
    columns: int
    weighted: bool = False

    def guess(self, targets: Array | None) -> float | None:
        """What the best answer gives that is the same for all samples; None if it is not known.

        Args:
            targets: of classes, how many samples there are of each; of numbers three rows: how many
                there are in each column, their sum and that of their squares. None: not known.

        >>> Aim("classes", 1.0, 4).guess(None) == math.log(4)
        True
        >>> float(Aim("classes", 1.0, 2).guess(np.array([900, 100]))) < 0.33
        True
        >>> Aim("squares", 2.0, 1).guess(np.array([[64.0], [64.0], [128.0]]))  # mean 1, variance 1
        2.0
        >>> Aim("entropies", 1.0, 1).guess(np.array([[64.0], [64.0], [64.0]]))  # all of them 1
        """
        if self.factor <= 0 or self.form == "mixed":
            return None
        if self.form == "classes":
            equal = math.log(self.columns)
            if targets is None or self.weighted or targets.sum() < FEWEST:
                return self.factor * equal
            return self.factor * min(equal, _entropy_of_counts(targets)) or None
        if targets is None or targets[0].sum() < FEWEST:
            return None
        count, total, squares = targets
        means = total / count
        spread = squares / count - means * means
        around = np.where(spread > 1e-9 * squares / count, spread, 0.0)
        if not around.any():  # all the same, as for one side of a game: nothing is to be told apart
            return None
        if self.form == "squares":
            return self.factor * float(around.mean())
        p = np.clip(means, 1e-12, 1 - 1e-12)
        both = -p * np.log(p) - (1 - p) * np.log1p(-p)
        return self.factor * float(both.mean())


def _entropy_of_counts(counts: Array) -> float:
    """The entropy of classes, in nats, with the correction for few samples (Miller 1955)."""
    count = float(counts.sum())
    p = counts[counts > 0] / count
    return float(-(p * np.log(p)).sum()) + (len(p) - 1) / (2 * count)


@dataclass(frozen=True)
class Aimed:
    """An aim, and where its targets are: labels as ones in (..., classes), or the numbers."""

    aim: Aim
    targets: Node | None


def aim_of(loss: Node, body: Anatomy) -> Aimed | None:
    """What the form of a loss says of its targets; None if it is no mean of a known form.

    >>> import zincir
    >>> from zincir.doctor.anatomy import Names, anatomy
    >>> F = zincir.nn.functional
    >>> x = zincir.zeros(2, 4, requires_grad=True)
    >>> def seen(loss):
    ...     found = aim_of(loss._node, anatomy([loss._node], Names({}, {})))
    ...     return found and (found.aim.form, found.aim.factor, found.aim.columns)
    >>> seen(F.cross_entropy(x, zincir.tensor([0, 3]))), seen(3 * F.mse_loss(x, x.detach() + 1))
    (('classes', 1.0, 4), ('squares', 3.0, 4))
    >>> seen(F.binary_cross_entropy_with_logits(x, zincir.ones(2, 4))), seen(x.sum())
    (('entropies', 1.0, 4), None)
    """
    end, factor = _without_factors(loss)
    mean = math.isfinite(factor) and end.op.name == "div" and bare(end.inputs[0]).op.name == "sum"
    found = [s for s in softmaxes(body.order, body.users) if s.logarithm and s.classes > 1]
    if found:
        last = found[-1]
        hit = labels_of(last, body.users) if last.classes <= MOST_CLASSES else None
        alone = mean and body.after.get(last.result) == body.after.get(loss)
        sign = _sign(bare(bare(end.inputs[0]).inputs[0]), last, hit) if alone else 0.0
        form = "classes" if sign else "mixed"
        weighted = not sign or not _counts(end.inputs[1])
        return Aimed(
            Aim(form, (sign or 1.0) * factor if sign else 1.0, last.classes, weighted), hit
        )
    return _of_numbers(bare(end.inputs[0]), end.inputs[1], factor) if mean else None


def _without_factors(loss: Node) -> tuple[Node, float]:
    """What a loss is a multiple of, and the factor: of a mean the division stays."""
    end, factor = bare(loss), 1.0
    while end.inputs:
        inputs = [bare(x) for x in end.inputs]
        numbers = [x for x in inputs if is_number(x)]
        if end.op.name == "neg":
            factor *= -1.0
        elif end.op.name == "mul" and len(numbers) == 1:
            factor *= float(numbers[0].attrs[0])
        elif end.op.name == "div" and numbers == inputs[1:] and inputs[0].op.name != "sum":
            factor /= float(numbers[0].attrs[0]) or math.nan
        else:
            break
        end = next(x for x in inputs if x not in numbers)
    return end, factor


def _sign(term: Node, softmax: Softmax, hit: Node | None) -> float:
    """1 if a term is minus the logarithm of the right class's probability, -1 if it is that itself,
    0 if it is anything else, or times something that is no weight of a class.
    """
    sign = 1.0
    while term.inputs:
        name, inputs = term.op.name, [bare(x) for x in term.inputs]
        if name == "neg":
            sign, term = -sign, inputs[0]
        elif name in ("sum", "take"):  # of one class each
            term = inputs[0]
        elif name == "where":  # of those that are not left out, or the right one
            term = inputs[1]
        elif name == "mul":
            others = [x for x in inputs if not x.needs_grad]
            if len(others) != 1 or not _weighs_classes(others[0], hit):
                return 0.0
            term = next(x for x in inputs if x.needs_grad)
        elif name == "sub":
            return sign if inputs[0] is softmax.result else -sign * (inputs[1] is softmax.result)
        else:
            return 0.0
    return 0.0


def _weighs_classes(node: Node, hit: Node | None) -> bool:
    """Whether a factor is picked by the label."""
    if node.op.name != "sum" or not node.inputs:
        return False
    chosen = bare(node.inputs[0])
    return chosen.op.name == "where" and bool(chosen.inputs) and bare(chosen.inputs[0]) is hit


def _counts(divisor: Node) -> bool:
    """Whether a sum is divided by how many samples there are, or are not left out."""
    several = bare(divisor)
    if several.op.name == "sum" and several.inputs:
        return bare(several.inputs[0]).dtype is bool_
    return is_number(several)


def _of_numbers(term: Node, divisor: Node, factor: float) -> Aimed | None:
    """What a mean is of: squares of differences, or entropies."""
    while term.op.name == "sum" and term.inputs:
        term = bare(term.inputs[0])
    if not is_number(divisor):
        return None
    factor *= math.prod(term.shape) / float(bare(divisor).attrs[0])  # some axes may be added up
    form, target = _squared(term)
    if target is None:
        form, target = _entropy(term)
    if target is None or target.shape != term.shape or target.ndim < 1:
        return None
    columns = math.prod(target.shape[1:])
    if not 0 < columns <= MOST_COLUMNS:
        return None
    return Aimed(Aim(form, factor, columns), target)


def _squared(term: Node) -> tuple[str, Node | None]:
    """The targets of (outputs - targets) ** 2."""
    twice = term.op.name == "mul" and bare(term.inputs[0]) is bare(term.inputs[1])
    if not twice and term.op.name != "square":
        return "", None
    difference = bare(term.inputs[0])
    if difference.op.name != "sub":
        return "", None
    given = [x for x in difference.inputs if not x.needs_grad]
    return "squares", given[0] if len(given) == 1 and not is_number(given[0]) else None


def _entropy(term: Node) -> tuple[str, Node | None]:
    """The targets of a binary cross-entropy: of outputs, or of their logarithms."""
    term = bare(term.inputs[0]) if term.op.name == "neg" else term
    if term.op.name != "add":
        return "", None
    for part in map(bare, term.inputs):
        product = bare(part.inputs[1]) if part.op.name == "sub" else part
        if product.op.name != "mul":
            continue
        given = [x for x in product.inputs if not x.needs_grad]
        if len(given) == 1 and not is_number(given[0]) and _is_entropic(term):
            return "entropies", given[0]
    return "", None


def _is_entropic(term: Node) -> bool:
    """Whether a sum has log(1 + exp(-|x|)) in it, or two products with logarithms."""
    names = [bare(x).op.name for x in term.inputs]
    if "log1p" in names:
        return True
    products = [bare(x) for x in term.inputs if bare(x).op.name == "mul"]
    behind = [bare(y).op.name for x in products for y in x.inputs if y.needs_grad]
    return len(products) == 2 and all(name in ("where", "log", "log1p") for name in behind)


def crossed(body: Anatomy) -> tuple[Shape, Shape] | None:
    """The shapes of outputs and targets, (N, 1) of the one and (N,) of the other, whose differences
    a loss takes all N x N of.

    >>> import zincir
    >>> from zincir.doctor.anatomy import Names, anatomy
    >>> x = zincir.zeros(5, 1, requires_grad=True)
    >>> losses = (x - zincir.ones(5)).square().mean(), (x - zincir.ones(5, 1)).square().mean()
    >>> [crossed(anatomy([loss._node], Names({}, {}))) for loss in losses]
    [((5, 1), (5,)), None]
    """
    for node in body.order:
        if node.op.name != "sub" or len(node.inputs) != 2 or node.ndim != 2:
            continue
        learnt = [x for x in node.inputs if x.needs_grad]
        given = [x for x in node.inputs if not x.needs_grad]
        count = node.shape[0]
        if len(learnt) != 1 or node.shape != (count, count) or count < 2 or is_number(given[0]):
            continue
        forms = _before_expansion(learnt[0]), _before_expansion(given[0])
        flat = (count,), (1, count)
        if forms[0] == (count, 1) and forms[1] in flat:
            return (count, 1), (count,)
        if forms[0] in flat and forms[1] == (count, 1):
            return (count,), (count, 1)
    return None


def _before_expansion(node: Node) -> Shape:
    while node.op.name == "expand" and node.inputs:
        node = node.inputs[0]
    return node.shape

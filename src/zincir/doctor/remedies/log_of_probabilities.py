"""The loss of a model that gives probabilities: the negative logarithm of that of the right class.

The model stays, with its softmax: what it gives means what it meant. Better for numbers far from
the right ones is a model without it (`remove_softmax`), which changes the architecture.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from zincir.autograd import no_grad
from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.tensor import Tensor

SMALLEST = 1e-7
"""A probability below it counts as this: its logarithm stays finite."""


def of_probabilities(loss: Callable[[Tensor, Tensor], Tensor], p: Tensor, y: Tensor) -> Tensor:
    """A cross-entropy of probabilities: log p are logits for them, whatever their sum.

    What the loss ignores, weighs and smooths stays as it is.

    >>> import zincir
    >>> loss = zincir.nn.CrossEntropyLoss()
    >>> of_probabilities(loss, zincir.tensor([[0.5, 0.5]]), zincir.tensor([1])).item()
    0.6931471824645996
    """
    return loss(p.clamp(min=SMALLEST).log(), y)


@remedy("log_of_probabilities", Cost.LOSS, ("softmax_before_cross_entropy",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    require_probabilities(patient)
    loss = functools.partial(of_probabilities, patient.loss)

    def make(patient: Patient) -> None:
        patient.take(loss=loss)

    yield Change(
        "the loss of probabilities",
        make,
        "of_logits = loss\nloss = lambda p, y: of_logits(p.clamp(min=1e-7).log(), y)",
        (loss, loss),
    )


@no_grad()
def require_probabilities(patient: Patient) -> None:
    """Raise NotApplicable if outputs are not probabilities of classes."""
    for x, _ in patient.held[:1]:
        given = patient.predict(x)
        if not isinstance(given, Tensor) or given.ndim < 2:
            raise NotApplicable("the outputs are not one array")
        p = given.numpy()
        if not (p.min() >= 0 and np.allclose(p.sum(1), 1, atol=1e-4)):
            raise NotApplicable("the outputs are no probabilities")

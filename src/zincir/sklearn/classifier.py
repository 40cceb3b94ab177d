"""Classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from zincir.nn.functional import cross_entropy
from zincir.sklearn.estimator import Network
from zincir.sklearn.scikit import ClassifierMixin, check_targets, column_or_1d


class Classifier(ClassifierMixin, Network):
    """A network that tells classes of any type apart, trained with the cross entropy.

    Args:
        hidden_layers: the sizes of the hidden layers.
        activation: after each of them: a name such as "relu", "gelu" or "tanh", or a class.
        module: a network instead: a `zincir.nn.Module`, of which a copy is trained; or a function
            called with the numbers of features and outputs that makes one. It gives logits,
            (batch, classes), for samples of one dimension or more.
        optimizer: the name of a class of `zincir.optim` in small letters, or a function called
            with the parameters and `lr=`.
        learning_rate: its learning rate.
        epochs: how often all samples are seen.
        batch_size: samples for each update.
        early_stopping: whether to keep some samples for validation, to stop when their loss has
            not become smaller for some epochs, and to go back to the best.
        validation_fraction: the part that is kept for it.
        patience: how many epochs.
        standardize: whether features are brought to mean 0 and standard deviation 1; mean and
            deviation are those of the first `fit` or `partial_fit`.
        dtype: "float32", or "float64" for twice the precision at half the speed.
        callbacks: of `zincir.trainer`; copies of them take part.
        random_state: of the first weights, of the order and of all else that is drawn.
        verbose: whether the progress is shown.
        warm_start: whether another `fit` goes on with what was learnt.

    Attributes:
        classes_: the classes, sorted.
        trainer_: the `zincir.Trainer`; its `model` is the network.
        history_: the losses, epoch by epoch.
        n_iter_: the epochs of the last `fit`.
        n_features_in_, feature_names_in_: of the samples.

    Example:
        >>> import numpy as np
        >>> X = np.linspace(-1, 1, 200)[:, None]
        >>> y = np.where(np.abs(X[:, 0]) < 0.5, "in", "out")
        >>> classifier = Classifier((32,), learning_rate=0.01, random_state=0).fit(X, y)
        >>> [str(c) for c in classifier.predict([[0.1], [0.9]])], classifier.score(X, y) > 0.95
        (['in', 'out'], True)
    """

    _loss: ClassVar = cross_entropy
    classes_: Any

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """See all samples once more, from where it stands.

        Args:
            X: samples.
            y: their classes.
            classes: all classes that will come; needed in the first call alone.
            sample_weight: how much each sample counts, taken as they are.

        Returns:
            the estimator.

        Raises:
            ValueError: in the first call `classes` is missing, or it is not what it was, or `y`
                has a class that is none of them.
        """
        if not hasattr(self, "trainer_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit")
            self._announced = np.unique(column_or_1d(classes))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} is not the same as on the last call to partial_fit: "
                f"{self.classes_}"
            )
        try:
            return self._partial_fit(X, y, sample_weight)
        finally:
            self.__dict__.pop("_announced", None)

    def predict_proba(self, X: Any) -> Any:
        """The probabilities of the classes, (n_samples, n_classes)."""
        z = self._predicted(X)
        z = np.exp(z - z.max(1, keepdims=True))
        return z / z.sum(1, keepdims=True)

    def predict_log_proba(self, X: Any) -> Any:
        """Their logarithms, also where a probability is too small for a number."""
        z = self._predicted(X)
        z = z - z.max(1, keepdims=True)
        return z - np.log(np.exp(z).sum(1, keepdims=True))

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample."""
        best = self._predicted(X).argmax(1)
        return self.classes_[best]

    def _targets(self, y: Any, first: bool) -> Any:
        y = column_or_1d(y, warn=True)
        check_targets(y)
        announced = getattr(self, "_announced", None)
        if announced is not None:
            self.classes_ = announced
        elif first:
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise ValueError(
                    "Classifier needs samples of two classes at least; y has one class only: "
                    f"{self.classes_}"
                )
        return _places(self.classes_, y)

    def _outputs(self) -> int:
        return len(self.classes_)

    def _strata(self, y: Any) -> Any:
        return y


def _places(classes: Any, y: Any) -> Any:
    """Where in the sorted classes each label is."""
    places = np.minimum(classes.searchsorted(y), len(classes) - 1)
    strange = classes[places] != y
    if np.any(strange):
        raise ValueError(f"y has classes {np.unique(y[strange])}, which are none of {classes}")
    return places.astype(np.int64)

"""Regressor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from zincir.nn.functional import mse_loss
from zincir.sklearn.estimator import Network
from zincir.sklearn.scikit import RegressorMixin


class Regressor(RegressorMixin, Network):
    """A network that predicts one number for each sample or several, trained with the squared
    error.

    Arguments and attributes are those of `Classifier`, without `classes_`; a `module` gives
    (batch, targets). Targets that are far from the size of 1 are learnt slowly: put it into
    `sklearn.compose.TransformedTargetRegressor` with a `StandardScaler`.

    Example:
        >>> import numpy as np
        >>> X = np.linspace(-1, 1, 200)[:, None]
        >>> y = np.column_stack([X[:, 0] ** 2, -X[:, 0]])
        >>> regressor = Regressor((32,), learning_rate=0.01, random_state=0).fit(X, y)
        >>> regressor.predict([[0.5]]).shape, regressor.score(X, y) > 0.99
        ((1, 2), True)
    """

    _loss: ClassVar = mse_loss

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """See all samples once more, from where it stands; weights are taken as they are.

        Returns:
            the estimator.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """The targets of each sample, in the form that `y` had."""
        found = self._predicted(X)
        return found[:, 0] if self._single else found

    def _targets(self, y: Any, first: bool) -> Any:
        single, y = y.ndim == 1, y.reshape(len(y), -1)
        if first:
            self._single, self._width = single, y.shape[1]
        elif (single, y.shape[1]) != (self._single, self._width):
            raise ValueError(f"y has {y.shape[1]} targets; there were {self._width}")
        return y.astype(np.float64)

    def _outputs(self) -> int:
        return self._width

    def _checks(self) -> dict[str, Any]:
        return {"multi_output": True, "y_numeric": True}

    def __sklearn_tags__(self) -> Any:
        above: Any = super()
        tags: Any = above.__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

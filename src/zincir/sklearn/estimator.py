"""What `Classifier` and `Regressor` have in common: a network that scikit-learn can train."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

from zincir.distributed import SelfComm
from zincir.random import get_rng_state, manual_seed, set_rng_state
from zincir.sklearn.making import WeightedLoss, network, optimizer_of
from zincir.sklearn.scikit import (
    BaseEstimator,
    check_is_fitted,
    check_random_state,
    train_test_split,
    validate_data,
    weights_of,
)
from zincir.tensor import Tensor
from zincir.trainer import EarlyStopping, Trainer
from zincir.trees import flatten


class Network(BaseEstimator):
    """A network with scikit-learn's interface; arguments are said at `Classifier`."""

    _loss: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        hidden_layers: Any = (100,),
        *,
        activation: Any = "relu",
        module: Any = None,
        optimizer: Any = "adam",
        learning_rate: float = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        standardize: bool = False,
        dtype: str = "float32",
        callbacks: Any = (),
        random_state: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.module = module
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.standardize = standardize
        self.dtype = dtype
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    # What the kinds of estimators say -----------------------------------------------------------

    def _targets(self, y: Any, first: bool) -> Any:
        """The targets as the loss wants them, `y` as scikit-learn checked it; `first` when the
        network is new.
        """
        raise NotImplementedError

    def _outputs(self) -> int:
        """The number of outputs of the network."""
        raise NotImplementedError

    def _checks(self) -> dict[str, Any]:
        """Arguments of scikit-learn's check of X and y."""
        return {}

    # Training -----------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train from the beginning; with `warm_start` from where it stands.

        Args:
            X: samples, (n_samples, n_features): an array or a data frame.
            y: what is predicted.
            sample_weight: how much each sample counts; the weights are divided by their mean.

        Returns:
            the estimator.

        Raises:
            ValueError: X, y or an argument are not what is said.
        """
        new = not (self.warm_start and hasattr(self, "trainer_"))
        x, targets, weight = self._checked(X, y, sample_weight, new)
        if weight is not None:
            weight = weight / weight.mean()
        if new:
            self._begin(x)
        self._train(x, targets, weight, self.epochs)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        new = not hasattr(self, "trainer_")
        x, targets, weight = self._checked(X, y, sample_weight, new)
        if new:
            self._begin(x)
        self._train(x, targets, weight, None)
        return self

    def _checked(self, X: Any, y: Any, weight: Any, first: bool) -> tuple[Any, Any, Any]:
        """Samples, targets and weights of those samples that count."""
        x, y = validate_data(
            self, X, y, reset=first, dtype=np.float64, allow_nd=self.module is not None,
            **self._checks(),
        )  # fmt: skip
        targets = self._targets(y, first)
        if weight is None:
            return x, targets, None
        weight = weights_of(weight, x, dtype=np.float64, ensure_non_negative=True)
        counts = weight > 0
        if not counts.any():
            raise ValueError("all sample_weight are zero: there is not one sample to train with")
        return x[counts], targets[counts], weight[counts]

    def _begin(self, x: Any) -> None:
        """Make the network."""
        self.mean_, self.scale_ = None, None
        if self.standardize:
            self.mean_, deviation = x.mean(0), x.std(0)
            self.scale_ = np.where(deviation > 10 * np.finfo(float).eps, deviation, 1.0)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with _own_numbers():
            manual_seed(seed)
            model = network(
                self.module, self.hidden_layers, self.activation, self.dtype, x.shape[1:],
                self._outputs(),
            )  # fmt: skip
            self._random = get_rng_state()
        self.trainer_ = Trainer(
            model,
            WeightedLoss(type(self)._loss),
            optimizer_of(self.optimizer, model, self.learning_rate),
            callbacks=deepcopy(tuple(self.callbacks)),
            ranks=SelfComm(),
        )
        self.trainer_.seed = seed

    def _train(self, x: Any, y: Any, weight: Any, epochs: int | None) -> None:
        """Train for `epochs`; None for one, without a validation."""
        trainer, whole = self.trainer_, epochs is not None
        given, held = trainer.callbacks, None
        x, targets = self._inputs(x), y if weight is None else (y, weight)
        if self.early_stopping and whole:
            kept, out = self._split(y)
            held = _rows((x, targets), out)
            x, targets = _rows((x, targets), kept)
            trainer.callbacks = type(given)([*given.all, EarlyStopping(self.patience)])
        before = trainer.epoch
        try:
            with _own_numbers():
                set_rng_state(self._random)
                trainer.fit(
                    (x, targets), held, 1 if epochs is None else epochs, self.batch_size,
                    progress=bool(self.verbose),
                )  # fmt: skip
                self._random = get_rng_state()
        finally:
            trainer.callbacks = given
        self.n_iter_ = trainer.epoch - before if whole else trainer.epoch
        self.history_ = trainer.history

    def _split(self, y: Any) -> tuple[Any, Any]:
        """The numbers of the samples for training, and of those for validation."""
        return train_test_split(
            np.arange(len(y)), test_size=self.validation_fraction, random_state=self.trainer_.seed,
            stratify=self._strata(y),
        )  # fmt: skip

    def _strata(self, y: Any) -> Any:
        """What is to be spread evenly over both parts."""
        return None

    @property
    def _numbers(self) -> Any:
        """The type of the network's numbers."""
        return np.dtype(self.trainer_.dtype.numpy)

    # Asking -------------------------------------------------------------------------------------

    def _inputs(self, x: Any) -> Any:
        """Samples as the network wants them."""
        if self.mean_ is not None:
            x = (x - self.mean_) / self.scale_
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(x, dtype=self._numbers)
        if not np.isfinite(x).all():
            raise ValueError(f"X contains a value too large for dtype({self._numbers.name!r})")
        return x

    def _predicted(self, X: Any) -> Any:
        """What the network gives for X, as float64."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64, allow_nd=self.module is not None)
        return self.trainer_.predict(self._inputs(x)).detach().numpy().astype(np.float64)


@contextmanager
def _own_numbers() -> Generator[None]:
    """What is drawn here leaves the default generator as it is."""
    before = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(before)


def _rows(tree: Any, numbers: Any) -> Any:
    """Some rows of arrays."""
    leaves, build = flatten(tree)
    return build([leaf[numbers] for leaf in leaves])

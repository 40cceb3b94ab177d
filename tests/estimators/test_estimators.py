"""`zincir.sklearn`: estimators by scikit-learn's rules, and what they learn."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.trainer import Callback

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

from zincir.sklearn import Classifier, Regressor  # noqa: E402

FAST = {"epochs": 20, "learning_rate": 0.02}


WEIGHTS = "check_sample_weight_equivalence_on_dense_data"


def checks() -> Iterator[Any]:
    for estimator in (Classifier(**FAST), Regressor(**FAST)):
        for _, check in estimator_checks_generator(estimator):
            name = check.func.__name__
            # It compares two orders of adding up to 1e-7 of the value: less than float32 tells.
            given = clone(estimator).set_params(dtype="float64") if name == WEIGHTS else estimator
            yield pytest.param(given, check, id=f"{type(given).__name__}-{name}")


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(clone(estimator))


def test_weights_are_repetitions_in_float32_too() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(15, 4)), rng.integers(0, 3, 15)
    for net, y in ((Classifier(), np.arange(15) % 3), (Regressor(), x[:, 0])):
        net.set_params(random_state=0, **FAST, batch_size=64)
        weighted = clone(net).fit(x, y, sample_weight=weight)
        repeated = clone(net).fit(x.repeat(weight, 0), y.repeat(weight))
        ask = "predict_proba" if hasattr(net, "predict_proba") else "predict"
        found, wanted = (getattr(each, ask)(x) for each in (weighted, repeated))
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def blobs() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = np.repeat(["ape", "bee", "cat"], 40)
    x = rng.normal(size=(120, 4)) + 2 * (y[:, None] == np.array(["ape", "bee", "cat", "dog"]))
    return x, y


def test_classes_of_text(blobs: Any) -> None:
    x, y = blobs
    net = Classifier((16,), random_state=0, **FAST).fit(x, y)
    assert net.classes_.tolist() == ["ape", "bee", "cat"]
    assert net.score(x, y) > 0.85
    p = net.predict_proba(x)
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_allclose(np.log(p), net.predict_log_proba(x))
    assert (net.classes_[p.argmax(1)] == net.predict(x)).all()
    assert net.n_features_in_ == 4
    assert net.n_iter_ == len(net.history_) == 20
    assert net.history_["loss"][-1] < net.history_["loss"][0] / 2


def test_the_same_seed_gives_the_same_bits(blobs: Any) -> None:
    x, y = blobs
    zincir.manual_seed(3)
    state = zincir.get_rng_state()
    net = Classifier((16,), random_state=4, epochs=3)
    first, second = (clone(net).fit(x, y).predict_proba(x) for _ in range(2))
    other = clone(net).set_params(random_state=5).fit(x, y).predict_proba(x)
    assert (first == second).all()
    assert (first != other).any()
    assert (zincir.get_rng_state() == state).all()  # the default generator is as it was


def test_pickle_predicts_the_same_bits_and_goes_on(blobs: Any, tmp_path: Any) -> None:
    joblib = pytest.importorskip("joblib")
    x, y = blobs
    net = Classifier((16,), random_state=0, epochs=3, standardize=True).fit(x, y)
    joblib.dump(net, tmp_path / "net")
    for copy in (pickle.loads(pickle.dumps(net)), joblib.load(tmp_path / "net")):
        assert (copy.predict_proba(x) == net.predict_proba(x)).all()
    copy = pickle.loads(pickle.dumps(net))
    ahead = [n.partial_fit(x, y).predict_proba(x) for n in (net, copy)]
    assert (ahead[0] == ahead[1]).all()


def test_pipeline_search_and_cross_validation(blobs: Any) -> None:
    x, y = blobs
    net = Classifier((16,), random_state=0, epochs=3, learning_rate=0.05)
    assert cross_val_score(net, x, y, cv=3).mean() > 0.8
    pipeline = make_pipeline(StandardScaler(), net)
    grid = {"classifier__hidden_layers": [(8,), (8, 8)]}
    found = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(x, y)
    assert found.best_score_ > 0.7
    again = GridSearchCV(pipeline, grid, cv=2).fit(x, y)
    scores = [each.cv_results_["mean_test_score"].tolist() for each in (found, again)]
    assert scores[0] == scores[1]


def test_data_frames(blobs: Any) -> None:
    pandas = pytest.importorskip("pandas")
    x, y = blobs
    frame = pandas.DataFrame(x, columns=list("abcd"))
    net = Classifier((16,), random_state=0, epochs=3).fit(frame, pandas.Series(y))
    assert net.feature_names_in_.tolist() == list("abcd")
    same = Classifier((16,), random_state=0, epochs=3).fit(x, y)
    assert (net.predict_proba(frame) == same.predict_proba(x)).all()
    with pytest.raises(ValueError, match="feature names"):
        net.predict(frame[list("badc")])


def test_several_targets() -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    y = np.stack([x[:, 0] + x[:, 1], x[:, 2]], 1)
    net = Regressor((32,), random_state=0, epochs=40, learning_rate=0.01).fit(x, y)
    assert net.predict(x).shape == (100, 2)
    assert net.score(x, y) > 0.95
    weighted = clone(net).fit(x, y, sample_weight=np.ones(100))
    np.testing.assert_allclose(weighted.predict(x), net.predict(x), rtol=1e-3, atol=1e-3)


def test_weights_decide() -> None:
    x = np.zeros((20, 1))
    y = np.repeat([0, 1], 10)
    for favoured in (0, 1):
        net = Classifier((4,), random_state=0, epochs=30, learning_rate=0.05)
        net.fit(x, y, sample_weight=np.where(y == favoured, 3.0, 1.0))
        np.testing.assert_allclose(net.predict_proba([[0.0]])[0, favoured], 0.75, atol=0.03)


def test_standardised_inputs() -> None:
    x = np.random.default_rng(0).normal(size=(100, 2)) * [1e-3, 1.0] + [1e6, 0]
    x = np.concatenate([x, np.full((100, 1), 7.0)], 1)
    y = (x[:, 0] > 1e6).astype(int)
    net = Classifier((16,), standardize=True, random_state=0, **FAST).fit(x, y)
    assert net.score(x, y) > 0.95
    assert net.scale_[2] == 1


def test_early_stopping_goes_back_to_the_best(blobs: Any) -> None:
    x, y = blobs
    net = Classifier((32,), early_stopping=True, patience=2, epochs=200, learning_rate=0.1,
                     random_state=0).fit(x, y)  # fmt: skip
    losses = net.history_["val_loss"]
    assert net.n_iter_ == len(losses) < 200
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    again = clone(net).fit(x, y)
    assert again.history_["val_loss"] == losses


def test_partial_fit_and_warm_start_go_on(blobs: Any) -> None:
    x, y = blobs
    whole = Classifier((16,), random_state=0, epochs=4).fit(x, y)
    parts = Classifier((16,), random_state=0)
    for _ in range(4):
        parts.partial_fit(x, y, classes=np.unique(y))
    warm = Classifier((16,), random_state=0, epochs=2, warm_start=True).fit(x, y)
    assert warm.n_iter_ == 2
    warm.fit(x, y)
    for net in (parts, warm):
        assert (net.predict_proba(x) == whole.predict_proba(x)).all()
        assert len(net.history_) == 4
    warm.set_params(warm_start=False).fit(x, y)
    assert len(warm.history_) == 2


class Counting(Callback):
    def __init__(self) -> None:
        self.epochs = 0

    def on_epoch_end(self, trainer: Any, log: Any) -> None:
        self.epochs += 1


def residual(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, outputs))


def test_modules_optimizers_and_callbacks(blobs: Any) -> None:
    x, y = blobs
    counting = Counting()
    sgd = partial(optim.SGD, momentum=0.9)
    made = Classifier(module=residual, optimizer=sgd, callbacks=[counting], random_state=0, **FAST)
    assert made.fit(x, y).score(x, y) > 0.85
    assert made.trainer_.callbacks.all[0].epochs == 20
    assert counting.epochs == 0  # arguments stay as they are
    given = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    before = given[1].weight.detach().numpy().copy()
    images = Classifier(module=given, optimizer="rmsprop", activation=None, **FAST)
    assert images.fit(x.reshape(120, 2, 2), y).score(x.reshape(120, 2, 2), y) > 0.85
    assert (given[1].weight.detach().numpy() == before).all()


def test_what_is_refused(blobs: Any) -> None:
    x, y = blobs
    for arguments, words in (
        ({"optimizer": "adamm"}, "adamw"),
        ({"optimizer": "lbfgs"}, "not known"),
        ({"activation": "rellu"}, "leaky_relu"),
        ({"hidden_layers": (16, 0)}, "above 0"),
        ({"dtype": "float16"}, "float64"),
        ({"module": nn.Linear(4, 2)}, r"\(1, 2\).*\(1, 3\)"),
        ({"module": lambda a, b: None}, "NoneType"),
        ({"epochs": 1.5}, "whole number"),
    ):
        with pytest.raises(ValueError, match=words):
            Classifier(**arguments).fit(x, y)
    with pytest.raises(ValueError, match=r"one class only: \['ape'\]"):
        Classifier().fit(x[:40], y[:40])
    with pytest.raises(ValueError, match=r"zero"):
        Classifier().fit(x, y, sample_weight=np.zeros(120))
    net = Classifier(epochs=1)
    with pytest.raises(ValueError, match="classes must be passed"):
        net.partial_fit(x, y)
    net.partial_fit(x[:40], y[:40], classes=["ape", "bee"])
    with pytest.raises(ValueError, match=r"classes \['cat'\], which are none"):
        net.partial_fit(x, y)
    with pytest.raises(ValueError, match="not the same"):
        net.partial_fit(x, y, classes=["ape", "cat"])
    with pytest.raises(ValueError, match="too large for dtype"):
        net.predict(np.full((1, 4), 1e300))
    regressor = Regressor(epochs=1).partial_fit(x, x)
    with pytest.raises(ValueError, match="y has 1 targets; there were 4"):
        regressor.partial_fit(x, x[:, 0])

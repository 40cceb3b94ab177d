"""Metrics by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from zincir.errors import UnknownName, explain
from zincir.graph.node import user_line
from zincir.metrics.accuracy import Accuracy
from zincir.metrics.bleu import BLEUScore
from zincir.metrics.confusion import ConfusionMatrix
from zincir.metrics.counts import DiceScore, F1Score, JaccardIndex, Precision, Recall
from zincir.metrics.detection import MeanAveragePrecision
from zincir.metrics.likelihood import CalibrationError, LogLoss, Perplexity
from zincir.metrics.metric import Mean, Metric
from zincir.metrics.ranking import AUROC, AveragePrecision
from zincir.metrics.regression import (
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
)

NAMES: Mapping[str, Callable[..., Metric]] = {
    "accuracy": Accuracy,
    "balanced_accuracy": partial(Accuracy, average="macro"),
    "precision": Precision,
    "recall": Recall,
    "f1": F1Score,
    "iou": JaccardIndex,
    "dice": DiceScore,
    "confusion_matrix": ConfusionMatrix,
    "log_loss": LogLoss,
    "calibration_error": CalibrationError,
    "perplexity": Perplexity,
    "roc_auc": AUROC,
    "average_precision": AveragePrecision,
    "mae": MeanAbsoluteError,
    "mse": MeanSquaredError,
    "rmse": RootMeanSquaredError,
    "mape": MeanAbsolutePercentageError,
    "r2": R2Score,
    "bleu": BLEUScore,
    "map": partial(MeanAveragePrecision, only="map"),
    "map_50": partial(MeanAveragePrecision, only="map_50"),
    "mean": Mean,
}

_OTHER_NAMES = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "pr_auc": "average_precision",
    "ece": "calibration_error",
    "jaccard": "iou",
    "miou": "iou",
}


def named(name: str, **settings: Any) -> Metric:
    """The metric that is called `name`, with that name in histories.

    "top5" is the accuracy among the five highest scores, and so for any number. Settings are those
    of the metric's class.

    Raises:
        UnknownName: there is none; the names that come nearest are listed.

    Example:
        >>> named("top5")
        Accuracy(top_k=5, average='micro', threshold=0.5)
        >>> named("f1", average="micro").name
        'f1'
    """
    key = _OTHER_NAMES.get(name, name)
    if key in NAMES:
        return NAMES[key](**{"name": name, **settings})
    among = re.fullmatch(r"top_?([1-9]\d*)(_accuracy)?", name)
    if among:
        top: dict[str, Any] = {"name": name, "top_k": int(among[1])}
        return Accuracy(**{**top, **settings})
    known = [*NAMES, *_OTHER_NAMES, "top5"]
    near = difflib.get_close_matches(name, known, cutoff=0.5)
    raise UnknownName(
        explain(
            f"metrics: there is no metric called {name!r}",
            where=user_line(),
            expected=", ".join(near or known),
        )
    )

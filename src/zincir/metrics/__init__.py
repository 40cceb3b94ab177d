"""Numbers about predictions, over a stream of batches: accuracy, areas under curves, errors."""

from zincir.metrics.accuracy import Accuracy as Accuracy
from zincir.metrics.bleu import BLEUScore as BLEUScore
from zincir.metrics.coco_evaluation import CocoEvaluation as CocoEvaluation
from zincir.metrics.confusion import ConfusionMatrix as ConfusionMatrix
from zincir.metrics.counts import (
    DiceScore as DiceScore,
    F1Score as F1Score,
    FBetaScore as FBetaScore,
    JaccardIndex as JaccardIndex,
    Precision as Precision,
    Recall as Recall,
)
from zincir.metrics.detection import MeanAveragePrecision as MeanAveragePrecision
from zincir.metrics.likelihood import (
    CalibrationError as CalibrationError,
    LogLoss as LogLoss,
    Perplexity as Perplexity,
)
from zincir.metrics.metric import Collected as Collected, Mean as Mean, Metric as Metric
from zincir.metrics.names import named as named
from zincir.metrics.ranking import AUROC as AUROC, AveragePrecision as AveragePrecision
from zincir.metrics.regression import (
    MeanAbsoluteError as MeanAbsoluteError,
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
    MeanSquaredError as MeanSquaredError,
    R2Score as R2Score,
    RootMeanSquaredError as RootMeanSquaredError,
)

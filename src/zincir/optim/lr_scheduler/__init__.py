"""Schedules of learning rates, under PyTorch's names."""

from zincir.optim.lr_scheduler.combined import (
    ChainedScheduler as ChainedScheduler,
    SequentialLR as SequentialLR,
)
from zincir.optim.lr_scheduler.cosine_annealing_lr import CosineAnnealingLR as CosineAnnealingLR
from zincir.optim.lr_scheduler.cosine_annealing_warm_restarts import (
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
)
from zincir.optim.lr_scheduler.cyclic_lr import CyclicLR as CyclicLR
from zincir.optim.lr_scheduler.exponential_lr import ExponentialLR as ExponentialLR
from zincir.optim.lr_scheduler.lambda_lr import (
    LambdaLR as LambdaLR,
    MultiplicativeLR as MultiplicativeLR,
)
from zincir.optim.lr_scheduler.linear_lr import ConstantLR as ConstantLR, LinearLR as LinearLR
from zincir.optim.lr_scheduler.one_cycle_lr import OneCycleLR as OneCycleLR
from zincir.optim.lr_scheduler.polynomial_lr import PolynomialLR as PolynomialLR
from zincir.optim.lr_scheduler.reduce_lr_on_plateau import ReduceLROnPlateau as ReduceLROnPlateau
from zincir.optim.lr_scheduler.scheduler import (
    LRScheduler as LRScheduler,
    _LRScheduler as _LRScheduler,
)
from zincir.optim.lr_scheduler.step_lr import MultiStepLR as MultiStepLR, StepLR as StepLR

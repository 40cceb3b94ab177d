"""Optimizers, under PyTorch's names."""

from zincir.optim.adam import Adam as Adam
from zincir.optim.adamw import AdamW as AdamW
from zincir.optim.optimizer import Optimizer as Optimizer
from zincir.optim.sgd import SGD as SGD

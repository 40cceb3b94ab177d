"""Optimizers, under PyTorch's names."""

from zincir.optim.adagrad import Adagrad as Adagrad
from zincir.optim.adam import Adam as Adam
from zincir.optim.adamw import AdamW as AdamW
from zincir.optim.optimizer import Optimizer as Optimizer
from zincir.optim.rmsprop import RMSprop as RMSprop
from zincir.optim.sgd import SGD as SGD

"""Optimizers, under PyTorch's names."""

from zincir.optim import lr_scheduler as lr_scheduler, swa_utils as swa_utils
from zincir.optim.adadelta import Adadelta as Adadelta
from zincir.optim.adafactor import Adafactor as Adafactor
from zincir.optim.adagrad import Adagrad as Adagrad
from zincir.optim.adam import Adam as Adam
from zincir.optim.adamax import Adamax as Adamax
from zincir.optim.adamw import AdamW as AdamW
from zincir.optim.asgd import ASGD as ASGD
from zincir.optim.lamb import LAMB as LAMB
from zincir.optim.lbfgs import LBFGS as LBFGS
from zincir.optim.lion import Lion as Lion
from zincir.optim.muon import Muon as Muon
from zincir.optim.nadam import NAdam as NAdam
from zincir.optim.optimizer import Optimizer as Optimizer
from zincir.optim.radam import RAdam as RAdam
from zincir.optim.rmsprop import RMSprop as RMSprop
from zincir.optim.rprop import Rprop as Rprop
from zincir.optim.sgd import SGD as SGD
from zincir.optim.sparse_adam import SparseAdam as SparseAdam

"""`torch.utils.tensorboard`: what a training run looks like, in files that TensorBoard reads."""

from zincir.utils.tensorboard.writer import (
    FileWriter as FileWriter,
    SummaryWriter as SummaryWriter,
)

"""`torch.utils.tensorboard`: what a training run looks like, in files that TensorBoard reads."""

from zincir.as_torch.tensorboard.writer import (
    FileWriter as FileWriter,
    SummaryWriter as SummaryWriter,
)

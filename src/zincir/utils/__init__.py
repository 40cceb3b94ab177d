"""PyTorch's name for what stands beside nets: feeding data, running again."""

from zincir.utils import checkpoint as checkpoint, data as data

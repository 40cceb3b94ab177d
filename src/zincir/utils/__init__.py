"""PyTorch's name for what stands beside nets: feeding data."""

from zincir.utils import data as data

"""Tensors and plain containers in files that PyTorch reads, and its files read: `save`, `load`."""

from zincir.serialization.allowed import (
    add_safe_globals as add_safe_globals,
    clear_safe_globals as clear_safe_globals,
    get_safe_globals as get_safe_globals,
    safe_globals as safe_globals,
)
from zincir.serialization.load import load as load
from zincir.serialization.save import save as save

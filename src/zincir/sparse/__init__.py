"""Sparse tensors of coordinates and values: `torch.sparse`."""

from zincir.sparse.functions import (
    addmm as addmm,
    mm as mm,
    softmax as softmax,
    sparse_coo_tensor as sparse_coo_tensor,
    sum as sum,
)

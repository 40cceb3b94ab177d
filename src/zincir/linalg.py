"""Linear algebra: the part that is made of sums and products."""

from zincir.functional import vector_norm as vector_norm

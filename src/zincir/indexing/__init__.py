"""x[...] and the other ways to pick, set and add elements by number: on nodes of the graph."""

from zincir.indexing.along import (
    gather as gather,
    index_add as index_add,
    index_copy as index_copy,
    index_fill as index_fill,
    index_reduce as index_reduce,
    index_select as index_select,
    masked_scatter as masked_scatter,
    put as put,
    scatter as scatter,
    scatter_reduce as scatter_reduce,
    take as take,
    take_along_dim as take_along_dim,
)
from zincir.indexing.brackets import (
    Mask as Mask,
    Plan as Plan,
    basic as basic,
    items_of as items_of,
    known as known,
)
from zincir.indexing.rows import Rows as Rows, check_now as check_now
from zincir.indexing.tensors import in_front as in_front, mask as mask, numbered as numbered

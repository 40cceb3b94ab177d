"""Constants of cost models and limits that were tuned on one machine, with units and commands.

They decide how fast programs are, and never what they mean. All were chosen on two cores of an
Intel Xeon with AVX-512, of which docs/performance.md says more; elsewhere they are a fair guess.
Where a line names a command, that measures the number itself. Where it says "shows in", nothing
does: the value was tried, and rows of `make bench` are where another one would show
(`python -m benchmarks --only conv` runs those of one file).

What is marked *bits* decides how sums are cut or weights are stored, and so the last bits of
results: it has to be the same on every machine.

The waiting of threads has its constants beside its code: `_SPINS` in `runtime/lockstep.py`.
"""

from __future__ import annotations

# --- caches -------------------------------------------------------------------------------------

L1_BYTES = 32 << 10
"""The nearest cache, as any machine has it: `lscpu -C`. A wrong guess costs little."""
L2_BYTES = 1 << 20
"""The cache that a core has for itself: `lscpu -C`. A wrong guess costs little."""

# --- how long work takes: nanoseconds on one thread, for sharing it among threads ---------------

OPERATIONS_PER_NS = 80.0
"""Operations of products in a nanosecond (GFLOP/s): half of what `python -m benchmarks.peak` prints
for one thread, as the other half of a core often works for somebody else."""
HOST_CALL_NS = 1e6
"""A function of NumPy. It was not measured: large, so that others are not kept waiting for it."""
NEST_NS, ROW_NS = 20.0, 5.0
"""Starting a loop nest, and each of its rows. Shows in `--only mlp,rows`."""
INSTRUCTION_NS = 0.5
"""A vector of one value of a nest. Shows in `--only mlp,rows`."""
EXPENSIVE = 12
"""How many times that a value with an exponential or the like takes. Shows in `--only rows`."""
TRANSFORM_NS = 0.5
"""Transforming a channel of a place, see `operations.winograd`. Shows in `--only conv`: VGG."""
GRAIN_NS = 3_000.0
"""Work in a kernel that is worth another thread. Shows in `--only mlp,rl`."""
PROGRAM_GRAIN_NS = 25_000.0
"""Work in a whole program that is worth waking another thread. Shows in `--only rl`."""

# --- matrix products: see `kernels.matmul.model` ------------------------------------------------

# `python -m benchmarks.gemm_tiles` times the tile that is chosen; `--tiles` times others beside it,
# `--threads 2` shows what is about threads. Cycles are those of the model.
BLOCK_A_BYTES, BLOCK_B_BYTES, BLOCK_C_BYTES = 512 << 10, 1 << 20, 512 << 10
"""How much of each matrix is worked on at a time."""
PANEL_BYTES, PANEL_PACKED_BYTES = 192 << 10, 64 << 10
"""A panel of B, and one if A is packed, too. It is longest if A is read in place: then C is seldom
added to."""
PANEL_IN_PLACE_BYTES = 96 << 10
"""A panel of a B that is read in place, by the tiles of all rows again and again."""
FETCH_CYCLES = 0.4
"""For an element from a cache that cores share."""
CROSS_CYCLES = 1.5
"""For an element of C whose row is cut among threads: other kernels give whole rows to a thread,
and so a part of each row is in the cache of another core."""
NEAR_ROW = 1 << 16
"""Elements between rows of A, up to which they are in the code of tiles of one vector. Such a tile
reads as many elements of A as it multiplies; places made of two registers would take the processor
twice as many operations. Other tiles gain nothing by a kernel for each distance."""
PACK_AT_ONCE = 2.0
"""How many times as long packing B takes if several threads do it with the same columns."""
SHARE_CYCLES, PART_CYCLES = 3_000.0, 100_000.0
"""What is worth waking another thread for, and the work of a part if there are many."""
PARTS_PER_THREAD = 8
"""At most; who is quicker takes more of them."""
PREFETCH_K = 16
"""So many rows of B before they are needed, they are fetched into the nearest cache."""

# --- convolutions -------------------------------------------------------------------------------

COLUMN_COSTS = ((64, 0.6), (48, 0.6), (32, 0.69), (16, 0.66))
"""Columns of a tile, and cycles for each multiply-add of a vector in it, with AVX-512:
`python -m benchmarks.gemm_tiles --tiles 6x4,8x3,8x2,16x1`. *bits*"""
SHORT_LINE = 8
"""Places: shorter lines do not fill the rows of a tile. Shows in `--only conv`: ResNet-18."""
WINOGRAD_CHANNELS = 32
"""Fewer do not pay for their transforms: the table of decision 12. *bits*"""
WINOGRAD_TILES, WINOGRAD_TILES_PER_CHANNEL = 64, 0.4
"""Fewer do not pay for the transform of a weight: the table of decision 12. *bits*"""
WINOGRAD_WASTE = 1.5
"""Tiles that reach over the edges may compute so many times the places there are: decision 12.
*bits*"""
WINOGRAD_BLOCK_BYTES = 640 << 10
"""Of a block in transformed shape, which stays in the core's own cache. Shows in `--only conv`."""
WINOGRAD_APART = 16
"""Elements between transformed places, so that they are in different sets of a cache."""
WINOGRAD_COLUMNS = 64
"""Parts of the sums for a weight have at least so many columns. Shows in `--only conv`: VGG."""
WINOGRAD_PARTS, WINOGRAD_PART_TILES = 8, 24
"""So many parts, if each has so many tiles. Shows in `--only conv`: VGG, ResNet-18."""

# --- loop nests and memory ----------------------------------------------------------------------

FREE_MASK_LANES = 16
"""Lanes from which on vectors have mask registers: a loop under a mask costs nothing more. This is
how AVX-512 differs from AVX2."""
ROW_VECTORS, ROW_VALUES = (4, 2), 80
"""Vectors of rows computed side by side, in nests of so few values: more would not stay in
registers. Shows in `--only rows,conv`: layer norm, MobileNet."""
BATCH_TILE_BYTES = 1 << 20
"""Of a tile of the batch, which stays near until the next kernel wants it. Shows in `--only conv`:
MobileNet, U-Net; decision 13 has what came out."""
BATCH_TILES = 8
"""Fewer than these, or than there are threads, do not keep threads busy. Shows in `--only conv`."""
STREAM_BYTES = 8 << 20
"""Of a result that caches would not hold for its next reader: `python -m benchmarks.stores`."""
STREAM_STORE_BYTES = 32
"""Narrower stores fill a cache line too slowly: the same with `ZINCIR_TARGET=generic`."""

"""What was tuned on one machine: constants of cost models and limits, with units and how to measure.

They decide how fast programs are, and never what they mean. Most were chosen on two cores of an Intel
Xeon with AVX-512 (32 kB and 1 to 2 MB of caches for each core); `docs/performance.md` says more of it.
On another machine they are a fair guess; the commands show whether another value is better there. Each
is a row of `make bench` (`python -m benchmarks --only conv` runs those of one file), a benchmark of its
own, or a table in a decision. Those that decide how a sum is cut, marked *bits*, must be the same on
every machine, or results would differ in their last bits.

The threads' waiting has its constants beside its code: `_SPINS` in `runtime/lockstep.py`.
"""

from __future__ import annotations

# --- caches -------------------------------------------------------------------------------------

L1_BYTES = 32 << 10
"""The nearest cache, as any machine has it. `lscpu`; a wrong guess costs little."""
L2_BYTES = 1 << 20
"""The cache that a core has for itself. `lscpu`; a wrong guess costs little."""

# --- how long work takes: nanoseconds on one thread, for sharing it among threads ----------------

OPERATIONS_PER_NS = 80.0
"""Operations of products in a nanosecond (GFLOP/s). About half of what `python -m benchmarks.peak`
prints, as the other half of a core often works for somebody else."""
HOST_CALL_NS = 1e6
"""A function of NumPy. Large, so that a program with one wakes all threads; not measured."""
NEST_NS, ROW_NS = 20.0, 5.0
"""Starting a loop nest, and each of its rows. Chosen by the MLPs of `--only mlp`."""
INSTRUCTION_NS = 0.5
"""A vector of one value of a nest. Chosen as the above."""
EXPENSIVE = 12
"""How many times that a value with an exponential or the like takes. Chosen as the above."""
TRANSFORM_NS = 0.5
"""Transforming a channel of a place, see `ops.winograd`. Chosen by VGG of `--only conv`."""
GRAIN_NS = 3_000.0
"""Work in a kernel that is worth another thread. Chosen by the MLPs of `--only mlp --only rl`."""
PROGRAM_GRAIN_NS = 25_000.0
"""Work in a whole program that is worth waking another thread. Chosen as the above."""

# --- matrix products: cycles of the model in `kernels.matmul.choose` ------------------------------

# All of `python -m benchmarks.gemm_tiles`, with `--threads 2` for those about threads: it times the
# chosen tile beside every other one.
BLOCK_A_BYTES, BLOCK_B_BYTES, BLOCK_C_BYTES = 512 << 10, 1 << 20, 512 << 10
"""How much of each matrix is worked on at a time."""
PANEL_BYTES, PANEL_PACKED_BYTES = 192 << 10, 64 << 10
"""A panel of B; if A is packed as well. It is longest if A is read in place: then C is seldom added
to."""
PANEL_IN_PLACE_BYTES = 96 << 10
"""As much of B in place is read again by the tiles of all rows: more of it would not stay near."""
FETCH_CYCLES = 0.4
"""For an element from a cache that cores share."""
CROSS_CYCLES = 1.5
"""For an element of C whose row is cut among threads: other kernels give whole rows to a thread, and
so half of the row comes from another core."""
NEAR_ROW = 1 << 16
"""Elements between rows of A, up to which tiles of one vector know them in their code. Such a tile
reads as many elements of A as it multiplies; places made of two registers would take the processor
twice as many operations. Other tiles gain nothing by a kernel for each distance."""
PACK_AT_ONCE = 2.0
"""How many times as long packing B takes if several threads do it with the same columns."""
SHARE_CYCLES, PART_CYCLES = 3_000.0, 100_000.0
"""What is worth waking another thread for; and a part's work, if there are many."""
PARTS_PER_THREAD = 8
"""At most, so that who is quicker takes more of them."""
PREFETCH_K = 16
"""How many k ahead a tile asks for A and B."""

# --- convolutions ---------------------------------------------------------------------------------

COLUMN_COSTS = ((64, 0.6), (48, 0.6), (32, 0.69), (16, 0.66))
"""Columns of tiles of products, and cycles that a vector of multiply-adds takes in each: as
`kernels.matmul.choose` has it for AVX-512. *bits*: it says whether rows or columns of a weight's
gradient come first, and so how weights are stored."""
SHORT_LINE = 8
"""Places: shorter lines do not fill the rows of a tile. Chosen by the ResNets of `--only conv`."""
WINOGRAD_CHANNELS = 32
"""Fewer do not pay for their transforms. *bits*; the table of decision 12."""
WINOGRAD_TILES, WINOGRAD_TILES_PER_CHANNEL = 64, 0.4
"""Fewer do not pay for a weight's transform. *bits*; the table of decision 12."""
WINOGRAD_WASTE = 1.5
"""Tiles that reach over the edges may compute so many times the places there are. *bits*; as above."""
WINOGRAD_BLOCK_BYTES = 640 << 10
"""Of a block in transformed shape: it stays in a cache that is the core's own. Chosen by VGG and U-Net
of `--only conv`."""
WINOGRAD_APART = 16
"""Elements between transformed places, so that they are not in the same sets of a cache."""
WINOGRAD_COLUMNS = 64
"""Parts of a gradient's sums have at least so many columns. Chosen by VGG of `--only conv`."""
WINOGRAD_PARTS, WINOGRAD_PART_TILES = 8, 24
"""So many parts, if they have so many tiles. Chosen as the above."""

# --- loop nests and memory ------------------------------------------------------------------------

FREE_MASK_LANES = 16
"""Lanes from which on vectors have mask registers, so that loops under a mask cost nothing more. A
property of AVX-512; `--only rows` shows it."""
ROW_VECTORS, ROW_VALUES = (4, 2), 80
"""Vectors of rows computed side by side, in nests of so few values: more would leave the registers.
Chosen by layer norm and batch norm, `--only rows --only conv`."""
BATCH_TILE_BYTES = 1 << 20
"""Of a tile of the batch that stays near until the next kernel wants it. Chosen by MobileNet and U-Net
of `--only conv`; decision 13 has what came out."""
BATCH_TILES = 8
"""Fewer than these, or than there are threads, do not keep threads busy. Chosen as the above."""
STREAM_BYTES = 8 << 20
"""Of a result that caches would not hold for its next reader either: `python -m benchmarks.streams`."""
STREAM_STORE_BYTES = 32
"""Narrower stores would fill a cache line too slowly: `ZINCIR_TARGET=generic` with the above."""

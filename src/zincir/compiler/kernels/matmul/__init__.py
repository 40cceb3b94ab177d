"""Matrix products: a tile of sums in registers, operands in panels, and the loops around them."""

from zincir.compiler.kernels.matmul.choose import (
    family as family,
    fitting_parts as fitting_parts,
    tiled as tiled,
    tiled_with as tiled_with,
)
from zincir.compiler.kernels.matmul.gemm import gemm_module as gemm_module
from zincir.compiler.kernels.matmul.pack import Packer as Packer
from zincir.compiler.kernels.matmul.tiles import (
    Gemm as Gemm,
    GemmCall as GemmCall,
    TiledGemm as TiledGemm,
    Variant as Variant,
)

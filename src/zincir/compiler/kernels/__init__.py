"""Kernels laid out by hand."""

from zincir.compiler.kernels.choose import (
    family as family,
    fitting_parts as fitting_parts,
    plan as plan,
    plan_variant as plan_variant,
)
from zincir.compiler.kernels.gemm import gemm_module as gemm_module
from zincir.compiler.kernels.pack import Packer as Packer
from zincir.compiler.kernels.tiles import (
    Gemm as Gemm,
    GemmCall as GemmCall,
    GemmPlan as GemmPlan,
    Variant as Variant,
)

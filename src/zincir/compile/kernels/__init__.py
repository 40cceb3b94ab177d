"""Kernels laid out by hand."""

from zincir.compile.kernels.choose import (
    choose as choose,
    family as family,
    plan as plan,
    plan_variant as plan_variant,
)
from zincir.compile.kernels.gemm import gemm_module as gemm_module
from zincir.compile.kernels.pack import Packer as Packer
from zincir.compile.kernels.tiles import (
    Gemm as Gemm,
    GemmCall as GemmCall,
    GemmPlan as GemmPlan,
    Variant as Variant,
)

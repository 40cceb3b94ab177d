"""Gradients: modes, `grad`, custom functions, checks and the search for the first NaN."""

from zincir.autograd import functional as functional
from zincir.autograd.function import (
    Function as Function,
    FunctionCtx as FunctionCtx,
    once_differentiable as once_differentiable,
)
from zincir.autograd.gradcheck import gradcheck as gradcheck, gradgradcheck as gradgradcheck
from zincir.autograd.gradients import (
    backward as backward,
    detect_anomaly as detect_anomaly,
    grad as grad,
    set_detect_anomaly as set_detect_anomaly,
)
from zincir.autograd.modes import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)

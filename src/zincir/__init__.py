"""Neural networks by back-propagation: PyTorch's names, whole training steps in native code."""

from zincir import autograd as autograd
from zincir.autograd import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from zincir.creation import (
    arange as arange,
    empty as empty,
    from_numpy as from_numpy,
    full as full,
    ones as ones,
    ones_like as ones_like,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from zincir.generator import (
    Generator as Generator,
    manual_seed as manual_seed,
    rand as rand,
    randn as randn,
)
from zincir.tensor import Tensor as Tensor
from zincir.types import (
    bool_ as bool,
    float32 as float32,
    float64 as float64,
    int32 as int32,
    int64 as int64,
    uint8 as uint8,
)

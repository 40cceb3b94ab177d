"""`torch._C`: the switches of PyTorch's binaries that scripts touch. They change nothing."""

from __future__ import annotations

from typing import Any

from zincir.as_torch.storages import PyTorchFileReader as PyTorchFileReader
from zincir.generator import Generator as Generator
from zincir.tensor import Tensor

TensorBase = _TensorBase = Tensor
_TensorMeta = type(Tensor)


def _switch(*args: Any, **options: Any) -> bool:
    return False


_jit_set_profiling_executor = _jit_set_profiling_mode = _jit_set_texpr_fuser_enabled = _switch
_jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _switch
_jit_set_nvfuser_enabled = _jit_set_bailout_depth = _set_graph_executor_optimize = _switch
_get_tracing_state = _is_tracing = _log_api_usage_once = _switch

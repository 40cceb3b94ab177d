"""Settings of PyTorch's compiler: they can be made, and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

cache_size_limit = recompile_limit = accumulated_cache_size_limit = 8
suppress_errors = verbose = capture_scalar_outputs = False
optimize_ddp = automatic_dynamic_shapes = True
triton = SimpleNamespace(cudagraphs=False, unique_kernel_names=False)
cpp = SimpleNamespace(threads=-1)

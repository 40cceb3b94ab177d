"""`torch.backends.cuda`: NVIDIA's GPUs, of which there are none."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    fp32_precision="none",
)
cufft_plan_cache = SimpleNamespace(size=0, max_size=0)


def is_built() -> bool:
    """False."""
    return False


def flash_sdp_enabled() -> bool:
    """Whether attention may be computed in one of several ways: there is one here."""
    return True


mem_efficient_sdp_enabled = math_sdp_enabled = cudnn_sdp_enabled = flash_sdp_enabled


def enable_flash_sdp(enabled: bool) -> None:
    """Chooses how attention is computed: there is one way here."""


enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = enable_flash_sdp


@contextlib.contextmanager
def sdp_kernel(*args: Any, **options: Any) -> Any:
    """A context without effect: attention is computed in one way."""
    yield

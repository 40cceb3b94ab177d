"""`torch.cuda.amp`: mixed precision on a GPU, which is off where there is none."""

from __future__ import annotations

from typing import Any

from zincir.as_torch import amp
from zincir.as_torch.amp import custom_bwd as custom_bwd, custom_fwd as custom_fwd


class autocast(amp.autocast):
    """A context without effect: there is no GPU."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """Leaves losses and gradients as they are: there is no GPU."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )

"""`torch.version`: what PyTorch was built with."""

from __future__ import annotations

from zincir.as_torch.root import __version__ as __version__

cuda: str | None = None
hip: str | None = None
xpu: str | None = None
git_version = "zincir"
debug = False

"""What `torch.nn` has besides layers."""

from __future__ import annotations

from zincir.as_torch.parallel import DataParallel as DataParallel

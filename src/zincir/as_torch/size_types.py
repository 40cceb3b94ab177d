"""`torch.nn.common_types` and `torch.types`: names for annotations."""

from __future__ import annotations

from typing import Any

from zincir.device import Device as _Device
from zincir.size import Size as _Size
from zincir.tensor import Tensor as Tensor
from zincir.types import DType as _DType

Number = int | float | bool
Device = _Device | str | int | None
FileLike = Any
_int, _float, _bool = int, float, bool
_dtype, _device = _DType, _Device
_size = _Size | list[int] | tuple[int, ...]
_TensorOrTensors = Tensor | tuple[Tensor, ...]
_TensorOrTensorsOrGradEdge = _TensorOrTensors

_size_any_t = int | tuple[int, ...]
_size_1_t = int | tuple[int]
_size_2_t = int | tuple[int, int]
_size_3_t = int | tuple[int, int, int]
_size_4_t = int | tuple[int, int, int, int]
_size_6_t = int | tuple[int, int, int, int, int, int]
_ratio_2_t = float | tuple[float, float]
_ratio_3_t = float | tuple[float, float, float]
_ratio_any_t = float | tuple[float, ...]
_tensor_list_t = Tensor | tuple[Tensor, ...] | list[Tensor]
_maybe_indices_t = Tensor | tuple[Tensor, Tensor]

"""Devices: the names there are, and the one that tensors can live on."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, DeviceError, explain
from zincir.graph.node import user_line

TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
    "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip
"""What PyTorch takes for the name of a device."""


class Device:
    """The name of a device, such as `device("cpu")` or `device("cuda:0")`.

    Any name that PyTorch knows can be said; tensors live on "cpu" alone, and putting one elsewhere
    is an error. As a context, it says where tensors are made: it must be the CPU.

    >>> d = Device("cpu")
    >>> d, str(d), d.type, d.index
    (device(type='cpu'), 'cpu', 'cpu', None)
    >>> Device("cuda", 1) == Device("cuda:1")
    True

    Raises:
        ArgumentError: there is no such name.
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, Device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int) and not isinstance(type, bool):
            raise DeviceError(no_gpu(f"no device {type}: numbers are those of GPUs"))
        name, colon, number = str(type).partition(":")
        if name not in TYPES:
            raise ArgumentError(
                explain(
                    f"no device is called {type!r}",
                    where=user_line(),
                    expected="'cpu', or another name that PyTorch knows, such as 'cuda:0'",
                )
            )
        if colon and (not number.isdigit() or index is not None):
            raise ArgumentError(
                explain(f"device: invalid device string {type!r}", where=user_line())
            )
        self.type = name
        self.index = int(number) if colon else index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Device):
            return NotImplemented
        return (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return Device, (self.type, self.index)

    def __enter__(self) -> Device:
        check_device(self)
        return self

    def __exit__(self, *_: object) -> None:
        return None


CPU = Device("cpu")


def check_device(device: Any, what: str = "") -> None:
    """Everything lives in the CPU's memory.

    Raises:
        DeviceError: the device is another one.
    """
    if device is None or device is CPU:
        return
    asked = Device(device)
    if asked.type != "cpu":
        start = f"{what}: " if what else ""
        raise DeviceError(
            no_gpu(f"{start}no device {str(asked)!r}: tensors live in the CPU's memory")
        )


def no_gpu(what: str) -> str:
    """The message of an error about a device that there is not."""
    return explain(
        what,
        where=user_line(),
        expected="'cpu'",
        try_="device = 'cpu', or ask cuda.is_available() first, which is False here",
    )


def get_default_device() -> Device:
    """Where tensors are made: always on the CPU.

    >>> get_default_device()
    device(type='cpu')
    """
    return CPU


def set_default_device(device: Any) -> None:
    """Say where tensors are to be made: on the CPU.

    >>> set_default_device("cpu")

    Raises:
        DeviceError: it is another device.
    """
    check_device(device, "set_default_device")

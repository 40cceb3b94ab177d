"""What exchanges arrays among processes, in six words."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]


class Comm(ABC):
    """Processes that call the same methods in the same order, with arrays of the same size.

    Another library that moves arrays is brought in by a subclass.
    """

    rank: int
    """Which process this is, from 0 on."""
    size: int
    """How many there are."""
    local_rank: int
    """Which process of this machine this is."""

    @abstractmethod
    def allreduce_(self, array: Array) -> None:
        """Add the arrays of all processes up, in place: all have the same bits then."""

    @abstractmethod
    def broadcast_(self, array: Array, root: int = 0) -> None:
        """Write over an array with that of process `root`."""

    @abstractmethod
    def barrier(self) -> None:
        """Wait until all have come here."""

    def abort(self, code: int) -> None:
        """End all processes."""
        os._exit(code)


class SelfComm(Comm):
    """This process alone.

    Example:
        >>> comm = SelfComm()
        >>> comm.rank, comm.size
        (0, 1)
    """

    rank, size, local_rank = 0, 1, 0

    def allreduce_(self, array: Array) -> None:
        """The sum of one array is that array."""

    def broadcast_(self, array: Array, root: int = 0) -> None:
        """It is there already."""

    def barrier(self) -> None:
        """Nobody has to come."""

"""Processes that `mpiexec` started (mpi4py, extra `zincir[mpi]`).

In such a process an exception that nobody catches ends all of them, from the import on: the others
would wait for this one for ever.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from zincir.distributed.comm import Array, Comm, SelfComm
from zincir.errors import StateError, explain

_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""What MPICH and its like, Open MPI and MVAPICH tell the processes they start."""


_READ = 0.5
"""Seconds in which `mpiexec` reads what was printed: when all are ended, it drops the rest."""


class MPIComm(Comm):
    """The processes of an MPI communicator of mpi4py's, by default of all."""

    def __init__(self, comm: Any = None) -> None:
        from mpi4py import MPI

        _mpi: Any = MPI
        self._comm: Any = _mpi.COMM_WORLD if comm is None else comm
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self.local_rank = self._comm.Split_type(_mpi.COMM_TYPE_SHARED).Get_rank()
        self._in_place = _mpi.IN_PLACE
        end_all_on_errors()

    def allreduce_(self, array: Array) -> None:
        self._comm.Allreduce(self._in_place, array)

    def broadcast_(self, array: Array, root: int = 0) -> None:
        self._comm.Bcast(array, root)

    def barrier(self) -> None:
        self._comm.Barrier()

    def abort(self, code: int) -> None:
        end_all(self._comm, code)

    def __reduce__(self) -> Any:
        return world, ()


@functools.cache
def world() -> Comm:
    """All processes that `mpiexec` started with this one; else this one alone.

    Raises:
        StateError: there are several, and mpi4py is not installed.

    Example:
        >>> world().size
        1
    """
    if started(os.environ) < 2:
        return SelfComm()
    try:
        return MPIComm()
    except ImportError as error:
        raise StateError(
            explain(
                f"this process was started as one of {started(os.environ)}, and they cannot talk",
                got=str(error),
                try_="pip install 'zincir[mpi]'; or Trainer(..., ranks=SelfComm()) to train a "
                "model in each of them",
            )
        ) from error


def started(environment: Mapping[str, str]) -> int:
    """How many processes were started together, by the word of what started them."""
    sizes = [environment.get(name, "") for name in _SIZES]
    return max((int(text) for text in sizes if text.isdecimal()), default=1)


@functools.cache
def end_all_on_errors() -> None:
    """Let an exception that nobody catches be printed, and end all processes."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        module: Any = sys.modules.get("mpi4py.MPI")
        if module is not None and module.Is_initialized():
            end_all(module.COMM_WORLD, 1)
        # mpiexec does not mind who leaves before MPI began, whatever its code; but a signal
        sys.stdout.flush()
        sys.stderr.flush()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    sys.excepthook = hook


def end_all(comm: Any, code: int) -> None:
    """End all processes of an MPI communicator."""
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(_READ)
    comm.Abort(code)
    os._exit(code)  # in case it returns


if started(os.environ) > 1:
    end_all_on_errors()

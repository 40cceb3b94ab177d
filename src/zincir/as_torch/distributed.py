"""`torch.distributed` for one process: what is exchanged between one is what it has."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, ClassVar, Never

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor


class ReduceOp:
    """How values of several processes become one: of one process, they stay."""

    SUM, PRODUCT, MIN, MAX, AVG = "SUM", "PRODUCT", "MIN", "MAX", "AVG"
    BAND, BOR, BXOR = "BAND", "BOR", "BXOR"
    RedOpType = str


class ProcessGroup:
    """Processes that exchange values: one."""

    def size(self) -> int:
        """1."""
        return 1

    def rank(self) -> int:
        """0."""
        return 0


default_pg_timeout = timedelta(minutes=30)


class GroupMember:
    """Who is in a group."""

    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = -100


class Backend(str):
    """The name of a way to exchange values, in small letters."""

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl"
    backend_list: ClassVar = [UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL]

    def __new__(cls, name: str) -> Backend:
        """The name in small letters."""
        return super().__new__(cls, name.lower())


class Work:
    """An exchange that is done."""

    def wait(self, timeout: Any = None) -> bool:
        """True, at once."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True


class _Now:
    backend: str | None = None


group = GroupMember
_WORLD = ProcessGroup()


def is_available() -> bool:
    """True, for one process."""
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return _Now.backend is not None


def is_torchelastic_launched() -> bool:
    """Whether a launcher of PyTorch's started this process: never."""
    return False


def is_nccl_available() -> bool:
    """False: it is for GPUs."""
    return False


def is_gloo_available() -> bool:
    """True, for one process."""
    return True


def is_mpi_available() -> bool:
    """False."""
    return False


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make a group of this process alone.

    Raises:
        ArgumentError: a group of several processes is asked for, here or by WORLD_SIZE.
    """
    size = world_size if world_size != -1 else int(os.environ.get("WORLD_SIZE", "1"))
    if size != 1 or rank > 0:
        raise ArgumentError(
            explain(
                "init_process_group: there is one process",
                where=user_line(),
                expected="world_size=1, rank=0",
                got=f"world_size={size}, rank={rank}",
                try_="run the script without a launcher; threads share the work of one process",
            )
        )
    if is_initialized():
        raise ArgumentError(
            explain("init_process_group: there is a group already", where=user_line())
        )
    _Now.backend = backend or "gloo"


def destroy_process_group(group: Any = None) -> None:
    """End the group."""
    _Now.backend = None


def _rank_not_in_group(  # pyright: ignore[reportUnusedFunction]
    group: Any,
) -> bool:
    return group == GroupMember.NON_GROUP_MEMBER


def _get_default_group(  # pyright: ignore[reportUnusedFunction]
) -> ProcessGroup:
    _check()
    return _WORLD


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """Wait for all processes: they are here."""
    _check()


def get_backend(group: Any = None) -> str:
    """The name that `init_process_group` was given."""
    _check()
    return str(_Now.backend)


def get_rank(group: Any = None) -> int:
    """0, the number of the only process."""
    _check()
    return 0


def get_world_size(group: Any = None) -> int:
    """1."""
    _check()
    return 1


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """0."""
    return 0


def new_group(ranks: Any = None, *args: Any, **options: Any) -> ProcessGroup:
    """A group of this process."""
    _check()
    return _WORLD


def _check() -> None:
    if not is_initialized():
        raise ArgumentError(
            explain(
                "there is no process group",
                where=user_line(),
                try_="torch.distributed.init_process_group first, or ask is_initialized()",
            )
        )


def _done(async_op: bool) -> Work | None:
    _check()
    return Work() if async_op else None


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait for all processes: they are here."""
    return _done(async_op)


def all_reduce(
    tensor: Tensor, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Leave `tensor` as it is: it is the sum, the mean and the maximum over one process."""
    return _done(async_op)


def reduce(
    tensor: Tensor, dst: int = 0, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Leave `tensor` as it is."""
    return _done(async_op)


def broadcast(
    tensor: Tensor, src: int = 0, group: Any = None, async_op: bool = False
) -> Work | None:
    """Leave `tensor` as it is."""
    return _done(async_op)


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy `tensor` to the one place of the list."""
    tensor_list[0].copy_(tensor)
    return _done(async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy the input."""
    output_tensor.copy_(input_tensor)
    return _done(async_op)


def gather(
    tensor: Tensor, gather_list: Any = None, dst: int = 0, group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy `tensor` to the one place of the list."""
    if gather_list:
        gather_list[0].copy_(tensor)
    return _done(async_op)


def scatter(
    tensor: Tensor,
    scatter_list: Any = None,
    src: int = 0,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Take the one tensor of the list."""
    if scatter_list:
        tensor.copy_(scatter_list[0])
    return _done(async_op)


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Put `obj` into the one place of the list."""
    _check()
    object_list[0] = obj


def gather_object(
    obj: Any, object_gather_list: Any = None, dst: int = 0, group: Any = None
) -> None:
    """Put `obj` into the one place of the list."""
    _check()
    if object_gather_list:
        object_gather_list[0] = obj


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: Any = None,
    src: int = 0,
    group: Any = None,
) -> None:
    """Take the one object of the list."""
    _check()
    if scatter_object_input_list:
        scatter_object_output_list[0] = scatter_object_input_list[0]


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Take the one tensor of the list."""
    output.copy_(input_list[0])
    return _done(async_op)


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Copy the one tensor of the list."""
    output_tensor_list[0].copy_(input_tensor_list[0])
    return _done(async_op)


def send(tensor: Tensor, dst: int = 0, group: Any = None, tag: int = 0) -> Never:
    """An error: there is nobody to send to.

    Raises:
        ArgumentError: always.
    """
    raise _alone("send")


def recv(tensor: Tensor, src: Any = None, group: Any = None, tag: int = 0) -> Never:
    """An error: there is nobody to hear from.

    Raises:
        ArgumentError: always.
    """
    raise _alone("recv")


isend, irecv = send, recv


def _alone(name: str) -> ArgumentError:
    return ArgumentError(
        explain(f"torch.distributed.{name}: there is one process", where=user_line())
    )


def broadcast_object_list(
    object_list: list[Any], src: int = 0, group: Any = None, device: Any = None
) -> None:
    """Leave the list as it is."""
    _check()

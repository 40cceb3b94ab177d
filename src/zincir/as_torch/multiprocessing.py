"""`torch.multiprocessing`: Python's own. Tensors are sent as copies."""

from __future__ import annotations

import multiprocessing as _python
from multiprocessing import (
    Array as Array,
    Barrier as Barrier,
    Condition as Condition,
    Event as Event,
    JoinableQueue as JoinableQueue,
    Lock as Lock,
    Manager as Manager,
    Pipe as Pipe,
    Pool as Pool,
    Process as Process,
    Queue as Queue,
    RLock as RLock,
    Semaphore as Semaphore,
    SimpleQueue as SimpleQueue,
    TimeoutError as TimeoutError,
    Value as Value,
    active_children as active_children,
    cpu_count as cpu_count,
    current_process as current_process,
    freeze_support as freeze_support,
    get_all_start_methods as get_all_start_methods,
    get_context as get_context,
    get_logger as get_logger,
    get_start_method as get_start_method,
    parent_process as parent_process,
    set_start_method as set_start_method,
)
from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line


def get_sharing_strategy() -> str:
    """How PyTorch shares the memory of tensors; here they are copied."""
    return "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names PyTorch has for that."""
    return {"file_descriptor", "file_system"}


def set_sharing_strategy(new_strategy: str) -> None:
    """Chooses how memory is shared: tensors are copied, whatever is chosen.

    Raises:
        ArgumentError: there is no such name.
    """
    if new_strategy not in get_all_sharing_strategies():
        raise ArgumentError(
            explain(
                "set_sharing_strategy: there is no such strategy",
                where=user_line(),
                expected="'file_descriptor' or 'file_system'",
                got=repr(new_strategy),
            )
        )


class ProcessContext:
    """Processes that `spawn` has started."""

    def __init__(self, processes: list[Any]) -> None:
        self.processes = processes

    def join(self, timeout: float | None = None) -> bool:
        """Wait for all.

        Raises:
            ArgumentError: one has failed; its traceback has been printed.
        """
        for process in self.processes:
            process.join(timeout)
        failed = [p for p in self.processes if p.exitcode not in (0, None)]
        if failed:
            raise ArgumentError(
                explain(
                    f"process {self.processes.index(failed[0])} ended with exit code "
                    f"{failed[0].exitcode}",
                    where=user_line(),
                )
            )
        return all(p.exitcode == 0 for p in self.processes)


def spawn(
    fn: Any,
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run `fn(number, *args)` in some processes, which are forked where that is possible.

    Raises:
        ArgumentError: one of them has failed.
    """
    ways = _python.get_all_start_methods()
    context: Any = _python.get_context("fork" if "fork" in ways else start_method)
    processes = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]
    for process in processes:
        process.start()
    group = ProcessContext(processes)
    if not join:
        return group
    group.join()
    return None


start_processes = spawn

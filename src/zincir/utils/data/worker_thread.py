"""A thread that does one thing after another, until nobody wants anything of it any more."""

from __future__ import annotations

import atexit
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

from zincir.graph.node import MODE, here

Answer: TypeAlias = tuple[Any, BaseException | None]
"""What was returned, or raised."""

AT_EXIT = 2.0
"""Seconds that the end of the process waits for what threads are doing."""


class WorkerThread:
    """Does what it is asked in the order in which it is asked; answers come in the same order.

    It ends when it is closed, and when nobody holds this object: after what it is doing then.
    """

    def __init__(self, name: str) -> None:
        self._asked: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._waiting = 0
        """How many answers are still to come."""
        mode = MODE.grad, MODE.autocast, here()
        thread = threading.Thread(
            target=_work, args=(self._asked, self._answers, mode), name=name, daemon=True
        )
        thread.start()
        _ALIVE[thread] = self._asked
        self._end = weakref.finalize(self, _end, self._asked)
        self._end.atexit = False

    def ask(self, function: Callable[[], Any]) -> None:
        """Have something done."""
        self._waiting += 1
        self._asked.put(function)

    def answer(self, seconds: float | None = None) -> Answer:
        """The next answer.

        Raises:
            queue.Empty: it did not come in time.
        """
        answer = self._answers.get(timeout=seconds)
        self._waiting -= 1
        return answer

    def do(self, function: Callable[[], Any]) -> Any:
        """Have something done, and wait for it."""
        self.ask(function)
        result, error = self.answer()
        if error is not None:
            raise error
        return result

    def forget(self) -> None:
        """Leave out what was not begun, and the answers to everything else."""
        self._waiting -= _emptied(self._asked)
        while self._waiting:
            self.answer()

    def close(self) -> None:
        """End it, after what it is doing."""
        self._end()


def _work(asked: Any, answers: Any, mode: tuple[Any, Any, Any]) -> None:
    """What the thread does. It holds on to nothing while it waits."""
    MODE.grad, MODE.autocast, MODE.started = mode
    function = asked.get()
    while function is not None:
        try:
            answer = function(), None
        except BaseException as error:  # it belongs to who asked
            answer = None, error
        answers.put(answer)
        del function, answer
        function = asked.get()


def _end(asked: Any) -> None:
    _emptied(asked)
    asked.put(None)


def _emptied(asked: Any) -> int:
    """Take out what was not begun; how much it was."""
    taken = 0
    try:
        while True:
            asked.get_nowait()
            taken += 1
    except queue.Empty:
        return taken


_ALIVE: weakref.WeakKeyDictionary[threading.Thread, Any] = weakref.WeakKeyDictionary()


@atexit.register
def _end_all() -> None:
    """Let all threads end before the process takes away what they work with."""
    threads = list(_ALIVE.items())
    for _, asked in threads:
        _end(asked)
    until = time.monotonic() + AT_EXIT
    for thread, _ in threads:
        thread.join(max(0.0, until - time.monotonic()))

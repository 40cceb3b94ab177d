"""SIGINT and SIGTERM while a model is trained: the step is finished, then training stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Signals:
    """While it is entered, the first signal is only noted; a second SIGINT acts at once.

    In other threads than the main one nothing is changed: Python lets them set no handlers.

    Args:
        patient: the second SIGINT is noted as well.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self._patient = patient
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT and not self._patient:
            raise KeyboardInterrupt
        self.received = number

    def error(self) -> BaseException:
        """What to raise once training has stopped."""
        if self.received == signal.SIGINT:
            return KeyboardInterrupt()
        return SystemExit(128 + (self.received or signal.SIGTERM))

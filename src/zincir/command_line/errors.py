"""Errors as one line, and an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from zincir.errors import ZincirError

WRONG, BROKEN = 2, 141
"""Exit codes: data and arguments that are no good; nobody reads on (what shells say then)."""


@contextmanager
def plain_errors(command: str) -> Generator[None]:
    """Show an error of the user's as one line, without a traceback, and exit; warnings without the
    place in the code.
    """

    def show(message: Warning | str, *others: Any) -> None:
        sys.stderr.write(f"zincir {command}: {message}\n")

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = show
            yield
    except BrokenPipeError:
        raise
    except (ZincirError, OSError, ImportError) as error:
        sys.stderr.write(f"zincir {command}: {one_line(error)}\n")
        raise SystemExit(WRONG) from None
    except KeyboardInterrupt:
        sys.stderr.write(f"zincir {command}: interrupted; --resume goes on from here\n")
        raise SystemExit(130) from None


@contextmanager
def quiet_pipe() -> Generator[None]:
    """End without a word when nobody reads on: `zincir predict run photos | head`."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # or the end of Python would complain again
        raise SystemExit(BROKEN) from None


def one_line(error: BaseException) -> str:
    r"""A message in one line; where it came from in the code is left out.

    >>> one_line(ZincirError("no such thing\n  where     x.py:3\n  try       another"))
    'no such thing; try: another'
    """
    text = str(error)
    if isinstance(error, OSError) and not isinstance(error, ZincirError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    first, *rest = text.split("\n") if text else [type(error).__name__]
    parts = [first.strip()]
    for line in rest:
        name, _, text = line.strip().partition(" ")
        if line.startswith(" " * 12):
            parts[-1] += f" {line.strip()}"
        elif name in ("expected", "got", "try", "note"):
            parts.append(f"{name}: {text.strip()}")
    return "; ".join(parts)

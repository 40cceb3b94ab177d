"""`zincir info`, `zincir summary`, `zincir completion`."""

from __future__ import annotations

import argparse
import functools
import inspect
import os
import platform
import sys
from importlib import metadata
from typing import Any

from zincir import models
from zincir.command_line.errors import plain_errors
from zincir.errors import ArgumentError, explain
from zincir.models import summary
from zincir.nn import Module
from zincir.runtime import native, team
from zincir.settings import current
from zincir.tasks import describe, open_run

_EXTRAS = ("scipy", "rich", "matplotlib", "pillow", "pandas", "scikit-learn", "mpi4py", "torch")
_SHELLS = ("bash", "zsh", "tcsh")


def add(commands: Any, parser: argparse.ArgumentParser) -> None:
    """Add the commands to the parser."""
    info = commands.add_parser(
        "info",
        help="versions, processor, threads, cache; or what a training was",
        description="What this installation consists of: paste it into a report of a bug. With the "
        "folder of a training: what was trained on what, how, and how far it came.",
    )
    info.add_argument("run", nargs="?", help="the folder of a training")
    info.set_defaults(call=_info)
    table = commands.add_parser(
        "summary",
        help="the layers of a net as a table",
        description="Layers, shapes, parameters and multiply-adds of a net of `zincir.models` "
        "(resnet18, ...), or of one that `zincir train` made.",
    )
    table.add_argument("model", help="a name of zincir.models, or the folder of a training")
    table.add_argument("--input", help="the shape of one batch, such as 1,3,224,224")
    table.set_defaults(call=_summary)
    complete = commands.add_parser(
        "completion",
        help="completion for a shell",
        description='A script for the shell: eval "$(zincir completion bash)". Needs shtab.',
    )
    complete.add_argument("shell", choices=_SHELLS)
    complete.set_defaults(call=functools.partial(_completion, parser))


def _info(given: argparse.Namespace) -> None:
    with plain_errors("info"):
        rows = _installation() if given.run is None else describe(open_run(given.run))
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("".join(f"{name:<{width}}  {text}\n" for name, text in rows))


def _installation() -> list[tuple[str, str]]:
    rows = [
        ("zincir", metadata.version("zincir")),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("numpy", metadata.version("numpy")),
        ("llvmlite", metadata.version("llvmlite")),
        ("processor", f"{native.target().cpu}, vectors of {native.target().vector_bytes} bytes"),
        ("threads", f"{team.get_num_threads()} of {os.cpu_count()}"),
        ("programs", f"kept in {current().cache_dir}"),
    ]
    for name in _EXTRAS:
        try:
            rows.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    return rows


def _summary(given: argparse.Namespace) -> None:
    with plain_errors("summary"):
        model = model_named(given.model)
        text = f"{model}" if given.input is None else f"{summary(model, shape_of(given.input))}"
    sys.stdout.write(f"{text}\n")


def model_named(name: str) -> Module:
    """A new net of `zincir.models`, or the one of a training.

    Raises:
        ArgumentError: there is neither.
    """
    make: Any = getattr(models, name, None)
    if inspect.isfunction(make) or inspect.isclass(make):
        needed = inspect.signature(make).parameters.values()
        if all(p.default is not p.empty for p in needed):
            made = make()
            if isinstance(made, Module):
                return made
    if os.path.exists(name):
        return open_run(name).model
    raise ArgumentError(
        explain(
            f"there is no model and no training {name!r}",
            expected="a name of zincir.models such as resnet18, or a folder",
        )
    )


def shape_of(text: str) -> tuple[int, ...]:
    """The shape that a text such as 1,3,224,224 or 1x3x224x224 says.

    Raises:
        ArgumentError: it says none.
    """
    try:
        return tuple(int(n) for n in text.replace("x", ",").split(","))
    except ValueError:
        message = explain(f"--input is a shape such as 1,3,224,224, not {text!r}")
        raise ArgumentError(message) from None


def _completion(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    with plain_errors("completion"):
        try:
            import shtab
        except ImportError:
            text = explain("completion needs shtab", try_="pip install shtab")
            raise ArgumentError(text) from None
        sys.stdout.write(f"{shtab.complete(parser, shell=given.shell)}\n")

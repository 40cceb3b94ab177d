"""What is public says what it is, and every example in the sources runs as written."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import zincir

# Packages whose names users see. A row here that does not exist fails.
PUBLIC = ("zincir", "zincir.nn", "zincir.nn.functional", "zincir.nn.init", "zincir.optim",
          "zincir.optim.lr_scheduler", "zincir.autograd", "zincir.data", "zincir.data.augment",
          "zincir.utils.data", "zincir.serialization", "zincir.distributions", "zincir.linalg",
          "zincir.func", "zincir.models", "zincir.metrics",
          "zincir.ops", "zincir.trainer", "zincir.sklearn", "zincir.distributed")  # fmt: skip


def public_objects(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, value in vars(module).items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if inspect.isclass(value) or inspect.isroutine(value):
            yield f"{module.__name__}.{name}", value


def submodules() -> list[str]:
    found = pkgutil.walk_packages(zincir.__path__, "zincir.")
    return sorted(["zincir", *(info.name for info in found if not info.name.endswith("__main__"))])


MODULES = submodules()


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_have_docstrings(package: str) -> None:
    module = importlib.import_module(package)
    silent = [
        name
        for name, value in public_objects(module)
        # `int32 = DType(...)` and aliases of Python's own types are not ours to describe
        if getattr(value, "__module__", "").startswith("zincir") and not own_doc(value)
    ]
    assert not silent, "no docstring: " + ", ".join(silent)


def own_doc(value: object) -> str | None:
    """The docstring written on the object itself, not the one a class inherits."""
    return vars(value).get("__doc__") if inspect.isclass(value) else getattr(value, "__doc__", None)


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_what_they_hold(name: str) -> None:
    doc = importlib.import_module(name).__doc__
    assert doc, f"{name} starts without a docstring"


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)

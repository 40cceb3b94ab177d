"""What is given by its place means the same in both libraries."""

import inspect
from typing import Any

import pytest

from zincir import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

_BY_NAME: dict[str, tuple[str, ...]] = {
    "Hardtanh": ("min_value", "max_value"),
    "UninitializedBuffer": ("persistent",),
}
"""Names that PyTorch takes and this library does not."""


def _by_place(function: Any) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    return [k for k, p in inspect.signature(function).parameters.items() if p.kind in kinds]


def _both(ours: Any, theirs: Any, wanted: Any) -> list[str]:
    return [n for n, f in vars(ours).items() if n[0] != "_" and wanted(f) and hasattr(theirs, n)]


@pytest.mark.parametrize("name", _both(nn, torch.nn, inspect.isclass))
def test_layers(name: str) -> None:
    theirs = _by_place(getattr(torch.nn, name))
    if not theirs or name in ("ModuleList", "Module"):
        pytest.skip("PyTorch takes whatever comes")
    ours = _by_place(getattr(nn, name))
    assert ours == [n for n in theirs if n not in _BY_NAME.get(name, ())]


@pytest.mark.parametrize("name", _both(nn.functional, torch.nn.functional, inspect.isfunction))
def test_functions(name: str) -> None:
    try:
        theirs = _by_place(getattr(torch.nn.functional, name))
    except ValueError:
        theirs = []
    if not theirs:
        pytest.skip("PyTorch does not tell")
    ours = _by_place(getattr(nn.functional, name))
    if "_stacklevel" in theirs:
        theirs = theirs[: theirs.index("_stacklevel")]
    assert ours[: len(theirs)] == theirs[: len(ours)]

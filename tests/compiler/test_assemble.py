"""Arguments of kernels: none is 0 because nobody said what it is."""

import sys
from typing import Any

import numpy as np
import pytest

from random_graphs import data
from zincir.compiler import compile_graph
from zincir.compiler.options import Options
from zincir.compiler.snapshot import snapshot
from zincir.errors import CompileError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import REGISTRY

LAUNCHES = sys.modules["zincir.compiler.schedule.launches"]


def tiles() -> Node:
    x, u = (data(np.ones(s, np.float32)) for s in ((2, 6, 8, 16), (4, 4, 16, 32)))
    return apply(REGISTRY["winograd"], x, u)


@pytest.mark.parametrize(
    ("rename", "match"),
    [
        ({"part_rows": None}, "KeyError: 'part_rows'"),
        ({"part_rows": "rows_of_part"}, r"winograd has no arguments \['rows_of_part'\]"),
    ],
)
def test_a_misspelt_argument_is_an_error(
    monkeypatch: pytest.MonkeyPatch, rename: dict[str, str | None], match: str
):
    sound = LAUNCHES.product_call

    def misspelt(*args: Any) -> Any:
        scalars, problem = sound(*args)
        for old, new in rename.items():
            value = scalars.pop(old)
            if new is not None:
                scalars[new] = value
        return scalars, problem

    compile_graph(snapshot([tiles()]).graph(), Options())
    monkeypatch.setattr(LAUNCHES, "product_call", misspelt)
    with pytest.raises(CompileError, match=match):
        compile_graph(snapshot([tiles()]).graph(), Options())

"""Files and functions stay small enough to be read in one sitting."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "zincir"

FILE_LINES = 600  # aim for 80 to 250
EXPLAIN_LINES = 400  # a file shorter than this needs no reason and must not give one
FUNCTION_LINES = 60  # aim for 25
PUBLIC_METHODS = 15

# Larger ones, each with the reason. Paths are relative to src/zincir.
LONG_FILES: dict[str, str] = {
    "tensor.py": "PyTorch's methods, one line each",
    "__init__.py": "every public name, one line each",
}
LONG_FUNCTIONS: dict[str, str] = {}  # "graph/walk.py:toposort": "why"
WIDE_CLASSES = {
    "tensor.py:Tensor": "PyTorch's methods, one line each",
    "methods/viewing.py:Viewing": "PyTorch's methods: one for each kind of view",
    "methods/picking.py:Picking": "PyTorch's methods: one for each way to name elements",
    "methods/conversion.py:Converting": "PyTorch's methods: one for each type",
    "distributions/distribution.py:Distribution": "what PyTorch asks of every one, one line each",
    "compiler/codegen/builder.py:Builder": "one method for each instruction, one line each",
    "nn/module/module.py:Module": "PyTorch's methods: what nets are asked for by name",
}

# PyTorch's own names, which scripts import.
NAMED_BY_PYTORCH = ("utils/", "nn/utils/")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}

FILES = sorted(p.relative_to(SRC).as_posix() for p in SRC.rglob("*.py"))


class Sizes(NamedTuple):
    """Of one file, by qualified name: code lines of functions, public methods of classes."""

    functions: dict[str, int]
    classes: dict[str, int]


@cache  # of two numbers and no trees: these are millions of objects
def sizes(source: str) -> Sizes:
    """Every function and class, nested ones included."""
    found = Sizes({}, {})

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found.functions[prefix + child.name] = code_lines(child)
                inner = f"{prefix}{child.name}."
            elif isinstance(child, ast.ClassDef):
                found.classes[prefix + child.name] = public_methods(child)
                inner = f"{prefix}{child.name}."
            walk(child, inner)

    walk(ast.parse(source), "")
    return found


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: explaining is not what makes it long."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def public_methods(node: ast.ClassDef) -> int:
    return sum(
        isinstance(item, ast.FunctionDef) and not item.name.startswith("_") for item in node.body
    )


@pytest.mark.parametrize("name", FILES)
def test_file(name: str) -> None:
    lines = len((SRC / name).read_text("utf-8").splitlines())
    if name in LONG_FILES:
        assert lines > EXPLAIN_LINES, f"{name} is short again: take it out of LONG_FILES"
    else:
        assert lines <= FILE_LINES, f"{lines} lines: split it, or say why in LONG_FILES"


@pytest.mark.parametrize("name", FILES)
def test_functions(name: str) -> None:
    long = {
        f"{name}:{function}": lines
        for function, lines in sizes((SRC / name).read_text("utf-8")).functions.items()
        if lines > FUNCTION_LINES
    }
    unexplained = {key: lines for key, lines in long.items() if key not in LONG_FUNCTIONS}
    assert not unexplained, "split them, or say why in LONG_FUNCTIONS"


@pytest.mark.parametrize("name", FILES)
def test_classes(name: str) -> None:
    wide = {
        f"{name}:{cls}": count
        for cls, count in sizes((SRC / name).read_text("utf-8")).classes.items()
        if count > PUBLIC_METHODS
    }
    unexplained = {key: count for key, count in wide.items() if key not in WIDE_CLASSES}
    assert not unexplained, "split them, or say why in WIDE_CLASSES"


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named_after_what_it_holds(name: str) -> None:
    own = next((name[len(p) :] for p in NAMED_BY_PYTORCH if name.startswith(p)), name)
    assert not FORBIDDEN_NAMES & set(Path(own).with_suffix("").parts)


def test_exceptions_name_what_exists() -> None:
    for key in [*LONG_FILES, *LONG_FUNCTIONS]:
        assert key.split(":")[0] in FILES, f"{key} is gone: take it out"


def test_the_measures_measure() -> None:
    source = (
        'class A:\n    def f(self):\n        """Doc.\n\n        More.\n        """\n        x = 1\n'
    )
    assert sizes(source) == Sizes({"A.f": 2}, {"A": 1})

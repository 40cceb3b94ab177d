"""Imports point down, LLVM has one door, nothing is imported late, nothing goes round."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "zincir"


@dataclass(frozen=True)
class Level:
    """Units (a file or a package directly under `zincir`) that stand equally high.

    A unit may import every level before its own; its neighbours in the level only when `sisters`;
    `only` narrows what lies below to the named units.
    """

    units: str
    sisters: bool = False
    only: str = field(default="*")


# From the ground up: to add a file or package under src/zincir, write its name into one row.
LEVELS = (
    Level("errors types settings random_bits", sisters=True),
    Level("graph"),
    Level("ops"),
    Level("autodiff interpret"),
    Level("runtime", only="errors types settings"),
    Level("compiler"),
    Level("recording evaluate", sisters=True),
    Level(
        "tensor* views storage shared_value inplace autograd functional generator anomaly creation"
        " indexing printing einsum linalg random",
        sisters=True,
    ),
    Level(
        "arguments array_argument stand_in watched bindings replay recorder take step", sisters=True
    ),
    Level("nn optim data"),
    Level("models"),
    Level("__init__"),
    Level("demo __main__"),  # users like any other: they may import zincir as a whole
)

LLVM_DOOR = "runtime.native"

# Imports inside a function: optional third-party packages may always be imported late; what else
# may, and where.
LATE = {LLVM_DOOR: {"llvmlite"}}
OPTIONAL = {"rich", "matplotlib", "torch", "jax"}


def modules() -> dict[str, Path]:
    """Dotted name below `zincir` (a package's `__init__` is named `package.__init__`) -> file."""
    return {".".join(p.relative_to(SRC).with_suffix("").parts): p for p in SRC.rglob("*.py")}


@dataclass(frozen=True)
class Import:
    """One imported dotted name, where it stands, and when it runs."""

    target: str
    line: int
    late: bool = False
    typing_only: bool = False


def imports(name: str, tree: ast.AST) -> Iterator[Import]:
    """Every import in a module; names inside zincir are given without the leading `zincir.`."""
    yield from _walk(name, tree, late=False, typing_only=False)


def _walk(name: str, node: ast.AST, late: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(name, child):
                yield Import(target, child.lineno, late, typing_only)
            continue
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        guard = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _walk(name, child, late or inside, typing_only or guard)


def _targets(name: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    module = node.module or ""
    if node.level:
        above = ["zincir", *name.split(".")][: -node.level]
        module = ".".join([*above, *([module] if module else [])])
    return [f"{module}.{alias.name}" for alias in node.names]


def inside(target: str) -> str | None:
    """The part after `zincir.`, `` for zincir itself, None for anything else."""
    head, _, rest = target.partition(".")
    return rest if head == "zincir" else None


def unit(name: str) -> str:
    return name.split(".")[0]


def level_of(name: str) -> int | None:
    for height, level in enumerate(LEVELS):
        for pattern in level.units.split():
            if Path(unit(name)).match(pattern):
                return height
    return None


def complaint(importer: str, target: str) -> str | None:
    """Why `importer` may not import `target` (both below zincir), or None when it may."""
    if not target or level_of(target) is None:
        target = "__init__"  # `import zincir`, or a name that is public there
    here, there = level_of(importer), level_of(target)
    if here is None or there is None or unit(importer) == unit(target):
        return None
    if there > here:
        return f"imports {target}, which stands above it"
    if there == here and not LEVELS[here].sisters:
        return f"imports its sister {target}"
    allowed = LEVELS[here].only.split()
    if there < here and allowed != ["*"] and unit(target) not in allowed:
        return f"imports {target}; it may know only {', '.join(allowed)}"
    return None


def late_complaint(importer: str, found: Import) -> str | None:
    package = found.target.split(".")[0]
    if not found.late or package in OPTIONAL or package in LATE.get(importer, ()):
        return None
    return f"imports {found.target} inside a function"


def resolve(target: str, known: dict[str, Path]) -> str | None:
    """The module that `zincir.<target>` names: itself, a package, or the holder of the name."""
    for candidate in (target, target.rpartition(".")[0]):
        for name in (candidate, f"{candidate}.__init__"):
            if name in known:
                return name
    return None


def parsed() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text("utf-8")) for name, path in modules().items()}


MODULES = sorted(modules())
TREES = parsed()


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_level(name: str) -> None:
    assert level_of(name) is not None, f"write {unit(name)!r} into one row of LEVELS"


@pytest.mark.parametrize("name", [m for m in MODULES if m != "__init__"])
def test_imports_point_down(name: str) -> None:
    wrong = []
    for found in imports(name, TREES[name]):
        target = inside(found.target)
        reason = None if target is None else complaint(name, target)
        if reason:
            wrong.append(f"{name}:{found.line} {reason}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_imported_late(name: str) -> None:
    wrong = [
        f"{name}:{found.line} {reason}"
        for found in imports(name, TREES[name])
        if (reason := late_complaint(name, found))
    ]
    assert not wrong, "\n".join(wrong)


def test_llvm_has_one_door() -> None:
    users = {
        name
        for name, tree in TREES.items()
        for found in imports(name, tree)
        if found.target.split(".")[0] == "llvmlite"
    }
    assert users <= {LLVM_DOOR}


def test_no_cycles() -> None:
    known = modules()
    graph: dict[str, set[str]] = {name: set() for name in known}
    for name, tree in TREES.items():
        for found in imports(name, tree):
            target = inside(found.target)
            if target and not found.typing_only and (module := resolve(target, known)):
                graph[name].add(module)
        graph[name].discard(name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("a cycle of imports: " + " -> ".join(error.args[1]))


# The rules above are tried on sources that break them: a check that cannot fail checks nothing.


def found_in(name: str, source: str) -> list[Import]:
    return list(imports(name, ast.parse(source)))


def test_reads_every_form_of_import() -> None:
    source = (
        "import numpy as np\n"
        "from zincir.graph import node\n"
        "from . import walk\n"
        "from ..errors import explain\n"
        "if TYPE_CHECKING:\n    from zincir.tensor import Tensor\n"
        "def f():\n    import rich\n"
    )
    found = found_in("graph.rewrite", source)
    assert [i.target for i in found] == [
        "numpy",
        "zincir.graph.node",
        "zincir.graph.walk",
        "zincir.errors.explain",
        "zincir.tensor.Tensor",
        "rich",
    ]
    assert [i.late for i in found] == [False] * 5 + [True]
    assert [i.typing_only for i in found] == [False] * 4 + [True, False]


@pytest.mark.parametrize(
    ("importer", "target", "says"),
    [
        ("graph.node", "ops.arithmetic", "stands above"),
        ("autodiff", "interpret", "sister"),
        ("nn.linear", "optim.adam", "sister"),
        ("runtime.native", "graph.node", "may know only"),
        ("ops.composed", "", "stands above"),
        ("ops.composed", "Tensor", "stands above"),
        ("demo", "", None),
        ("nn.linear", "tensor.Tensor", None),
        ("tensor", "autograd", None),
        ("tensor_index", "compiler", None),
        ("compiler.emit", "compiler.loop", None),
    ],
)
def test_directions(importer: str, target: str, says: str | None) -> None:
    reason = complaint(importer, target)
    assert (reason is None) if says is None else (says in str(reason))


@pytest.mark.parametrize(
    ("importer", "source", "fine"),
    [
        ("runtime.native", "def f():\n    import llvmlite.binding", True),
        ("compiler.emit", "def f():\n    import llvmlite.binding", False),
        ("demo", "def f():\n    from rich.table import Table", True),
        ("ops.composed", "def f():\n    from zincir.graph import node", False),
    ],
)
def test_late_imports(importer: str, source: str, fine: bool) -> None:
    (found,) = found_in(importer, source)
    assert (late_complaint(importer, found) is None) is fine

"""What values are called: as the user said, as modules name them, or as the user's lines do."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Mapping
from typing import Any

from zincir.doctor.alive import models_with
from zincir.errors import ArgumentError, explain
from zincir.explanation.private import Private
from zincir.graph.node import Node, user_line
from zincir.nn import Module
from zincir.tensor import Tensor

Names = Mapping[str, Tensor | Module]


def models_of(graph: Private) -> dict[str, Module]:
    """The models that a loss was computed by, by names that differ."""
    held = _holders(graph)
    return models_with(set(held)) if held else {}


def names_of(graph: Private, given: Names | None, models: Mapping[str, Module]) -> dict[Node, str]:
    """A name for each node that somebody has named; others are numbered by the caller.

    Args:
        given: tensors and modules by name; the parameters of a module are `name.weight` and so on,
            those of one called "" are `weight`.

    Raises:
        ArgumentError: a name is no tensor or module, or of nothing that the loss depends on.
    """
    held = _holders(graph)
    found = _as_said(held, given or {})
    if not any(isinstance(x, Module) for x in (given or {}).values()):
        found = {**_as_modules_say(held, models), **found}
    for node, name in _as_lines_say(graph).items():
        found.setdefault(node, name)
    return found


def _holders(graph: Private) -> dict[int, list[Node]]:
    """By the id of a tensor: the nodes that it holds or has held."""
    held: dict[int, list[Node]] = {}
    for copy, node in graph.original.items():
        tensor = None if node.owner is None else node.owner()
        if tensor is not None:
            held.setdefault(id(tensor), []).append(copy)
    return held


def _as_said(held: Mapping[int, list[Node]], given: Names) -> dict[Node, str]:
    found: dict[Node, str] = {}
    for name, thing in given.items():
        tensors: Iterable[tuple[str, Any]]
        if isinstance(thing, Module):
            tensors = thing.named_parameters(prefix=name)
        elif isinstance(thing, Tensor):
            tensors = [(name, thing)]
        else:
            raise ArgumentError(
                explain(
                    f"explain: names[{name!r}] is neither a tensor nor a module",
                    where=user_line(), got=type(thing).__name__,
                    try_='names={"w": w, "x": x}, or names={"": model}',
                )
            )  # fmt: skip
        nodes = [(n, full) for full, t in tensors for n in held.get(id(t), ())]
        if not nodes:
            raise ArgumentError(
                explain(
                    f"explain: names[{name!r}] does not belong to the graph of this loss",
                    where=user_line(),
                    expected="a tensor that the loss was computed from, or a module with such ones",
                    got="another one, or one that was made anew since",
                    try_="the very tensors that the loss was computed from",
                )
            )
        found.update(nodes)
    return found


def _as_modules_say(
    held: Mapping[int, list[Node]], models: Mapping[str, Module]
) -> dict[Node, str]:
    parameters = [item for k, m in models.items() for item in m.named_parameters(prefix=k)]
    return {node: name for name, p in parameters for node in held.get(id(p), ())}


def layers_of(models: Mapping[str, Module]) -> dict[str, str]:
    """By path, what kind of layer stands there."""
    return {
        path: type(module).__name__
        for prefix, model in models.items()
        for path, module in model.named_modules(prefix=prefix)
        if path
    }


def _as_lines_say(graph: Private) -> dict[Node, str]:
    """Names on the left of assignments: that of a line for the last value computed on it."""
    lines: dict[tuple[str, int], list[Node]] = {}
    for node in graph.order:
        lines.setdefault(node.origin[:2], []).append(node)
    users: dict[Node, int] = {}
    for node in graph.order:
        for x in node.inputs:
            users[x] = users.get(x, 0) + (x.origin[:2] == node.origin[:2])
    found: dict[Node, str] = {}
    for (file, line), nodes in lines.items():
        names = _targets(file, line)
        results = [
            n for n in nodes if not users.get(n) and (n.op.name != "leaf" or n in graph.values)
        ]
        results = [n for n in results if graph.original[n].owner is not None]
        if len(names) == len(results):
            found.update(zip(results, names, strict=True))
    return found


def _targets(file: str, line: int) -> list[str]:
    """The names that a line assigns to."""
    try:
        tree = ast.parse(source_line(file, line))
    except (SyntaxError, ValueError):
        return []
    statement = tree.body[0] if tree.body else None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        target = statement.target
    else:
        return []
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [x.id for x in parts if isinstance(x, ast.Name)]
    return names if len(names) == len(parts) else []


def source_line(file: str, line: int) -> str:
    """A line of a file, or of a cell of a notebook; empty if nobody knows it."""
    return linecache.getline(file, line).strip() if line else ""

"""Steps and uses written down: names, formulas, places, and what should be known besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zincir.explanation import notation
from zincir.explanation.derivatives import (
    FEW_STEPS,
    MOST_LOCAL,
    Gradients,
    elementwise,
    is_left_out,
)
from zincir.explanation.naming import source_line
from zincir.explanation.private import Private, changed_since
from zincir.explanation.reading import Reading, number, reading
from zincir.explanation.several import part_of
from zincir.explanation.steps import Chain, Step, Trial, Use
from zincir.graph.node import Node
from zincir.operations.source import const_p, leaf_p


class Writer:
    """Steps and uses made of nodes and of what was read of them."""

    def __init__(
        self,
        graph: Private,
        found: Gradients,
        seen: dict[Node, Reading],
        named: dict[Node, str],
    ) -> None:
        self._graph, self._found, self._seen = graph, found, seen
        self._positive = _relus(graph)
        parts = ((node, part_of(node)) for node in graph.order)
        self._parts = {node: part for node, part in parts if part is not None}
        self._numbers = {n: text for n in graph.order if (text := self._plain(n, named)) != ""}
        seen_by_all = self._reached() - _inner_asides(graph.order, self._operands)
        self._shown = [n for n in graph.order if n in seen_by_all and n not in self._numbers]
        self.number = {node: i for i, node in enumerate(self._shown, 1)}
        self._outputs = Counter(self._parts[n].core for n in self._shown if n in self._parts)
        self._names = _all_named(self._shown, named, graph.root)
        self._names.update(self._numbers)
        roots = {n.origin[2].partition(".")[0] for n in graph.order if n.origin[2]}
        self._strip = len(roots) == 1

    def chain(self, trials: Sequence[Trial], layers: Mapping[str, str]) -> Chain:
        """The whole; `layers`: by path, what kind of layer it is."""
        steps = tuple(self._step(node) for node in self._shown)
        uses = tuple(
            self._use(user, source)
            for user, source in sorted(self._found.added, key=lambda e: (e[0].serial, e[1].serial))
            if user in self.number and source in self.number
        )
        notices = (*_born(steps, uses), *self._changes(), *self._left_out())
        return Chain(steps, uses, tuple(trials), notices, layers)

    def _plain(self, node: Node, named: dict[Node, str]) -> str:
        """A constant that is one number, as it is written; empty if it is not that."""
        if node.op is not leaf_p or node.needs_grad or node in named:
            return ""
        original = self._graph.original[node]
        read = self._seen.get(node)
        if read is None or read.values is None or not read.size:
            return ""
        if original.op is leaf_p and original.owner is not None:
            return ""
        first = read.values.reshape(-1)[0].item()
        if not (read.values == first).all():
            return ""
        return notation.enclosed(number(first)) if isinstance(first, float) else number(first)

    def _reached(self) -> set[Node]:
        """What the loss is computed from, as it is told."""
        found = {self._graph.root}
        for node in reversed(self._graph.order):
            if node in found:
                found.update(self._operands(node))
        return found

    def _operands(self, node: Node) -> tuple[Node, ...]:
        """What a node is told to be computed from, before asides are folded."""
        if node in self._positive:
            return (self._positive[node],)
        if node.op.name == "mul" and node.inputs[0] is node.inputs[1]:
            return node.inputs[:1]
        part = self._parts.get(node)
        return node.inputs if part is None else part.operands

    def _inputs(self, node: Node) -> tuple[Node, ...]:
        return self._behind(node) if self._is_folded(node) else self._operands(node)

    def _is_folded(self, node: Node) -> bool:
        """Whether hidden steps stand between this one and what it is computed from."""
        inputs = self._operands(node)
        return role(node) == "aside" and any(x.inputs and x not in self.number for x in inputs)

    def _behind(self, node: Node) -> tuple[Node, ...]:
        """What is shown of all that a node is computed from, seen through what is hidden."""
        found: dict[Node, None] = {}
        stack, seen = [*self._operands(node)], set[Node]()
        while stack:
            x = stack.pop()
            if x in self.number:
                found[x] = None
            elif x not in seen:
                seen.add(x)
                stack.extend(self._operands(x))
        return tuple(sorted(found, key=lambda x: self.number[x]))

    def _op(self, node: Node) -> str:
        if self._is_folded(node):
            return "aside"
        if node in self._positive:
            return "relu"
        if node in self._parts:
            return "part"
        return "square" if len(self._inputs(node)) < len(node.inputs) else node.op.name

    def _formula(self, node: Node, op: str, operands: Sequence[str]) -> str:
        part = self._parts.get(node)
        if part is None or op != "part":
            return notation.forward(op, operands)
        alone = self._outputs[part.core] == 1
        return f"{part.name}({', '.join(operands)})" + ("" if alone else f"[{part.index}]")

    def _step(self, node: Node) -> Step:
        file, line, _ = node.origin
        inputs, op = self._inputs(node), self._op(node)
        operands = tuple(self._names[x] for x in inputs)
        gradient = self._found.of.get(node)
        return Step(
            number=self.number[node],
            name=self._names[node],
            op=op,
            role=role(node),
            inputs=tuple(self.number.get(x, 0) for x in inputs),
            operands=operands,
            formula=self._formula(node, op, operands) if inputs else "",
            value=self._seen.get(node),
            gradient=None if gradient is None else self._seen.get(gradient),
            file=file,
            line=line,
            source=source_line(file, line),
            layer=self._layer(node),
        )

    def _layer(self, node: Node) -> str:
        """The path of the layer without the name of the model; empty for data of the user's."""
        layer = node.origin[2]
        if not node.inputs and self._graph.original[node].owner is not None:
            return ""
        return layer.partition(".")[2] if self._strip else layer

    def _use(self, user: Node, source: Node) -> Use:
        inputs, op = self._inputs(user), self._op(user)
        positions = tuple(i for i, x in enumerate(inputs) if x is source)
        operands = [self._names[x] for x in inputs]
        y = self._names[user]
        formulas = [notation.local(op, i, operands, y) for i in positions]
        part = self._parts.get(user)
        name = "" if part is None else part.rule
        rules = [notation.rule(op, i, operands, f"dL/d{y}", name) for i in positions]
        read = [self._seen[row] for row in self._found.local.get((user, source), ())]
        both = elementwise(user)
        return Use(
            source=self.number[source],
            user=self.number[user],
            positions=positions,
            local=_matrix(read) if read and not both else next(iter(read), None),
            elementwise=both,
            formula=" + ".join(formulas) if all(formulas) else "",
            rule=" + ".join(rules),
            contribution=self._seen[self._found.added[user, source]],
        )

    def _left_out(self) -> Iterable[str]:
        count, every = len(self._shown), self._found.added
        if count > MOST_LOCAL:
            yield f"{count} steps: they are folded, and single derivatives are left out"
        elif any(is_left_out(self._graph, user, source) for user, source in every):
            yield (
                f"{len(self._graph.order)} operations: derivatives that are matrices, such as "
                f"those of a product of matrices, are worked out in graphs of up to {FEW_STEPS}, "
                "and left out here; how a gradient passes there is told by its rule"
            )

    def _changes(self) -> Iterable[str]:
        changed: dict[str, list[str]] = {}
        hooked: list[str] = []
        for node in self._shown:
            original = self._graph.original[node]
            where = changed_since(original)
            if where and not node.inputs:
                changed.setdefault(where, []).append(self._names[node])
            owner: Any = None if original.owner is None else original.owner()
            if original.hooks or (owner is not None and owner._hooks):
                hooked.append(self._names[node])
        for where, names in changed.items():
            yield f"{_listed(names)} changed at {where} since then: here are the values of then"
        if any(n.dtype.is_complex and n in self._found.of for n in self._shown):
            yield "of complex numbers a + bi, dL/da + (dL/db)i is shown as the gradient"
        if hooked:
            yield f"there are hooks on {_listed(hooked)}: they are not called here"


def _listed(names: list[str]) -> str:
    """Some names; how many more, if they are many."""
    more = [f"{len(names) - 3} others"] if len(names) > 4 else []
    shown = [*(names[:3] if more else names), *more]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def role(node: Node) -> str:
    """What a node of a private graph is to its loss; see `Step`."""
    if not node.inputs:
        return "trained" if node.needs_grad else "given"
    return "computed" if node.needs_grad else "aside"


def _matrix(rows: list[Reading]) -> Reading:
    return reading(np.stack([r.values.reshape(-1) for r in rows if r.values is not None]))


def _has(what: str, read: Reading) -> bool:
    return bool(read.nans if what == "NaN" else read.infinite)


def _relus(graph: Private) -> dict[Node, Node]:
    """By node `where(x <= 0, 0, x)`: x."""
    found: dict[Node, Node] = {}
    for node in graph.order:
        if node.op.name == "where" and node.inputs[0].op.name == "le":
            condition, zero, x = node.inputs
            bound = condition.inputs[1]
            numbers = [graph.original[n] for n in (zero, bound)]
            if condition.inputs[0] is x and all(
                n.op is const_p and not n.attrs[0] for n in numbers
            ):
                found[node] = x
    return found


def _inner_asides(order: Iterable[Node], operands: Callable[[Node], Iterable[Node]]) -> set[Node]:
    """What no gradient passes through, and nothing else looks at."""
    asides = {node for node in order if role(node) == "aside"}
    outside = {x for node in order if node not in asides for x in operands(node)}
    return asides - outside


def _all_named(shown: list[Node], named: dict[Node, str], root: Node) -> dict[Node, str]:
    """Every node by a name of its own: the loss is L, others are numbered where they have none."""
    found: dict[Node, str] = {root: "L"}
    taken = {"L"}
    wanted = [node for node in shown if node in named and node is not root]
    for node in wanted:
        found[node] = _free(named[node], taken)
    counts: Counter[str] = Counter()
    for node in shown:
        if node in found:
            continue
        letter = "v" if node.inputs else "w" if node.needs_grad else "x"
        while True:
            counts[letter] += 1
            if f"{letter}{counts[letter]}" not in taken:
                break
        found[node] = _free(f"{letter}{counts[letter]}", taken)
    return found


def _free(name: str, taken: set[str]) -> str:
    name = next(
        n for i in range(1, len(taken) + 3) if (n := f"{name}_{i}" if i > 1 else name) not in taken
    )
    taken.add(name)
    return name


def _born(steps: tuple[Step, ...], uses: tuple[Use, ...]) -> Iterable[str]:
    """Where the first NaN or infinity comes from: on the way forward, and on the way back."""
    by_number = {s.number: s for s in steps}
    ends = [steps[-1].value, *(s.gradient for s in steps)]
    if all(x is None or x.finite for x in ends):
        return  # an infinity that nothing comes of, such as that of a mask
    for what in ("NaN", "infinity"):
        s = next((s for s in steps if s.value is not None and _has(what, s.value)), None)
        if s is not None:
            sources = [x for i in s.inputs if (x := by_number.get(i)) is not None]
            given = "; ".join(f"{x.name} is {x.value}" for x in sources)
            how = f"{s.name} = {s.formula}" if s.formula else f"{s.name}, which is given"
            yield f"{what} is born in {how}, {s.place}" + (f": {given}" if given else "")
    if any(s.value is not None and not s.value.finite for s in steps):
        return
    for use in sorted(uses, key=lambda u: -u.user):
        if not use.contribution.finite:
            s, x = by_number[use.user], by_number[use.source]
            yield (
                f"the gradient is not finite from dL/d{x.name} on: {s.name} = {s.formula}, "
                f"{s.place}, passes back {use.contribution}"
            )
            return

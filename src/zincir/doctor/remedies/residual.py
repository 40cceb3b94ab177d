"""Connections around layers: x + layer(x).

On the way back the gradient passes the sum unchanged, however small what comes through the layer
is. Only where what a layer and its activation give has the shape of what they get, and both are
next to each other in an `nn.Sequential`.

References: He et al., "Deep residual learning for image recognition" (2016).
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.rehearsal import Call, Rehearsal
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import WEIGHTED, kind_of, leaves, put, rehearsed
from zincir.nn import Identity, Module, Sequential
from zincir.tensor import Tensor


class Residual(Module):
    """x + layers(x).

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> Residual(nn.ReLU())(zincir.tensor([-1.0, 2.0]))
        tensor([-1.,  4.])
    """

    def __init__(self, *layers: Module) -> None:
        super().__init__()
        self.layers = Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


@remedy("residual", Cost.CONNECTION, ("vanishing_gradient", "exploding_gradient"))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    blocks = _blocks(patient, rehearsed(patient))
    if not blocks:
        raise NotApplicable("no layer with its activation gives the shape that it gets")
    yield Change(
        f"x + layer(x) around {len(blocks)} layers",
        lambda patient: _connect(patient, blocks),
        _CODE + "\n".join(line for block in blocks for line in _lines(block)),
    )


_CODE = """class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


"""


def _blocks(patient: Patient, seen: Rehearsal) -> list[list[str]]:
    """Paths of a layer, what stands behind it, and its activation: one after the other."""
    calls = leaves(seen)
    found: list[list[str]] = []
    for number, call in enumerate(calls):
        if not isinstance(call.module, WEIGHTED):
            continue
        block = [call]
        for behind in calls[number + 1 :]:
            if isinstance(behind.module, WEIGHTED) or not _follows(patient, block, behind.where):
                break
            block.append(behind)
            if kind_of(behind.module):
                if tuple(call.inputs[0].shape) == tuple(behind.outputs[0].shape):
                    found.append([c.where for c in block])
                break
    return _each_once(found)


def _each_once(blocks: list[list[str]]) -> list[list[str]]:
    """Without blocks that have a layer of one before them: layers may run twice."""
    used: set[str] = set()
    found: list[list[str]] = []
    for block in blocks:
        if used.isdisjoint(block):
            used.update(block)
            found.append(block)
    return found


def _follows(patient: Patient, block: list[Call], path: str) -> bool:
    """Whether a module is the next one of the same Sequential."""
    holder, _, name = block[-1].where.rpartition(".")
    other, _, next_name = path.rpartition(".")
    parent = patient.model.get_submodule(holder)
    names = list(parent._modules)
    return (
        type(parent) is Sequential
        and holder == other
        and name in names
        and names.index(name) + 1 < len(names)
        and names[names.index(name) + 1] == next_name
    )


def _connect(patient: Patient, blocks: list[list[str]]) -> None:
    for paths in blocks:
        inner = [patient.model.get_submodule(path) for path in paths]
        put(patient, paths[0], Residual(*inner))
        for path in paths[1:]:
            put(patient, path, Identity())


def _lines(paths: list[str]) -> list[str]:
    inner = ", ".join(f'model.get_submodule("{path}")' for path in paths)
    rest = [f'model.set_submodule("{path}", nn.Identity())' for path in paths[1:]]
    return [f'model.set_submodule("{paths[0]}", Residual({inner}))', *rest]

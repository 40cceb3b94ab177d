"""Dead units of a ReLU live again, and the function stays what it is.

A unit that gives 0 for every sample is drawn anew: its incoming weights as He has it, its bias 0.
Its outgoing weights become 0, so that nothing changes behind it until they have learnt something.
That the outputs are the same is checked. What killed the unit may do so again: a lower learning
rate comes before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from zincir.autograd import no_grad
from zincir.doctor.course import Array
from zincir.doctor.finding import Finding
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, remedy
from zincir.doctor.surgery import Layer, layers, rehearsed
from zincir.tensor import Tensor
from zincir.trees import flatten


@remedy("revive", Cost.WEIGHTS, ("dead_relu",))
def propose(patient: Patient, finding: Finding) -> Iterator[Change]:
    found = _dead(patient)
    count = sum(int(dead.sum()) for _, _, dead in found)
    code = "\n".join(_code(*each) for each in found)
    yield Change(f"{count} dead units drawn anew, outgoing weights 0", _revive, code)


def _dead(patient: Patient) -> list[tuple[Layer, Layer, Array]]:
    """Layers with dead units, the layers behind them, and which units are dead."""
    seen = rehearsed(patient)
    order = layers(seen)
    by_path = {layer.path: number for number, layer in enumerate(order)}
    found: list[tuple[Layer, Layer, Array]] = []
    for place, activity in seen.activities.items():
        number = by_path.get(place.after)
        if place.kind != "relu" or number is None or number + 1 == len(order):
            continue
        layer, behind = order[number], order[number + 1]
        dead = activity.active == 0
        if dead.any() and layer.units == len(dead) and behind.weight.shape[1] % len(dead) == 0:
            found.append((layer, behind, dead))
    if not found:
        raise NotApplicable("no unit is dead now, with a layer behind it that would tell")
    return found


def _revive(patient: Patient) -> None:
    before = [_outputs(patient, x) for x, _ in patient.held]
    for layer, behind, dead in _dead(patient):
        _draw(layer, behind, dead)
        for tensor, mask in _masks(layer, behind, dead):
            _forget(patient.optimizer.state.get(tensor, {}), tensor, mask)
    after = [_outputs(patient, x) for x, _ in patient.held]
    for one, other in zip(before, after, strict=True):
        if not np.allclose(one, other, rtol=1e-4, atol=1e-5):
            raise NotApplicable("the function would not stay the same")


@no_grad()
def _outputs(patient: Patient, x: Any) -> Array:
    leaves = flatten(patient.predict(x))[0]
    return np.concatenate([leaf.numpy().reshape(-1) for leaf in leaves if isinstance(leaf, Tensor)])


@no_grad()
def _draw(layer: Layer, behind: Layer, dead: Array) -> None:
    std = math.sqrt(2 / layer.fans[0])
    for tensor, mask in _masks(layer, behind, dead):
        numbers = tensor.detach().numpy().copy()
        new = np.zeros_like(numbers)
        if tensor is layer.weight:
            new = (tensor.detach().clone().normal_() * std).numpy()
        _write(tensor, np.where(mask, new, numbers))


def _masks(layer: Layer, behind: Layer, dead: Array) -> list[tuple[Tensor, Array]]:
    """Which numbers of which tensors belong to dead units."""
    rows = dead.reshape(-1, *[1] * (layer.weight.ndim - 1))
    repeats = int(behind.weight.shape[1]) // len(dead)
    columns = np.repeat(dead, repeats).reshape(1, -1, *[1] * (behind.weight.ndim - 2))
    masks = [(layer.weight, rows), (behind.weight, columns)]
    return [*masks, *([] if layer.bias is None else [(layer.bias, dead)])]


@no_grad()
def _forget(state: Any, tensor: Tensor, mask: Array) -> None:
    """Let an optimizer forget what it remembers of some numbers."""
    for held in state.values():
        if isinstance(held, Tensor) and held.shape == tensor.shape:
            _write(held, np.where(mask, 0, held.numpy()).astype(held.numpy().dtype))


def _write(tensor: Tensor, numbers: Array) -> None:
    tensor.copy_(Tensor(numbers.astype(tensor.detach().numpy().dtype)))


def _code(layer: Layer, behind: Layer, dead: Array) -> str:
    units = np.flatnonzero(dead).tolist()
    repeats = int(behind.weight.shape[1]) // len(dead)
    columns = units if repeats == 1 else np.flatnonzero(np.repeat(dead, repeats)).tolist()
    lines = [
        "with torch.no_grad():",
        f'    layer, behind = model.get_submodule("{layer.path}"), '
        f'model.get_submodule("{behind.path}")',
        f"    dead, outgoing = {units}, {columns}",
        f"    layer.weight[dead] = {math.sqrt(2 / layer.fans[0]):.4g} * "
        "torch.randn_like(layer.weight[dead])",
        "    behind.weight[:, outgoing] = 0",
    ]
    return "\n".join([*lines, *([] if layer.bias is None else ["    layer.bias[dead] = 0"])])

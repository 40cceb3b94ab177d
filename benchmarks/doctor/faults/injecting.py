"""Faults, put into healthy runs one at a time.

After the operators of DeepCrime (Humbatova et al., ISSTA 2021: its three letters), the faults that
TheDeepChecker (Ben Braiek and Khomh, TOSEM 2022) was tried on, and the static entries of the
catalogue (S1 to S22). Each says which symptoms are right, and in which layer. Operators for whose
faults there is no rule are here as well: they count as misses if they harm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from benchmarks.doctor import nets
from benchmarks.doctor.plan import Plan
from zincir import nn

Layers = Callable[[nn.Module], Iterable[str]]


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is done to a plan, and what should be found."""

    name: str
    source: str
    put: Callable[[Plan], Plan]
    symptoms: tuple[str, ...]
    """Any of these first is right."""
    bases: tuple[str, ...]
    """The runs it is put into."""
    where: Layers | None = None
    """The layers that are right; None: the fault is in none."""
    beyond: bool = False
    """Whether the catalogue has no rule for it: what happened cannot be told from what is left."""
    info: bool = False
    """Whether its rule gives infos by the catalogue: an info with a right symptom is enough."""


FAULTS: list[Fault] = []


def fault(
    name: str,
    source: str,
    symptoms: str,
    bases: str,
    where: Layers | None = None,
    **flags: bool,
) -> Callable[[Callable[[Plan], Plan]], Callable[[Plan], Plan]]:
    """Add a fault to the list."""

    def add(put: Callable[[Plan], Plan]) -> Callable[[Plan], Plan]:
        found = tuple(symptoms.split()), tuple(bases.split())
        FAULTS.append(Fault(name, source, put, *found, where, **flags))
        return put

    return add


# Nets changed ------------------------------------------------------------------------------------


def changed(plan: Plan, change: Callable[[nn.Module], nn.Module | None]) -> Plan:
    """With a net that is made as before and then changed."""
    make = plan.net

    def net() -> nn.Module:
        made = make()
        return change(made) or made

    return plan.but(net=net)


def weighted(net: nn.Module) -> list[str]:
    """The paths of layers with weights of two axes or more, from the input to the output."""
    return [
        name
        for name, m in net.named_modules()
        if any(p.ndim > 1 for p in m.parameters(recurse=False))
    ]


def first(net: nn.Module) -> list[str]:
    return weighted(net)[:1]


def last(net: nn.Module) -> list[str]:
    return weighted(net)[-1:]


def early(net: nn.Module) -> list[str]:
    """The first half of the layers, and what stands between."""
    names = [name for name, _ in net.named_modules() if name]
    half = weighted(net)[: max(1, len(weighted(net)) // 2)]
    return names[: names.index(half[-1]) + 1]


def end(net: nn.Module) -> list[str]:
    """The very last module, and the last one with weights."""
    return [*last(net), [name for name, _ in net.named_modules()][-1]]


def activations(net: nn.Module) -> list[str]:
    kinds = tuple(nets.ACTS.values())
    return [name for name, m in net.named_modules() if isinstance(m, kinds)]


def swap(net: nn.Module, path: str, new: nn.Module) -> None:
    """Put another module where one is."""
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent) if parent else net, name, new)


def beside(net: nn.Module, path: str) -> list[str]:
    """A module, and the ones with weights before and behind it."""
    names = [name for name, _ in net.named_modules()]
    at = names.index(path)
    known = weighted(net)
    before = [n for n in names[:at] if n in known][-1:]
    behind = [n for n in names[at:] if n in known][:1]
    inside = path.rpartition(".")[0]
    return [path, inside, f"{inside}.1", *before, *behind]


def middle(net: nn.Module) -> str:
    """An activation in the middle."""
    found = activations(net)
    return found[(len(found) - 1) // 2]


def followed_by(*more: nn.Module) -> Callable[[nn.Module], nn.Module]:
    def change(net: nn.Module) -> nn.Module:
        return nn.Sequential(*net.children(), *more)

    return change

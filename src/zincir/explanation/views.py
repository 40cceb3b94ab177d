"""Views: what is drawn when a group is open, and what is told step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zincir.explanation.folding import Group
from zincir.explanation.steps import Chain, Step, Use

MOST_DRAWN = 4000
"""So many steps are drawn; groups beyond stay closed."""


@dataclass(frozen=True, eq=False)
class Item:
    """A box: a step, a group, or (neither) a door to what lies outside of the open group.

    Attributes:
        shown: the step whose value and gradient stand in it: of a group the last that is used
            outside of it.
        count: how many steps it is.
    """

    key: str
    title: str
    shown: Step
    step: Step | None = None
    group: Group | None = None
    count: int = 1
    what: str = ""
    """Of a group: what kind of layer it is."""


@dataclass(frozen=True, eq=False)
class View:
    """An open group: its boxes, its arrows, and which uses each arrow stands for.

    Attributes:
        arrows: by the keys of two boxes; no use where no gradient passes.
    """

    group: Group
    items: tuple[Item, ...]
    arrows: dict[tuple[str, str], list[Use]]

    @property
    def order(self) -> list[Item]:
        """What is computed here, in order."""
        return [item for item in self.items if item.step or item.group]


def views(chain: Chain, whole: Group) -> Iterator[View]:
    """A view for each group, from the outside in, as long as there are not too many steps."""
    users: dict[int, list[int]] = {}
    for step in chain.steps:
        for i in step.inputs:
            users.setdefault(i, []).append(step.number)
    drawn = 0
    open_groups = [whole]
    for group in open_groups:
        drawn += len(group.children)
        if drawn > MOST_DRAWN:
            return
        yield _view(chain, group, users)
        open_groups.extend(c for c in group.children if isinstance(c, Group))


def _view(chain: Chain, group: Group, users: dict[int, list[int]]) -> View:
    items: dict[str, Item] = {}
    owner: dict[int, str] = {}
    for child in group.children:
        item = _item(chain, child, users)
        items[item.key] = item
        inside = [child] if isinstance(child, Step) else child.steps()
        owner.update((step.number, item.key) for step in inside)
    doors: dict[str, Item] = {}
    arrows: dict[tuple[str, str], list[Use]] = {}
    for number, key in owner.items():
        step = chain.step(number)
        for i in dict.fromkeys(n for n in step.inputs if n):
            source = owner.get(i) or _door(doors, chain.step(i), "in")
            if source != key:
                found = arrows.setdefault((source, key), [])
                found += [u for u in chain.inputs_of.get(number, ()) if u.source == i]
        if any(user not in owner for user in users.get(number, ())):
            out = _door(doors, step, "out")
            found = arrows.setdefault((key, out), [])
            found += [u for u in chain.users_of.get(number, ()) if u.user not in owner]
    return View(group, (*doors.values(), *items.values()), arrows)


def _item(chain: Chain, child: Group | Step, users: dict[int, list[int]]) -> Item:
    if isinstance(child, Step):
        return Item(f"s{child.number}", child.name, child, step=child)
    steps = list(child.steps())
    inside = {step.number for step in steps}
    outside = [s for s in steps if any(user not in inside for user in users.get(s.number, ()))]
    shown = (outside or steps)[-1]
    return Item(
        f"g{child.path}",
        child.title,
        shown,
        group=child,
        count=len(steps),
        what=chain.layers.get(child.layer, ""),
    )


def _door(doors: dict[str, Item], step: Step, way: str) -> str:
    key = f"{way}{step.number}"
    if key not in doors:
        doors[key] = Item(key, f"from {step.name}" if way == "in" else "on to the loss", step)
    return key

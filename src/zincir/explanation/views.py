"""Views: what is drawn when a group is open, and what is told step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zincir.explanation.folding import Group
from zincir.explanation.language import say
from zincir.explanation.steps import Chain, Step, Use

MOST_DRAWN = 4000
"""So many boxes are drawn; groups beyond stay closed."""
MOST_DOORS = 12


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
        view = _view(chain, group, users)
        drawn += len(view.items)
        if drawn > MOST_DRAWN and drawn > len(view.items):
            return
        yield view
        open_groups.extend(c for c in group.children if isinstance(c, Group))


def _view(chain: Chain, group: Group, users: dict[int, list[int]]) -> View:
    items: dict[str, Item] = {}
    owner: dict[int, str] = {}
    for child in group.children:
        item = _item(chain, child, users)
        items[item.key] = item
        inside = [child] if isinstance(child, Step) else child.steps()
        owner.update((step.number, item.key) for step in inside)
    outside = _Outside(chain, owner)
    arrows: dict[tuple[str, str], list[Use]] = {}
    for number, key in owner.items():
        step = chain.step(number)
        for i in dict.fromkeys(n for n in step.inputs if n):
            source = owner.get(i) or outside.source(i, key)
            if source != key:
                found = arrows.setdefault((source, key), [])
                found += [u for u in chain.inputs_of.get(number, ()) if u.source == i]
        if any(user not in owner for user in users.get(number, ())):
            found = arrows.setdefault((key, outside.way_out(step, key)), [])
            found += [u for u in chain.users_of.get(number, ()) if u.user not in owner]
    return View(group, (*outside.doors.values(), *items.values()), arrows)


class _Outside:
    """The doors of a view: one for each value that comes in, and one for each box that goes out.

    Where more than `MOST_DOORS` values come in, they share one for each box.
    """

    def __init__(self, chain: Chain, owner: Mapping[int, str]) -> None:
        self._chain = chain
        self.doors: dict[str, Item] = {}
        pairs = {
            (i, key)
            for number, key in owner.items()
            for i in chain.step(number).inputs
            if i and i not in owner
        }
        self._shared = len({i for i, _ in pairs}) > MOST_DOORS
        self._into = Counter(key for _, key in pairs)

    def source(self, number: int, key: str) -> str:
        """The door that a value comes in by."""
        step, count = self._chain.step(number), self._into[key]
        if self._shared and count > 1:
            return self._door(f"in{key}", say("from {count} values", count=count), step)
        return self._door(f"in{number}", say("from {name}", name=step.name), step)

    def way_out(self, step: Step, key: str) -> str:
        """The door that the values of a box go out by."""
        return self._door(f"out{key}", say("on to the loss"), step)

    def _door(self, key: str, title: str, step: Step) -> str:
        self.doors.setdefault(key, Item(key, title, step))
        return key


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

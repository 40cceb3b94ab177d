"""A view as SVG: boxes with values and gradients, arrows with local derivatives."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from html import escape

from zincir.explanation.heat import GRADIENTS, VALUES, image
from zincir.explanation.language import say
from zincir.explanation.layout import Layout, Point, laid_out
from zincir.explanation.reading import FEW, Reading, number
from zincir.explanation.steps import Chain, Use
from zincir.explanation.views import Item, View

WIDTH = 176.0
_DOOR = (120.0, 26.0)
_MAP = (74.0, 56.0)
_LETTERS = 23


def drawing(chain: Chain, view: View, opened: set[str], found: Mapping[str, Sequence[int]]) -> str:
    """The SVG of a view.

    Args:
        opened: the paths of groups that have a view, and are opened by a click.
        found: by the path of a layer, the numbers of the doctor's findings there.
    """
    sizes = {item.key: _size(item) for item in view.items}
    places = laid_out(sizes, list(view.arrows))
    arrows = "".join(_arrow(chain, places, pair, uses) + "\n" for pair, uses in view.arrows.items())
    boxes = "".join(
        _box(view.group.path, item, places.boxes[item.key], sizes[item.key], opened, found) + "\n"
        for item in view.items
    )
    width, height = places.width, places.height
    label = say(
        "Graph of {title}: from what is given, at the top, to what it gives",
        title=view.group.title,
    )
    return (
        f"<svg viewBox='0 0 {width:.0f} {height:.0f}' role='group' style='width:{width:.0f}px;"
        f"min-width:{0.7 * width:.0f}px' aria-label='{escape(label)}'>\n{arrows}{boxes}</svg>"
    )


def pretty(text: str) -> str:
    """A formula as it is written on paper, as HTML.

    >>> pretty("L = e ** 2 - w * x")
    'L = e² − w · x'
    >>> pretty("x ** 20"), pretty("x ** 2.5")
    ('x ** 20', 'x ** 2.5')
    """
    text = re.sub(r" \*\* 2(?![\w.])", "²", re.sub(r" \*\* 3(?![\w.])", "³", text))
    text = text.replace(" * ", " · ")
    return escape(text.replace(" - ", " − ").replace("(-", "(−").replace("= -", "= −"))


def _size(item: Item) -> Point:
    if item.step is None and item.group is None:
        return _DOOR
    if _is_drawn(item):
        return WIDTH, 64.0 + _map_height(item) + 20 * (item.shown.gradient is not None)
    return WIDTH, 66.0 if item.shown.gradient is not None else 50.0


def _is_drawn(item: Item) -> bool:
    value = item.shown.value
    return value is not None and value.picture is not None


def _box(
    path: str,
    item: Item,
    middle: Point,
    size: Point,
    opened: set[str],
    found: Mapping[str, Sequence[int]],
) -> str:
    (x, y), (width, height) = middle, size
    left, top = x - width / 2, y - height / 2
    kind = _kind(item)
    opens = item.group is not None and item.group.path in opened
    role = f"data-open='{item.group.path}'" if opens and item.group else ""
    sick = found.get(item.group.layer if item.group else item.step.layer if item.step else "", ())
    role += f" data-found='{' '.join(map(str, sick))}'" * bool(sick)
    label = _spoken(item, opens)
    head = (
        f"<g class='box {kind}' id='{path}-{item.key}' data-step='{item.shown.number}' {role} "
        f"aria-label='{escape(label, quote=True)}' "
        f"transform='translate({left:.0f} {top:.0f})'>"
        f"<rect width='{width:.0f}' height='{height:.0f}' rx='{13 if kind == 'door' else 9}'/>"
    )
    if kind == "door":
        return f"{head}<text x='60' y='17' text-anchor='middle'>{_short(item.title)}</text></g>"
    if sick:
        head += f"<circle class='sick' cx='{width - 12:.0f}' cy='12' r='5'/>"
    if kind == "group":
        head += f"<rect class='lower' x='4' y='{height:.0f}' width='{width - 8:.0f}' height='4'/>"
    return head + _title(item) + _numbers(item) + "</g>"


def _kind(item: Item) -> str:
    if item.group is not None:
        return "group"
    return "door" if item.step is None else item.step.role


def _title(item: Item) -> str:
    if item.group is not None:
        name, text = item.title, item.what or counted(item.count)
        room = max(8, _LETTERS - len(text))
    else:
        name, text = item.shown.name, f"= {item.shown.formula}" if item.shown.formula else ""
        room = 12 if text else _LETTERS
    text = say("given") if item.shown.role == "given" else text
    text = say("trained") if item.shown.role == "trained" and item.group is None else text
    return (
        f"<text class='name' x='10' y='20'>{_short(name, room)} "
        f"<tspan class='what'>{_short(text, _LETTERS - min(len(name), room))}</tspan></text>"
    )


def _numbers(item: Item) -> str:
    value, gradient = item.shown.value, item.shown.gradient
    found = [_line("value", 40, value)]
    drawn = _is_drawn(item)
    if drawn and value is not None:
        found[0] += f"<text class='what' x='10' y='54'>{_short(value.kind, 28)}</text>"
        found.append(_map(value, 10, VALUES, "vmap"))
    if gradient is not None:
        y = 77 + _map_height(item) if drawn else 57
        found.append(_line("gradient", y, gradient))
        if drawn:
            found.append(_map(gradient, 92, GRADIENTS, "gmap"))
    return "".join(found)


def _line(name: str, y: float, read: Reading | None) -> str:
    text = "several values" if read is None else read.brief()
    if read is not None and read.size > 1 and (read.size > FEW or len(text) > 15):
        text = f"rms {number(read.rms, 3)}"
    bad = "" if read is None or read.finite else " bad"
    return (
        f"<text class='{name}{bad}' x='10' y='{y:.0f}'><tspan class='what'>{say(name)}</tspan> "
        f"{_short(pretty_number(text))}</text>"
    )


def pretty_number(text: str) -> str:
    """With a minus in place of a hyphen."""
    return text.replace("-", "−")


def _map(
    read: Reading, x: float, colours: tuple[tuple[int, ...], tuple[int, ...]], kind: str
) -> str:
    if read.picture is None:
        return ""
    width, height = _extent(read)
    return (
        f"<g class='{kind}'><rect class='frame' x='{x}' y='60' width='{width:.0f}' "
        f"height='{height:.0f}'/><image x='{x}' y='60' width='{width:.0f}' height='{height:.0f}' "
        f"preserveAspectRatio='none' href='{image(read.picture, colours)}'/></g>"
    )


def _extent(read: Reading) -> Point:
    """Width and height of a heat map."""
    if read.picture is None:
        return 0.0, 0.0
    rows, columns = read.picture.shape
    scale = min(_MAP[0] / columns, _MAP[1] / rows)
    return max(columns * scale, 9.0), max(rows * scale, 9.0)


def _map_height(item: Item) -> float:
    reads = (item.shown.value, item.shown.gradient)
    return max(_extent(read)[1] for read in reads if read is not None)


def counted(count: int) -> str:
    """How many steps.

    >>> counted(1), counted(7)
    ('1 step', '7 steps')
    """
    return say("1 step") if count == 1 else say("{count} steps", count=count)


def _arrow(chain: Chain, places: Layout, pair: tuple[str, str], uses: Sequence[Use]) -> str:
    points = places.arrows[pair]
    path = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (y0 + y1) / 2
        path += f" C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1:.0f}"
    still = "" if uses else " still"
    names = f"data-from='{pair[0]}' data-to='{pair[1]}'"
    text = _derivative(chain, uses) if len(uses) == 1 else ""
    label = ""
    if text:
        x, y = _middle(points)
        text = pretty(text) if "−" in text else pretty_number(pretty(text))
        left = points[-1][0] - points[0][0] > 1  # beside the curve, away from those of others
        side = f"x='{x - 5:.0f}' text-anchor='end'" if left else f"x='{x + 5:.0f}'"
        label = f"<text class='slope' {side} y='{y + 4:.0f}'>{text}</text>"
    return f"<g class='arrow{still}' {names}><path d='{path}'/>{label}</g>"


def _middle(points: Sequence[Point]) -> Point:
    if len(points) % 2:
        return points[len(points) // 2]
    (x0, y0), (x1, y1) = points[len(points) // 2 - 1], points[len(points) // 2]
    return (x0 + x1) / 2, (y0 + y1) / 2


def _derivative(chain: Chain, uses: Sequence[Use]) -> str:
    """The local derivative, if it can stand beside an arrow."""
    use = uses[0]
    if use.local is not None and use.local.size == 1:
        name = f"d{chain.step(use.user).name}/d{chain.step(use.source).name}"
        value = use.local.brief()
        return f"{name} = {value}" if len(name) < 12 else f"× {value}"
    return f"× {use.formula}" if use.formula and len(use.formula) <= 24 else ""


def _spoken(item: Item, opens: bool) -> str:
    step = item.shown
    what = (
        f"{item.title}, {counted(item.count)}"
        if item.group
        else f"{step.name} {step.formula}".strip()
    )
    parts = [what]
    parts += [f"{say('value')} {_in_short(step.value)}"] if step.value is not None else []
    parts += [f"{say('gradient')} {_in_short(step.gradient)}"] if step.gradient is not None else []
    parts += [say("press Enter to open")] if opens else []
    return "; ".join(parts)


def _in_short(read: Reading) -> str:
    return f"{read.kind} rms {number(read.rms, 3)}" if read.size > FEW else read.brief()


def _short(text: str, letters: int = _LETTERS) -> str:
    text = text if len(text) <= letters else text[: max(letters - 1, 1)] + "…"
    return pretty(text)

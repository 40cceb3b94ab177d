"""Charts as HTML and SVG that fit any width: only shapes are stretched, words are not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from zincir.doctor.picture import Histogram, Series
from zincir.page import flow_class, flow_word

STYLE = """
section, .chart { break-inside: avoid }
.chart { margin: 0 0 1.2rem; padding-top: 1.1rem }
.plot { display: grid; grid-template-columns: 3.6rem 1fr; column-gap: .5rem }
.plot .ys { position: relative; height: 13rem }
.plot .ys span { position: absolute; right: 0; transform: translateY(-50%); white-space: nowrap }
.plot .area { position: relative; height: 13rem; border-left: 1px solid var(--line);
  border-bottom: 1px solid var(--line) }
.plot .area svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible }
.xs { position: relative; height: 1.4rem; grid-column: 2 }
.xs span { position: absolute; transform: translateX(-50%); white-space: nowrap }
.xs span:first-child { transform: none } .xs span:last-child { transform: translateX(-100%) }
.ys, .xs, .key, .note { font-size: .8rem; color: var(--faint) }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .3rem 0 0 4.1rem }
.key i { display: inline-block; width: 1.3rem; height: 0; border-top: 3px solid;
  margin-right: .4rem; vertical-align: middle }
.key i.dashed { border-top-style: dashed; border-top-width: 2px }
polyline { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke;
  stroke-linejoin: round }
.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke }
.mark { stroke: var(--error); stroke-width: 1.5; stroke-dasharray: 3 3;
  vector-effect: non-scaling-stroke }
.guess { stroke: var(--faint); stroke-width: 1.5; stroke-dasharray: 6 4;
  vector-effect: non-scaling-stroke }
.band { fill: var(--good); opacity: .13 }
.flag { position: absolute; top: 0; transform: translate(-.2rem, -105%); white-space: nowrap;
  font-size: .75rem; font-weight: 600; color: var(--error) }
.heat { display: grid; grid-template-columns: minmax(3rem, max-content) 1fr max-content;
  column-gap: .6rem; row-gap: 2px; align-items: center }
.heat .name { max-width: 11rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  text-align: right; font-size: .82rem }
.heat svg { height: 1.35rem; border-radius: 2px; shape-rendering: crispEdges }
.heat.tall svg { height: .8rem }
.heat.tall .name, .heat.tall .word { font-size: .7rem; line-height: 1 }
.heat .word { font-size: .8rem; color: var(--faint); white-space: nowrap }
.heat .word.bad { color: var(--error); font-weight: 600 }
.heat .xs { grid-column: 2 }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .9rem }
.small figure { margin: 0; break-inside: avoid }
.small figcaption { font-size: .82rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap }
.small svg { height: 3.6rem; border-bottom: 1px solid var(--line) }
.small .ends { display: flex; justify-content: space-between; font-size: .72rem;
  color: var(--faint) }
.small .bad { color: var(--error) }
.bars { fill: var(--accent) }
.nothing { fill: var(--none) }
@media (max-width: 36rem) { .plot { grid-template-columns: 2.9rem 1fr } .key { margin-left: 0 }
  .heat .name { max-width: 5.5rem } .plot .ys, .plot .area { height: 10rem } }
"""

COLOURS = ("var(--accent)", "var(--second)", "var(--good)", "var(--error)", "var(--faint)")
NEAR = 70
"""Thousandths of a chart's width that the name of a mark takes."""
TALL = 24
"""Layers above which rows of a heat map are lower."""


def lines(
    series: Mapping[str, Series],
    *,
    marks: Sequence[tuple[int, str]] = (),
    dashed: tuple[str, float] | None = None,
    band: tuple[float, float] | None = None,
    logarithmic: bool | None = None,
) -> str:
    """Numbers over steps, as lines.

    Args:
        marks: steps at which something began, and what it is called.
        dashed: a number to compare with, and its name.
        band: between which numbers all is well.
        logarithmic: whether the scale is; None: where the largest is a hundred times the smallest.
    """
    finite = [v for rows in series.values() for _, v in rows if math.isfinite(v)]
    steps = [s for rows in series.values() for s, _ in rows]
    if not finite or len(steps) < 2:
        return ""
    if dashed is not None:
        finite.append(dashed[1])
    if logarithmic is None:
        logarithmic = min(finite) > 0 and max(finite) > 100 * min(finite)
    scale = _Scale(min(finite), max(finite), logarithmic)
    first, last = min(steps), max(max(steps), min(steps) + 1)

    def x(step: float) -> float:
        return 1000 * (step - first) / (last - first)

    shapes = [
        f"<line class='grid' x1='0' x2='1000' y1='{y:.1f}' y2='{y:.1f}'/>"
        for y in (scale.y(t) for t in scale.ticks)
    ]
    if band is not None:
        top, bottom = scale.y(band[1]), scale.y(band[0])
        shapes.insert(0, f"<rect class='band' x='0' width='1000' y='{top:.1f}' "
                         f"height='{max(0.0, bottom - top):.1f}'/>")  # fmt: skip
    if dashed is not None:
        y = scale.y(dashed[1])
        shapes.append(f"<line class='guess' x1='0' x2='1000' y1='{y:.1f}' y2='{y:.1f}'/>")
    for colour, rows in zip(_cycle(len(series)), series.values(), strict=True):
        points = " ".join(f"{x(s):.1f},{scale.y(v):.1f}" for s, v in rows if math.isfinite(v))
        shapes.append(f"<polyline style='stroke:{colour}' points='{points}'/>")
    flags: list[str] = []
    for at, name in _together([(min(1000.0, max(0.0, x(s))), name) for s, name in marks]):
        shapes.append(f"<line class='mark' x1='{at:.1f}' x2='{at:.1f}' y1='0' y2='1000'/>")
        flags.append(f"<span class='flag' style='left:{at / 10:.2f}%'>{escape(name)}</span>")
    ys = "".join(
        f"<span style='top:{scale.y(t) / 10:.2f}%'>{_number(t)}</span>" for t in scale.ticks
    )
    return (
        f"<div class='chart'><div class='plot'><div class='ys'>{ys}</div><div class='area'>"
        f"{_svg(''.join(shapes), 1000, 1000)}{''.join(flags)}</div>"
        f"{_steps([int(first), int((first + last) / 2), int(last)])}</div>"
        f"{_key(list(series), dashed)}</div>"
    )


def _together(marks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Marks that are too near to one another for their names are one."""
    found: list[tuple[float, list[str]]] = []
    for at, name in sorted(marks):
        if found and at - found[-1][0] < NEAR:
            found[-1][1].append(name)
        else:
            found.append((at, [name]))
    return [(at, ", ".join(dict.fromkeys(names))) for at, names in found]


class _Scale:
    """From numbers to heights: 0 is the top, 1000 the bottom."""

    def __init__(self, low: float, high: float, logarithmic: bool) -> None:
        self._log = logarithmic
        if logarithmic:
            low, high = math.log10(low), math.log10(high)
            low, high = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
            every = max(1, round((high - low) / 5))
            self.ticks = [10.0**k for k in range(int(low), int(high) + 1, every)]
        else:
            span = (high - low) or abs(high) or 1.0
            step = _round_step(span / 4)
            low, high = math.floor(low / step) * step, math.ceil(high / step) * step
            count = round((high - low) / step)
            self.ticks = [low + k * step for k in range(count + 1)]
        self._low, self._span = low, (high - low) or 1.0

    def y(self, value: float) -> float:
        """The height of a value, inside of the chart."""
        if self._log:
            value = math.log10(value) if value > 0 else self._low
        return 1000 - 1000 * min(1.0, max(0.0, (value - self._low) / self._span))


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= rough * 0.999)


def heat_map(layers: Sequence[str], steps: Sequence[int], flow: Sequence[Sequence[float]]) -> str:
    """Gradients by layer and step, in those of the last layer; what they are now in a word."""
    if not layers or not steps:
        return ""
    rows: list[str] = []
    for name, values in zip(layers, flow, strict=True):
        ratios = [_over(v, end) for v, end in zip(values, flow[-1], strict=True)]
        cells = "".join(
            f"<rect class='{_shade(r)}' x='{k}' y='0' width='1.02' height='1'>"
            f"<title>{escape(name)}, step {step}: {_number(v)}, {_number(r)} of the last layer's"
            "</title></rect>"
            for k, (r, v, step) in enumerate(zip(ratios, values, steps, strict=True))
        )
        word = flow_word(ratios[-1]) if math.isfinite(ratios[-1]) else "not finite"
        bad = " bad" if word in ("none", "vanishing", "exploding", "not finite") else ""
        rows.append(
            f"<span class='name mono' title='{escape(name)}'>{escape(name)}</span>"
            f"{_svg(cells, len(steps), 1)}<span class='word{bad}'>{word}</span>"
        )
    shown = [steps[0], steps[len(steps) // 2], steps[-1]] if len(steps) > 2 else []
    tall = " tall" if len(layers) > TALL else ""
    axis = f"<span></span>{_steps(shown)}<span></span>" if shown else ""
    return f"<div class='chart'><div class='heat{tall}'>{''.join(rows)}{axis}</div></div>"


def _over(value: float, last: float) -> float:
    return value / last if last > 0 else math.nan


def _shade(ratio: float) -> str:
    return "nothing" if math.isnan(ratio) else flow_class(ratio)


def histograms(found: Sequence[Histogram], *, ends: str = "{:g}") -> str:
    """Several beside one another, each as high as its highest bar."""
    figures: list[str] = []
    for h in found:
        top = max(*h.counts, 1)
        bars = "".join(
            f"<rect x='{k + 0.06:.2f}' width='.88' y='{1 - c / top:.4f}' height='{c / top:.4f}'/>"
            for k, c in enumerate(h.counts)
            if c
        )
        bad = " class='bad'" if h.bad else ""
        figures.append(
            f"<figure><figcaption class='mono' title='{escape(h.label)}'>{escape(h.label)}"
            f"</figcaption>{_svg(f'<g class=bars>{bars}</g>', len(h.counts), 1)}"
            f"<div class='ends'><span>{ends.format(h.low)}</span><span{bad}>{escape(h.note)}</span>"
            f"<span>{ends.format(h.high)}</span></div></figure>"
        )
    return f"<div class='chart small'>{''.join(figures)}</div>" if figures else ""


def _svg(inside: str, width: int, height: int) -> str:
    return f"<svg viewBox='0 0 {width} {height}' preserveAspectRatio='none'>{inside}</svg>"


def _cycle(count: int) -> list[str]:
    return [COLOURS[k % len(COLOURS)] for k in range(count)]


def _steps(shown: Sequence[int]) -> str:
    span = max(1, len(shown) - 1)
    names = "".join(
        f"<span style='left:{100 * k / span:.0f}%'>{'step ' if k == 0 else ''}{step}</span>"
        for k, step in enumerate(shown)
    )
    return f"<div class='xs'>{names}</div>"


def _key(names: Sequence[str], dashed: tuple[str, float] | None) -> str:
    parts = [
        f"<span><i style='color:{c}'></i>{escape(n)}</span>"
        for n, c in zip(names, _cycle(len(names)), strict=True)
    ]
    if dashed is not None:
        parts.append(f"<span><i class='dashed' style='color:var(--faint)'></i>{escape(dashed[0])}"
                     f" ({_number(dashed[1])})</span>")  # fmt: skip
    return f"<div class='key'>{''.join(parts)}</div>"


def _number(value: float) -> str:
    """Short, and never 1e+00.

    >>> [_number(v) for v in (0.0, 1.0, 0.25, 12345.0, 1e-6, float("nan"))]
    ['0', '1', '0.25', '1.2e4', '1e-6', 'nan']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"

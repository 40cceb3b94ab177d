"""Four ways in which back-propagation fails on handwritten digits: seen, located, and cured.

    python examples/failures.py --html failures.html

Vanishing gradients in a deep net of sigmoids, exploding ones behind weights that are too large,
dead units of a ReLU, and dropout from none to all. The doctor says what is wrong, where and since
when; `doctor.cure` tries a remedy beside the same steps without it, and the training goes on with
it. The digits ship with Zincir; it takes about a minute.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import zincir
from zincir import doctor, nn
from zincir.data import load_digits

Rows = list[tuple[str, ...]]
Series = Mapping[str, Sequence[tuple[float, float]]]
EVERY = 4
"""Every how many steps the doctor measures."""


# --- training -------------------------------------------------------------------------------


@dataclass
class Data:
    """Digits to train on and to test with, and how long."""

    train: tuple[Any, Any]
    test: tuple[Any, Any]
    epochs: int
    steps: int
    """Of a trial."""


@dataclass
class Outcome:
    """What became of a training."""

    report: doctor.Report
    readings: list[Any]
    shapes: list[str]
    loss: float
    accuracy: float

    def gradients(self) -> list[tuple[float, float]]:
        """The gradient of each weight, nearest to the input first: medians over the training."""
        found = []
        for number, name in enumerate(self.shapes, 1):
            sizes = [r.gauges[name].gradient for r in self.readings if name in r.gauges]
            finite = [s for s in sizes if math.isfinite(s) and s > 0]
            if finite:
                found.append((float(number), float(np.median(finite))))
        return found

    def losses(self) -> list[tuple[float, float]]:
        """The training loss in time."""
        pairs = [(r.step, value) for r in self.readings for value in r.losses.values()]
        return [(float(step), value) for step, value in pairs if math.isfinite(value)]

    def dead(self) -> list[tuple[float, float]]:
        """The share of units of all ReLUs that fire for no sample of a reading, in time."""
        found = []
        for reading in self.readings:
            silent = [a.active == 0 for p, a in reading.places.items() if p.kind == "relu"]
            if silent:
                found.append((float(reading.step), float(np.concatenate(silent).mean())))
        return found


def trainer_of(net: nn.Module, rate: float) -> zincir.Trainer:
    """SGD on a cross-entropy; the doctor watches from outside."""
    optimizer = zincir.optim.SGD(net.parameters(), lr=rate)
    return zincir.Trainer(
        net, nn.CrossEntropyLoss(), optimizer, seed=0, metrics=["accuracy"], doctor="off"
    )


def trained(trainer: zincir.Trainer, data: Data) -> Outcome:
    """Train under the doctor's eyes."""
    with doctor.watch(trainer.model, trainer.optimizer, every=EVERY) as exam:
        trainer.fit(data.train, epochs=data.epochs, progress=False, allow_nan=True)
    course = exam.exam.course
    tested = trainer.evaluate(data.test)
    accuracy = float(tested["accuracy"]) if math.isfinite(tested["loss"]) else math.nan
    return Outcome(exam.report(), course.readings, course.weights, tested["loss"], accuracy)


def digits_net(depth: int, activation: Callable[[], nn.Module], scale: float = 0.0) -> nn.Module:
    """A net of `depth` hidden layers of 32 units; `scale` times He's weights, or the usual ones."""
    zincir.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for number in range(depth):
        layers += [nn.Linear(64 if number == 0 else 32, 32), activation()]
    net = nn.Sequential(*layers, nn.Linear(32, 10))
    for layer in net:
        if scale and isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=scale * math.sqrt(2 / layer.in_features))
    return net


# --- the four failures ----------------------------------------------------------------------


@dataclass
class Section:
    """One failure: what was seen, what was tried, and how it looks."""

    title: str
    says: list[str]
    header: tuple[str, ...]
    rows: Rows = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)


def said(report: doctor.Report, symptom: str) -> str:
    """What the doctor says of a symptom."""
    findings = report.of(symptom)
    return findings[0].text(brief=True) if findings else f"{symptom}: not seen"


def only(report: doctor.Report, symptom: str) -> doctor.Report:
    """The report with one symptom."""
    return doctor.Report(tuple(report.of(symptom)))


def treat(
    trainer: zincir.Trainer, data: Data, report: doctor.Report, remedy: str
) -> tuple[doctor.Cure, Outcome]:
    """Try one remedy, and train on."""
    cure = doctor.cure(
        trainer, data.train, report, allow="architecture", remedies=[remedy], steps=data.steps
    )
    return cure, trained(trainer, data)


def row(name: str, outcome: Outcome, cure: doctor.Cure | None = None) -> tuple[str, ...]:
    """A training as a row of a table."""
    left = [f.symptom for f in outcome.report.findings if f.severity != doctor.Severity.INFO]
    tried = name if cure is None else f"{name}: {cure.accepted.what if cure.accepted else 'no'}"
    found = ", ".join(dict.fromkeys(left)) or "nothing"
    right = "" if math.isnan(outcome.accuracy) else f"{outcome.accuracy:.1%}"
    return tried, f"{outcome.loss:.3g}", right, found


HEADER = ("training", "test loss", "right", "the doctor finds")


def vanishing(data: Data) -> Section:
    """A deep net of sigmoids, and three cures."""

    def make() -> zincir.Trainer:
        return trainer_of(digits_net(6, nn.Sigmoid), 0.2)

    sick = trained(make(), data)
    report = only(sick.report, "vanishing_gradient")
    section = Section(
        "Vanishing gradients: six layers of sigmoids",
        [said(sick.report, "vanishing_gradient")], HEADER, [row("as it is", sick)],
    )  # fmt: skip
    by_layer = {"as it is": sick.gradients()}
    for name, remedy in (
        ("ReLU", "relu"), ("batch normalisation", "batch_norm"), ("residual", "residual"),
    ):  # fmt: skip
        cure, cured = treat(make(), data, report, remedy)
        section.rows.append(row(name, cured, cure))
        by_layer[name] = cured.gradients()
    section.pictures.append(
        picture("gradient of each layer's weights", "layer, from the input", by_layer, log=True)
    )
    return section


TOO_LARGE = 1.8
"""Times the weights that suit a ReLU."""


def exploding(data: Data) -> Section:
    """Weights that are too large, in eight layers."""

    def make() -> zincir.Trainer:
        return trainer_of(digits_net(8, nn.ReLU, TOO_LARGE), 0.02)

    sick = trained(make(), data)
    report = only(sick.report, "exploding_gradient")
    section = Section(
        f"Exploding gradients: weights {TOO_LARGE} times as large as He's, in eight layers",
        [said(sick.report, "exploding_gradient"), said(sick.report, "non_finite")],
        HEADER, [row("as it is", sick)],
    )  # fmt: skip
    losses = {"as it is": sick.losses()}
    by_layer = {"as it is": sick.gradients()}
    for name, remedy in (
        ("batch normalisation", "batch_norm"), ("lower learning rate", "lower_rate"),
    ):  # fmt: skip
        cure, cured = treat(make(), data, report, remedy)
        section.rows.append(row(name, cured, cure))
        losses[name], by_layer[name] = cured.losses(), cured.gradients()
    section.pictures += [
        picture("gradient of each layer's weights", "layer, from the input", by_layer, log=True),
        picture("training loss", "step", losses, log=True),
    ]
    return section


RATE_OF_DEATH, RATE_AFTER = 8.0, 0.1


def dead(data: Data) -> Section:
    """Steps that are too long kill units of a ReLU; a lower rate alone does not wake them."""

    def make() -> zincir.Trainer:
        return trainer_of(digits_net(3, nn.ReLU), RATE_OF_DEATH)

    trainer = make()
    sick = trained(trainer, data)
    report = only(sick.report, "dead_relu")
    section = Section(
        f"Dead ReLU units: a learning rate of {RATE_OF_DEATH:g}",
        [said(sick.report, "dead_relu")], HEADER, [row("as it is", sick)],
    )  # fmt: skip
    cure, lower = treat(make(), data, report, "lower_rate")
    section.rows.append(row("lower learning rate from the start", lower, cure))
    trainer.optimizer.param_groups[0]["lr"] = RATE_AFTER
    late = trained(trainer, data)
    section.rows.append(row(f"a rate of {RATE_AFTER:g} after the death", late))
    cure, revived = treat(trainer, data, only(late.report, "dead_relu"), "revive")
    section.rows.append(row("revival after that", revived, cure))
    section.pictures.append(
        picture("share of units that fire for no sample", "step", {
            "as it is": sick.dead(), "lower learning rate": lower.dead(),
            "a lower rate too late": late.dead(), "revival": revived.dead(),
        })
    )  # fmt: skip
    return section


SHARES = (0.0, 0.2, 0.5, 0.8, 1.0)
FEW = 200
"""Digits to train on, so that a net can learn them by heart."""


def dropout(data: Data) -> Section:
    """From no regularisation to nothing left to learn."""
    few = data.train[0][:FEW], data.train[1][:FEW]
    section = Section(
        f"Dropout: from 0.0 to 1.0, on {FEW} digits", [],
        ("dropout", "training loss", "test loss", "gap", "right", "before the first step"),
    )  # fmt: skip
    bars: dict[str, list[tuple[float, float]]] = {"training": [], "test": []}
    for p in SHARES:
        zincir.manual_seed(0)
        with warnings.catch_warnings():  # the layer itself warns of a share of 1
            warnings.simplefilter("ignore")
            net = nn.Sequential(
                nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(p),
                nn.Linear(128, 128), nn.ReLU(), nn.Dropout(p), nn.Linear(128, 10),
            )  # fmt: skip
        optimizer = zincir.optim.Adam(net.parameters(), lr=2e-3)
        before = doctor.checkup(net, nn.CrossEntropyLoss(), optimizer, few)
        trainer = zincir.Trainer(
            net, nn.CrossEntropyLoss(), optimizer, seed=0, metrics=["accuracy"], doctor="off"
        )
        trainer.fit(few, epochs=8 * data.epochs, progress=False)
        own, tested = trainer.evaluate(few), trainer.evaluate(data.test)
        gap = tested["loss"] - own["loss"]
        warned = ", ".join(before.symptoms) or "nothing"
        section.rows.append(
            (f"{p:.1f}", f"{own['loss']:.3f}", f"{tested['loss']:.3f}", f"{gap:.3f}",
             f"{tested['accuracy']:.1%}", warned)
        )  # fmt: skip
        bars["training"].append((p, own["loss"]))
        bars["test"].append((p, tested["loss"]))
        if p == 1:
            section.says.append(said(before, "dropout_everything"))
    section.pictures.append(picture("loss at the end", "dropout", bars))
    return section


# --- telling --------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Rows) -> str:
    """A table in Markdown."""
    lines = [tuple(header), ("---",) * len(header), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        f"| {' | '.join(cell.ljust(w) for cell, w in zip(line, widths, strict=True))} |"
        for line in lines
    )


COLORS = ("#c8553d", "#2a9d8f", "#33658a", "#e0a43e", "#6d597a")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 300, 70, 30, 40


def picture(title: str, along: str, series: Series, *, log: bool = False) -> str:
    """Lines as SVG; with `log` the upward axis has powers of ten."""
    points = [p for line in series.values() for p in line if not log or p[1] > 0]
    if not points:
        return ""
    xs = [x for x, _ in points]
    ys = [math.log10(y) if log else y for _, y in points]
    low, high = min([*ys, *([] if log else [0.0])]), max(ys)
    low, high = (math.floor(low), math.ceil(high)) if log else (low, high * 1.05 or 1.0)
    span, rise = (max(xs) - min(xs)) or 1.0, (high - low) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        y = math.log10(y) if log else y
        right = LEFT + (x - min(xs)) / span * (WIDTH - LEFT - 20)
        return right, HEIGHT - BOTTOM - (y - low) / rise * (HEIGHT - TOP - BOTTOM)

    parts = [f"<text x='{LEFT}' y='18' class='title'>{escape(title)}</text>"]
    parts.append(f"<text x='{WIDTH - 20}' y='{HEIGHT - 6}' class='end'>{escape(along)}</text>")
    step = max(1, math.ceil(rise / 6)) if log else rise / 5
    for number in range(int(rise / step + 1e-9) + 1):
        value = low + number * step
        up = HEIGHT - BOTTOM - (value - low) / rise * (HEIGHT - TOP - BOTTOM)
        label = f"{10**value:.0e}" if log else f"{value:.2g}"
        parts.append(f"<path d='M{LEFT} {up:.1f}H{WIDTH - 20}' class='grid'/>")
        parts.append(f"<text x='{LEFT - 6}' y='{up + 4:.1f}' class='end'>{label}</text>")
    few = sorted(set(xs))
    for x in few if len(few) <= 12 else np.linspace(min(xs), max(xs), 6).round().tolist():
        at = LEFT + (x - min(xs)) / span * (WIDTH - LEFT - 20)
        parts.append(f"<text x='{at:.1f}' y='{HEIGHT - 22}' class='mid'>{x:.3g}</text>")
    legend: list[str] = []
    for color, (name, line) in zip(COLORS, series.items(), strict=False):
        drawn = [place(x, y) for x, y in line if not log or y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        parts.append(f"<polyline points='{path}' style='stroke:{color}'/>")
        if len(drawn) < 12:
            parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{color}'/>" for x, y in drawn]
        legend.append(f"<span style='color:{color}'>&#9632;</span> {escape(name)}")
    shape = f"viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{escape(title)}'"
    return f"<svg {shape}>{''.join(parts)}</svg><p class='legend'>{' &nbsp; '.join(legend)}</p>"


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 58rem; padding: 0 1rem;
  color: #1d2430; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
pre { background: #f5f6f8; border-left: 5px solid #c77700; padding: .7rem 1rem; overflow-x: auto;
  font-size: .82rem }
table { border-collapse: collapse; font-size: .9rem; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #e2e5ea;
  vertical-align: top }
svg { width: 100%; max-width: 640px; display: block; margin-top: 1rem }
svg text { font: 12px system-ui, sans-serif; fill: #4a5568 } svg .title { font-weight: 600 }
svg .end { text-anchor: end } svg .mid { text-anchor: middle }
svg .grid { stroke: #e5e5e5 } polyline { fill: none; stroke-width: 2 }
.legend { font-size: .85rem; margin: 0 }
"""


def page(sections: Sequence[Section]) -> str:
    """All of it as one page that needs no other file."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>How back-propagation fails</title><style>{STYLE}</style></head><body>"
        "<h1>How back-propagation fails, and what cures it</h1>"
        "<p>Made by <code>python examples/failures.py --html</code>, on 1,797 handwritten digits. "
        "Each cure was tried beside the same steps without it before it was accepted.</p>"
    ]
    for section in sections:
        head = "".join(f"<th>{escape(name)}</th>" for name in section.header)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
            for cells in section.rows
        )
        parts.append(f"<h2>{escape(section.title)}</h2>")
        parts += [f"<pre>{escape(text)}</pre>" for text in section.says]
        parts.append(f"<table><tr>{head}</tr>{rows}</table>")
        parts += section.pictures
    return "\n".join([*parts, "</body></html>", ""])


# --- the command ----------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8, help="of each training")
    parser.add_argument("--steps", type=int, default=240, help="of each trial of a cure")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    options = parser.parse_args(arguments)
    if options.epochs < 1 or options.steps < 16:
        parser.error("at least 1 epoch, and trials of 16 steps")
    x, y, x_test, y_test = load_digits()
    data = Data((x, y), (x_test, y_test), options.epochs, options.steps)
    sections: list[Section] = []
    for make in (vanishing, exploding, dead, dropout):
        section = make(data)
        sections.append(section)
        print(f"\n## {section.title}\n")
        for text in section.says:
            print("\n".join(f"    {line}" for line in text.splitlines()), end="\n\n")
        print(table(section.header, section.rows))
    if options.html is not None:
        options.html.write_text(page(sections), encoding="utf-8")
        print(f"\nwritten to {options.html}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A detector finds garments, or digits, in scenes that are composed of real images.

    python examples/detection.py                            # the whole training
    python examples/detection.py --scenes 200 --epochs 2    # a quick try

A net of one stage without anchors (`zincir.models.Detector`) is trained on scenes with exact boxes
and their mirror images, and tried on scenes made of images that it has not seen: COCO's mean
average precision. Fashion-MNIST is used if its files are found, otherwise the digits that ship
with Zincir. Writes `detection.csv` and `detection.png`, scenes with what was found in them, into
`out`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import zincir
from zincir import optim
from zincir.data import Scenes
from zincir.errors import ZincirError
from zincir.metrics import MeanAveragePrecision
from zincir.models import Detector, detection_loss, detections
from zincir.trainer import CSVLog, Trainer

SIZE, BATCH, RATE, DECAY = 96, 16, 3e-3, 0.05
HELD_BACK = 200
SHOWN, SURE = 8, 0.4
"""Scenes in the picture, and the score from which on a box is drawn."""


def mirrored(images: Any, places: Any, labels: Any) -> tuple[Any, Any]:
    """Every image, and its mirror image with its boxes."""
    width = images.shape[3]
    other = places.copy()
    there = labels >= 0
    other[there, 0], other[there, 2] = width - places[there, 2], width - places[there, 0]
    both = np.concatenate([images, images[..., ::-1]])
    return both, (np.concatenate([places, other]), np.concatenate([labels, labels]))


def train(scenes: int, epochs: int, seed: int, source: str | None, out: Path) -> dict[str, Any]:
    """Train, and say how well the held-back scenes are told; the picture is drawn besides."""
    options: dict[str, Any] = {"size": SIZE, "scale": (0.2, 0.5), "source": source}
    training = Scenes(scenes, "train", objects=(1, 5), **options)
    test = Scenes(HELD_BACK, "test", objects=(1, 5), **options)
    images, boxes = training.arrays()
    print(f"{scenes} scenes of {training.source}, {int((boxes.labels >= 0).sum())} objects")
    zincir.manual_seed(seed)
    model = Detector(len(training.classes))
    optimizer = optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)

    def schedule(optimizer: Any, updates: int) -> Any:
        return optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=updates)

    log = CSVLog(out / "detection.csv")
    trainer = Trainer(model, detection_loss, optimizer, scheduler=schedule, callbacks=[log],
                      seed=seed)  # fmt: skip
    data = mirrored(images, boxes.places, boxes.labels)
    trainer.fit(data, epochs=epochs, batch_size=BATCH, progress=True)
    pictures, targets = zip(*(test[i] for i in range(len(test))), strict=True)
    found = detections(trainer.predict(np.stack(pictures), batch_size=50))
    metric = MeanAveragePrecision()
    metric.update(found, list(targets))
    draw(pictures[:SHOWN], found[:SHOWN], test.classes, out / "detection.png")
    return metric.compute()


def draw(pictures: Sequence[Any], found: Sequence[Any], classes: Sequence[str], path: Path) -> None:
    """Scenes beside one another, with boxes, classes and scores."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure: Any = Figure(figsize=(12, 6.4), layout="constrained")
    panels = figure.subplots(2, (len(pictures) + 1) // 2).flat
    for axes, picture, boxes in zip(panels, pictures, found, strict=False):
        axes.imshow(picture.transpose(1, 2, 0))
        axes.set_axis_off()
        rows = zip(*(boxes[name].tolist() for name in ("boxes", "scores", "labels")), strict=True)
        for (left, top, right, bottom), score, label in rows:
            if score >= SURE:
                corners = [left, right, right, left, left], [top, top, bottom, bottom, top]
                axes.plot(*corners, color="white", linewidth=3)
                axes.plot(*corners, color="black", linewidth=1)
                axes.text(left, top - 1, f"{classes[label]} {score:.2f}", fontsize=8,
                          bbox={"facecolor": "white", "pad": 0.5, "linewidth": 0})  # fmt: skip
    figure.savefig(path, dpi=110)


def main(argv: Sequence[str] | None = None) -> None:
    """Train and report."""
    parser = argparse.ArgumentParser(description="Objects found in scenes.")
    parser.add_argument("--scenes", type=int, default=3000, help="to train on")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", choices=("fashion-mnist", "digits"))
    parser.add_argument("--out", type=Path, default=Path("out"))
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        found = train(given.scenes, given.epochs, given.seed, given.source, given.out)
    except ZincirError as error:
        sys.exit(str(error))
    names = ("map", "map_50", "map_75", "mar_100")
    print(", ".join(f"{name} {float(found[name]):.3f}" for name in names))


if __name__ == "__main__":
    main()

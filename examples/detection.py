"""A detector finds garments, or digits, in scenes that are composed of real images.

    python examples/detection.py                            # the whole training
    python examples/detection.py --scenes 200 --epochs 2    # a quick try

A net of one stage without anchors (`zincir.models.Detector`) is trained on scenes with exact boxes,
half of them put together from parts of four and mirrored at random, and tried on scenes made of
images that it has not seen: COCO's mean average precision. Fashion-MNIST is used if its files are
found, otherwise the digits that ship with Zincir. Writes `detection.csv` and `detection.png`,
scenes with what was found in them, into `out`.

These are the parts; `zincir train detect FOLDER` puts them together for images of your own.
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
from zincir.data import Scenes, augment, draw_boxes, image_grid, write_image
from zincir.errors import ZincirError
from zincir.metrics import MeanAveragePrecision
from zincir.models import Detector, detection_loss, detections
from zincir.trainer import CSVLog, Trainer

SIZE, BATCH, RATE, DECAY, MOSAICS = 96, 16, 3e-3, 0.05, 0.5
HELD_BACK = 200
SHOWN, SURE, ENLARGED = 8, 0.4, 3
"""Scenes in the picture, the score from which on a box is drawn, and pixels for one of a scene."""


def train(scenes: int, epochs: int, seed: int, source: str | None, out: Path) -> None:
    """Train, say how well objects of the held-back scenes are found, and draw some of them."""
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
    chain = augment.Compose([augment.Mosaic(MOSAICS), augment.RandomHorizontalFlip()], seed)
    trainer.fit((images, boxes), epochs=epochs, batch_size=BATCH, augment=chain, progress=True)
    pictures, targets = zip(*(test[i] for i in range(len(test))), strict=True)
    found = detections(trainer.predict(np.stack(pictures), batch_size=50))
    metric = MeanAveragePrecision()
    metric.update(found, list(targets))
    values = metric.compute()
    names = ("map", "map_50", "map_75", "mar_100")
    print(", ".join(f"{name} {float(values[name]):.3f}" for name in names))
    draw(pictures[:SHOWN], found[:SHOWN], test.classes, out / "detection.png")


def draw(pictures: Sequence[Any], found: Sequence[Any], classes: Sequence[str], path: Path) -> None:
    """Scenes beside one another, with boxes, classes and scores."""
    drawn: list[Any] = []
    for picture, boxes in zip(pictures, found, strict=True):
        sure = boxes["scores"].numpy() >= SURE
        places, scores, labels = (boxes[key].numpy()[sure] for key in ("boxes", "scores", "labels"))
        texts = [f"{classes[k]} {s:.2f}" for k, s in zip(labels, scores, strict=True)]
        drawn.append(draw_boxes(picture, places, texts, labels, scale=ENLARGED))
    write_image(path, image_grid(drawn))


def main(argv: Sequence[str] | None = None) -> None:
    """Train and report."""
    parser = argparse.ArgumentParser(description="Objects found in scenes.")
    parser.add_argument("--scenes", type=int, default=3000, help="to train on")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", choices=("fashion-mnist", "digits"))
    parser.add_argument("--out", type=Path, default=Path("out"))
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        train(given.scenes, given.epochs, given.seed, given.source, given.out)
    except ZincirError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

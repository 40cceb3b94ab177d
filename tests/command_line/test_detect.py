"""`zincir train detect`, as a new user types it: folders of YOLO's and COCO's form."""

import json
import shutil

import numpy as np
import pytest

from zincir.cli import main
from zincir.data import (
    Letterboxed,
    Scenes,
    detection_parts,
    read_image,
    true_boxes,
    write_detections,
)
from zincir.data.augment import pad_boxes
from zincir.metrics import MeanAveragePrecision
from zincir.models import detections
from zincir.ops import clip_boxes_to_image
from zincir.tasks import Detections, Options, open_run
from zincir.trainer import Trainer

pytest.importorskip("PIL", reason="Pillow is not installed: no images are read")


class Squares:
    """Images of different sizes with a red or a blue square, and now and then none."""

    classes = ("red", "blue")

    def __init__(self, count, seed=0):
        self.samples = [self._made(np.random.default_rng([seed, k]), k) for k in range(count)]

    def _made(self, random, k):
        size = random.integers(48, 97, 2)
        image = random.integers(90, 130, (3, *size)).astype(np.uint8)
        boxes, labels = [], []
        if k % 8 != 7:
            side = int(random.integers(16, 33))
            top, left = (int(random.integers(0, n - side)) for n in size)
            kind = int(random.integers(2))
            image[:, top : top + side, left : left + side] = 0
            image[2 * kind, top : top + side, left : left + side] = 255
            boxes, labels = [[left, top, left + side, top + side]], [kind]
        target = {
            "boxes": np.array(boxes, np.float32).reshape(-1, 4),
            "labels": np.array(labels, np.int64),
        }
        return image, target

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("squares")
    write_detections(Squares(64), root / "yolo", "train")
    write_detections(Squares(24, seed=1), root / "yolo", "val")
    return root / "yolo"


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    words = ("train", "detect", folder, "--out", out, "--epochs", 30, "--model", "detector-small",
             "--size", 64, "--batch-size", 8, "--quiet")  # fmt: skip
    main([str(word) for word in words])
    return out


def test_it_learns_and_answers_in_pixels_of_the_images(folder, trained, run, tmp_path):
    code, text, _ = run("eval", trained, folder, "--json")
    measured = json.loads(text)
    assert code == 0
    each = [name for name in measured if name.startswith("map of ")]
    assert set(measured) == {"loss", "map", "map_50", "map_75", *each}
    assert np.mean([measured[name] for name in each]) == pytest.approx(measured["map"], rel=1e-5)
    assert measured["map_50"] > 0.8
    assert open_run(trained).evaluate(str(folder)) == measured
    run("eval", trained, folder, "--pictures", tmp_path / "eval")
    assert read_image(tmp_path / "eval" / "found.png").shape[0] == 3
    names = [folder / "images" / "val" / f"{k:06d}.png" for k in (0, 1, 7)]
    pictures = tmp_path / "pictures"
    words = ("predict", trained, *names, "--json", "--pictures", pictures)
    rows = [json.loads(line) for line in run(*words)[1].splitlines()]
    true = Squares(24, seed=1)
    for k, name in zip((0, 1), names, strict=False):
        best = max((r for r in rows if r["item"] == str(name)), key=lambda r: r["probability"])
        target = true[k][1]
        assert best["value"] == true.classes[target["labels"][0]]
        np.testing.assert_allclose(best["box"], target["boxes"][0], atol=4)
        drawn, plain = read_image(pictures / name.name), read_image(name)
        scale = 320 // min(plain.shape[1:])
        assert drawn.shape == (3, *(n * scale for n in plain.shape[1:]))
        assert (drawn[:, ::scale, ::scale] != plain).any()
    assert all(r["value"] is None for r in rows if r["item"] == str(names[2]))
    line = run("predict", trained, names[0])[1].splitlines()[0].split("\t")
    assert len(line) == 4
    assert len(line[3].split(",")) == 4


def test_info_says_what_it_was(folder, trained, run):
    text = run("info", trained)[1]
    for part in ("detect", str(folder), "red, blue", "detector-small", "val_map"):
        assert part in text


def test_yolo_and_coco_are_the_same_to_train_on(tmp_path):
    scenes = Scenes(6, size=64, source="digits")
    found = []
    for form in ("yolo", "coco"):
        root = write_detections(scenes, tmp_path / form, "train", form)
        write_detections(scenes, root, "val", form)
        assert sorted(detection_parts(root)) == ["train", "val"]
        found.append(Detections.begin(str(root), Options())[1])
    for one, other in zip(found[0].train, found[1].train, strict=True):
        one, other = ((x,) if isinstance(x, np.ndarray) else x[:2] for x in (one, other))
        for x, y in zip(one, other, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-4)
    assert found[0].train[0].shape == (6, 3, 64, 64)


def test_other_places_of_the_same_files(tmp_path, folder):
    """Without parts; a folder for each part; `train2017`; annotations beside the images."""
    whole = tmp_path / "whole"
    write_detections(Squares(10), whole, "x", "coco")
    shutil.move(whole / "annotations" / "x.json", whole / "result.json")
    for path in (whole / "images" / "x").iterdir():
        shutil.move(path, whole / "images")
    assert list(detection_parts(whole)) == [""]
    task, split = Detections.begin(str(whole), Options(size=64))
    assert (len(split.train[0]), len(split.validation[0])) == (8, 2)
    assert "boxes to train on" in task.notes[0]

    parts = tmp_path / "parts"
    for part in ("train", "val"):
        shutil.copytree(folder / "images" / part, parts / part / "images")
        shutil.copytree(folder / "labels" / part, parts / part / "labels")
    shutil.copy(folder / "data.yaml", parts)
    assert [len(x) for x in (p() for p in detection_parts(parts).values())] == [64, 24]
    assert list(detection_parts(parts / "data.yaml")) == ["train", "val"]

    coco = write_detections(Squares(4), tmp_path / "coco", "train2017", "coco")
    write_detections(Squares(3), coco, "val2017", "coco")
    for part in ("train2017", "val2017"):
        shutil.move(coco / "images" / part, coco / part)
        (coco / "annotations" / f"{part}.json").rename(
            coco / "annotations" / f"instances_{part}.json"
        )
    (coco / "annotations" / "captions_val2017.json").write_text("{}")
    assert [len(x) for x in (p() for p in detection_parts(coco).values())] == [4, 3]
    assert len(Detections(["red", "blue"], 64).load(str(coco))[0]) == 3


def test_crowds_are_neither_learnt_nor_missed(tmp_path):
    root = write_detections(Squares(6), tmp_path / "d", "train", "coco")
    path = root / "annotations" / "train.json"
    content = json.loads(path.read_text())
    for note in content["annotations"][:2]:
        note["iscrowd"] = 1
    path.write_text(json.dumps(content))
    task = Detections(["red", "blue"], 64)
    labels = task.load(str(root))[1].labels
    assert (labels >= 0).sum() == len(content["annotations"]) - 2
    assert (labels <= -2).sum() == 2
    found = true_boxes(task.load(str(root))[1])
    assert sum(t["iscrowd"].sum() for t in found) == 2
    assert all(0 <= label <= 1 for t in found for label in t["labels"])


def bad(root, what):
    """A folder with something wrong, and what is said about it."""
    write_detections(Squares(12), root, "train", "coco" if "coco" in what else "yolo")
    labels, images = root / "labels" / "train", root / "images" / "train"
    if what == "no annotations":
        shutil.rmtree(root / "labels")
        return f"there are no annotations in {root}"
    if what == "no boxes":
        for path in labels.iterdir():
            path.write_text("")
        return "there is not one box"
    if what == "no class":
        (labels / "000000.txt").write_text("7 0.5 0.5 0.1 0.1\n")
        return "000000.txt, line 1 is of no class: there are 2"
    if what == "coco image":
        (images / "000003.png").unlink()
        return "train.json: 1 of 12 images are not there: 000003.png"
    if what == "broken image":
        (images / "000003.png").write_bytes(b"\x89PNG and no more")
        return "this image cannot be decoded"
    if what == "coco json":
        (root / "annotations" / "train.json").write_text("{")
        return "it is no JSON"
    return {"size": "size is a multiple of 32", "loss": "box_loss is one of giou"}[what]


@pytest.mark.parametrize(
    "what",
    ["no annotations", "no boxes", "no class", "coco image", "broken image", "coco json", "size",
     "loss"],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(what, tmp_path, run):
    message = bad(tmp_path / "data", what)
    more = {"size": ("--size", 50), "loss": ("--box-loss", "iou")}.get(what, ())
    code, out, err = run("train", "detect", tmp_path / "data", "--out", tmp_path / "run", *more)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_what_is_odd_is_told_and_trained_on(tmp_path, run):
    root = write_detections(Squares(12), tmp_path / "data", "train")
    (root / "images" / "train" / "000001.png").unlink()
    (root / "labels" / "train" / "000000.txt").write_text("0 0.9 0.5 0.4 0.2\n0 0.5 0.5 0 0.1\n")
    for k in range(2, 12):
        (root / "labels" / "train" / f"{k:06d}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    out = tmp_path / "run"
    words = ("--out", out, "--epochs", 1, "--size", 32, "--model", "detector-small")
    code, _, err = run("train", "detect", root, *words)
    assert code == 0
    assert "1 files of labels have no image" in err
    assert "000000.txt, line 1: box" in err
    assert "has no area; dropped" in err
    assert "classes without a box to train on: blue" in err
    assert "warn" not in err.lower()
    # the same classes in another order are the same; others are not
    other = write_detections(Squares(3), tmp_path / "other", "val")
    (other / "data.yaml").write_text("names: [blue, red]\n")
    assert run("eval", out, other)[0] == 0
    (other / "data.yaml").write_text("names: [red, green]\n")
    assert "classes that the training did not have" in run("eval", out, other)[2]


def test_epochs_by_the_number_of_images():
    task = Detections(["a"], 64)
    assert [task.completed(Options(), n).epochs for n in (10, 1000, 100_000)] == [300, 48, 12]
    assert task.completed(Options(epochs=7), 1000).epochs == 7
    change = task.changes(task.completed(Options(epochs=10), 100))
    images = np.zeros((4, 3, 64, 64), np.uint8)
    boxes = pad_boxes([{"boxes": [[1, 1, 9, 9]], "labels": [0]}] * 4)
    places = [
        change(images, epoch=epoch, index=range(4), boxes=boxes)[1].labels.shape for epoch in (7, 8)
    ]
    assert places == [(4, 4), (4, 1)]
    assert task.changes(task.completed(Options(augment=False), 100)) is None


def test_the_measure_is_that_of_boxes_in_the_images_as_they_are(folder, trained):
    """Letterboxed or not, IoUs are the same but for rounded sizes: so is mAP, nearly."""
    run = open_run(trained)
    measured = run.evaluate(str(folder))["map"]
    files = [str(folder / "images" / "val" / f"{k:06d}.png") for k in range(24)]
    asked = run.task.inputs(files)
    fit, metric = Letterboxed(64), MeanAveragePrecision()
    found = detections(Trainer(run.model).predict(asked.inputs))
    for boxes, size, k in zip(found, asked.sizes, range(24), strict=True):
        places = clip_boxes_to_image(fit.undo(boxes["boxes"], size), size)
        metric.update({**boxes, "boxes": places}, Squares(24, seed=1)[k][1])
    assert metric.compute()["map"].item() == pytest.approx(measured, abs=0.02)

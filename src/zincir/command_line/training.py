"""`zincir train`, `zincir eval`, `zincir predict`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields
from typing import Any

from zincir.command_line.errors import plain_errors
from zincir.tasks import TASKS, Options, Task, open_run, train
from zincir.tasks.options import KINDS, options_of
from zincir.tasks.runs import SCORE

Commands = Any
"""What argparse adds commands to."""

_TRAIN = """\
Train a net on a folder or a file, with settings that need no tuning to begin with.

  zincir train image photos/               a folder of images for each class, or digits,
                                           fashion-mnist
  zincir train table prices.csv --target price
                                           a column of a CSV file from the others; names are
                                           classes, numbers are predicted; or penguins, auto-mpg
  zincir train text mails/                 a folder of text files for each class, or a CSV file
                                           with the columns text and label; or spam
  zincir train detect boxes/               images with boxes: YOLO's images/, labels/ and data.yaml,
                                           or COCO's images/ and annotations/*.json

A fifth of the data is held back to try the net on after each epoch (folders of images may bring
`train` and `validation`, or `val`). The run goes into --out: checkpoints, the log as CSV, and all
that `zincir eval` and `zincir predict` need. Ctrl-C stops after the step and saves; --resume goes
on."""


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    _add_train(commands)
    evaluate = commands.add_parser(
        "eval",
        help="measure a trained net on data",
        description="The loss and the measures of a net that `zincir train` made, on other data.",
    )
    evaluate.add_argument("run", help="the folder of the training")
    evaluate.add_argument("data", help="data as it was trained on: a folder, a file or a name")
    evaluate.add_argument("--json", action="store_true", help="as JSON")
    evaluate.add_argument("--pictures", metavar="FOLDER",
                          help="pictures go here: what was taken for what; the worst mistakes of "
                          "image; samples of detect (white: the true boxes)")  # fmt: skip
    evaluate.set_defaults(call=_evaluate)
    predict = commands.add_parser(
        "predict",
        help="ask a trained net",
        description="What a net that `zincir train` made says: of image files or folders of them, "
        "of the rows of a CSV file, of texts or files of text. Of an image in which objects are "
        "looked for, there is a line for each that was found: file, class, score, and its box as "
        "left,top,right,bottom in pixels.",
    )
    predict.add_argument("run", help="the folder of the training")
    predict.add_argument("items", nargs="+", help="files, or texts")
    predict.add_argument("--json", action="store_true", help="one JSON object in each line")
    predict.add_argument("--score", type=float, default=SCORE,
                         help=f"detect: of boxes that are shown, at least ({SCORE})")  # fmt: skip
    predict.add_argument("--pictures", metavar="FOLDER",
                         help="detect: images with the boxes drawn in go here")  # fmt: skip
    predict.set_defaults(call=_predict)


def _add_train(commands: Commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train a net on a folder or a file",
        description=_TRAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", choices=list(TASKS), help="what is learnt")
    parser.add_argument("data", help="a folder, a file, or the name of a data set")
    parser.add_argument("--out", default="run", help="folder of the run (default: run)")
    parser.add_argument("--config", help="a TOML or YAML file with any of the settings below")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--overwrite", action="store_true",
                        help="take the place of a training that is in --out")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="show errors alone")
    helps = {
        "model": "; ".join(f"{name}: {', '.join(task.models)}" for name, task in TASKS.items()),
        "lr": "highest learning rate; it rises and falls once",
        "seed": "of the split, the net and the order of samples",
        "validation": "share that is held back",
        "patience": "epochs without anything better, after which training stops",
        "precision": "float32 or bf16",
        "augment": "change images at random: image: shifted and mirrored; detect: mirrored, and "
        "put together from four",
        "size": "of images, in pixels (image: 32; detect: by the images, 64 to 256)",
        "box_loss": "giou, diou or ciou: what draws boxes to those of the training",
        "epochs": "passes over the data (20; table: up to 200 for 1000 updates; detect: 12 to 300 "
        "for 3000)",
        "target": "the column of a table that is predicted (default: the last)",
        "text": "the column with the texts",
        "label": "the column with their classes",
    }
    for field in fields(Options):
        flag, text = f"--{field.name.replace('_', '-')}", helps.get(field.name, "")
        text = f"{text} {_default(field.name, field.default)}".strip()
        if field.name == "augment":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
            continue
        parser.add_argument(flag, type=KINDS.get(field.name, str), help=text)
    parser.set_defaults(call=_train)


def _default(name: str, value: Any) -> str:
    """What an option is if it is not given, for the help.

    >>> _default("batch_size", None)
    '(64; detect: 16)'
    """
    if value is None and name not in Task.usual:
        return ""
    value = Task.usual.get(name, value)
    own = [f"{k}: {_shown(t.usual[name])}" for k, t in TASKS.items()
           if name in Task.usual and t.usual[name] != value]  # fmt: skip
    return f"({'; '.join([_shown(value), *own])})"


def _shown(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value}"


def _train(given: argparse.Namespace) -> None:
    chosen = {field.name: getattr(given, field.name) for field in fields(Options)}
    with plain_errors("train"):
        tell = _quiet if given.quiet else _say
        trainer = train(
            given.task, given.data, given.out, options_of(chosen, given.config),
            resume=given.resume, overwrite=given.overwrite, progress=not given.quiet, tell=tell,
        )[1]  # fmt: skip
        log: dict[str, Any] = trainer.history[-1] if len(trainer.history) else {}
        found = {k: v for k, v in log.items() if k.startswith("val_") and isinstance(v, float)}
        tell(f"{given.out}: {_measures(found)}; zincir predict {given.out} ... asks it")


def _evaluate(given: argparse.Namespace) -> None:
    with plain_errors("eval"):
        found = open_run(given.run).evaluate(given.data, given.pictures)
    sys.stdout.write(f"{json.dumps(found) if given.json else _measures(found)}\n")


def _predict(given: argparse.Namespace) -> None:
    with plain_errors("predict"):
        run = open_run(given.run)
        answers = run.predict(given.items, given.score)
        if given.pictures is not None:
            run.task.draw(answers, given.pictures)
    for answer in answers:
        text = json.dumps(asdict(answer)) if given.json else answer.line()
        sys.stdout.write(f"{text}\n")


def _measures(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in found.items())


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _quiet(text: str) -> None:
    del text

"""A training as a folder: what was learnt, checkpoints, the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zincir import nn, optim
from zincir.errors import ArgumentError, DataNotFound, LoadError, explain
from zincir.random import manual_seed
from zincir.serialization.archive import replacing
from zincir.tasks.options import Options
from zincir.tasks.task import TASKS, Answer, Task, known
from zincir.trainer import Checkpoint, CSVLog, EarlyStopping, Trainer, load_checkpoint
from zincir.trainer.callback import Callback

FILE, VERSION, SCORE = "task.json", 1, 0.3
FILES = ("last.ckpt", "best.ckpt", "log.csv")
"""What a training leaves in its folder besides."""


@dataclass(frozen=True, slots=True)
class Run:
    """A training that is done, or one that goes on."""

    folder: Path
    task: Task
    options: Options
    model: nn.Module
    data: str = ""
    """What it was trained on."""

    def evaluate(self, data: str, pictures: str | None = None) -> dict[str, Any]:
        """The loss and the measures of data that the task can load.

        Args:
            pictures: a folder for pictures of what went right and wrong; None: there are none.
        """
        trainer = Trainer(
            self.model, self.task.loss(self.options), metrics=self.task.metrics(closely=True)
        )
        x, y = self.task.load(data)
        found = trainer.evaluate((x, y), self._at_once)
        if pictures is not None:
            self.task.pictures(x, y, trainer.predict(x, self._at_once), pictures)
        return found

    def predict(self, items: Sequence[str], score: float = SCORE) -> Sequence[Answer]:
        """What the net says of files, texts, or the rows of a table.

        Args:
            score: from which on an object counts as found in an image.
        """
        asked = self.task.inputs(items)
        outputs = Trainer(self.model).predict(asked.inputs, self._at_once)
        return self.task.answers(asked, outputs, score)

    @property
    def _at_once(self) -> int:
        return known(self.options.batch_size)


def train(
    kind: str,
    data: str,
    folder: Any,
    options: Options,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[Run, Trainer]:
    """Train on data, and leave everything that evaluation and prediction need in a folder.

    Args:
        kind: a name of `TASKS`.
        tell: called with a line of text about what was found.
        resume: whether to go on from the checkpoint of the folder, if there is one.
        overwrite: whether to take the place of a training that is in the folder.

    Raises:
        DataError, DataNotFound, ArgumentError: the data or the options are no good, or there is a
            training in the folder already, or another one than is to go on; says why.
    """
    root = Path(folder)
    if not resume and not overwrite and (root / FILE).exists():
        raise ArgumentError(
            explain(f"there is a training in {root} already", try_="--resume goes on with it, "
                    "--out FOLDER makes another, --overwrite takes its place")
        )  # fmt: skip
    task, split = TASKS[kind].begin(data, options)
    samples = len(split.train[0])
    options = task.completed(options, samples)
    manual_seed(options.seed)
    model = task.model(options.model)
    count = sum(p.numel() for p in model.parameters())
    tell(f"{samples} samples to train on, {len(split.validation[0])} held back")
    if task.classes is not None:
        tell(f"{len(task.classes)} classes: {_some(task.classes)}")
    for note in task.notes:
        tell(note)
    tell(f"model {options.model or next(iter(task.models))}: {count:,} parameters")
    run = Run(root, task, options, model, data)
    if resume and (root / FILE).exists():
        _same(run)
    else:
        root.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (root / name).unlink(missing_ok=True)
        _write(run)
    trainer = _trainer(run)
    trainer.fit(
        split.train, split.validation, known(options.epochs), known(options.batch_size),
        augment=task.changes(options), resume="auto" if resume else None, progress=progress,
    )  # fmt: skip
    return run, trainer


def _trainer(run: Run) -> Trainer:
    """What trains the net of a run, and leaves checkpoints and the log in its folder."""
    task, options, rate = run.task, run.options, known(run.options.lr)
    optimizer = optim.AdamW(run.model.parameters(), lr=rate,
                            weight_decay=known(options.weight_decay))  # fmt: skip

    def schedule(optimizer: Any, updates: int) -> Any:
        return optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=updates)

    callbacks: list[Callback] = [
        Checkpoint(run.folder, monitor=task.monitor, seconds=30),
        CSVLog(run.folder / "log.csv"),
    ]
    if options.patience is not None:
        callbacks.insert(0, EarlyStopping(options.patience, monitor=task.monitor))
    return Trainer(
        run.model, task.loss(options), optimizer, scheduler=schedule, metrics=task.metrics(),
        callbacks=callbacks, precision=options.precision, seed=options.seed,
    )  # fmt: skip


def _same(run: Run) -> None:
    """Raise unless the training of a folder is the one that is to go on.

    Raises:
        ArgumentError: it is not; says what differs.
    """
    there, here = _read(run.folder), _held(run)
    differ = [name for name in ("task", "state") if there[name] != here[name]]
    before, now = there["options"], here["options"]
    differ += [
        f"{name.replace('_', '-')} ({before.get(name)}, now {now[name]})"
        for name in now
        if name != "patience" and before.get(name) != now[name]
    ]
    if differ:
        texts = {"task": "the task", "state": "the data"}
        raise ArgumentError(
            explain(
                f"the training in {run.folder} is another one",
                got="different: " + ", ".join(texts.get(name, name) for name in differ),
                try_="what it was begun with (zincir info), or another --out",
            )
        )


def _some(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ..."


def _held(run: Run) -> dict[str, Any]:
    """What the file of a run says."""
    held = {
        "version": VERSION,
        "task": run.task.name,
        "state": run.task.state_dict(),
        "options": asdict(run.options),
        "data": run.data,
    }
    return json.loads(json.dumps(held))


def _write(run: Run) -> None:
    with replacing(run.folder / FILE) as file:
        file.write(json.dumps(_held(run), indent=1).encode())


def _read(root: Path) -> dict[str, Any]:
    """What the file of a run says.

    Raises:
        DataNotFound: there is no run there.
        LoadError: it is damaged, or of a later version.
    """
    try:
        held: dict[str, Any] = json.loads((root / FILE).read_text("utf-8"))
        if held["version"] > VERSION:
            raise LoadError(explain(f"{root / FILE} was written by a later version"))
    except OSError:
        raise DataNotFound(
            explain(f"there is no training in {root}", expected=f"a folder with {FILE}",
                    try_="zincir train TASK DATA --out FOLDER")
        ) from None  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(root, error) from None
    return held


def _damaged(root: Path, error: Exception) -> LoadError:
    return LoadError(explain(f"{root / FILE} is damaged: {error}"))


def open_run(folder: Any, *, last: bool = False) -> Run:
    """The run of a folder, with the parameters of its best epoch.

    Args:
        last: those of the last epoch instead.

    Raises:
        DataNotFound: there is no run there.
        LoadError: it is damaged, or of a later version.
    """
    root = Path(folder)
    held = _read(root)
    try:
        task = TASKS[held["task"]].from_state_dict(held["state"])
        options = Options(**held["options"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(root, error) from None
    model = task.model(options.model)
    paths = [root / "last.ckpt"] if last else [root / "best.ckpt", root / "last.ckpt"]
    path = next((p for p in paths if p.exists()), None)
    if path is None:
        raise DataNotFound(explain(f"{root}: training has not come to its first checkpoint"))
    model.load_state_dict(load_checkpoint(path)["model"])
    model.eval()
    return Run(root, task, options, model, held.get("data", ""))


def describe(run: Run) -> list[tuple[str, str]]:
    """What a training was, as names and texts: task, data, net, options, and how far it came."""
    chosen = {k: v for k, v in asdict(run.options).items() if v is not None}
    rows = [("task", run.task.name), ("data", run.data)]
    if run.task.classes is not None:
        rows.append((f"{len(run.task.classes)} classes", _some(run.task.classes)))
    count = sum(p.numel() for p in run.model.parameters())
    name = chosen.pop("model", next(iter(run.task.models)))
    rows.append(("model", f"{name}: {count:,} parameters"))
    rows += [(key.replace("_", "-"), f"{value}") for key, value in chosen.items()]
    state = load_checkpoint(run.folder / "last.ckpt")
    measured = [row for row in state["history"] if isinstance(row.get("val_loss"), float)]
    rows.append(("epochs done", f"{state['epoch']}"))
    if measured:
        last = {k: v for k, v in measured[-1].items() if k.startswith("val_")}
        rows.append(("last", ", ".join(f"{k} {v:.4g}" for k, v in last.items())))
    return rows

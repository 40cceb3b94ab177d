"""What a cure has tried, and what came of it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from zincir.doctor.finding import Finding, shown


@dataclass(frozen=True)
class Trial:
    """One change that was tried, beside the same steps without it."""

    remedy: str
    """The name of the remedy."""
    what: str
    """The change, with numbers."""
    cost: str
    """What kind of change it is: setting, loss, optimizer, weights, activation and so on."""
    symptom: str
    """What it was tried against."""
    verdict: str
    """"accepted", or why not."""
    measure: str = ""
    """What is measured of the symptom."""
    before: float = math.nan
    """That number without the change."""
    after: float = math.nan
    """The same with it; NaN: there is nothing left to be measured."""
    control: float = math.nan
    """The loss on what is held out, at the end of the trial, without the change."""
    probe: float = math.nan
    """The same with it."""
    errors: tuple[str, ...] = ()
    """Errors that the change brings about."""
    code: str = ""
    """The change as code for `model`, `optimizer` and `trainer`."""

    def __str__(self) -> str:
        return f"{self.remedy}: {self.what}: {self.verdict}"


@dataclass(frozen=True)
class Cure:
    """What `cure` did.

    Attributes:
        accepted: the trial whose change was made; None if none was.
        trials: all of them, in the order in which they were made.
        finding: what was treated; None if there was nothing to treat.
        rolled_back: whether the training is what it was before, to the bit.
        notes: what else there is to say.
        steps: how long a trial was; held: samples by which changes were compared.
    """

    accepted: Trial | None
    trials: tuple[Trial, ...] = ()
    finding: Finding | None = None
    notes: tuple[str, ...] = ()
    steps: int = 0
    held: int = 0
    cured: tuple[Finding, ...] = field(default=())
    """What is still found in the accepted trial."""

    @property
    def rolled_back(self) -> bool:
        return self.accepted is None

    @property
    def code(self) -> str:
        """The change that was made, as code to be pasted; empty if there was none."""
        return self.accepted.code if self.accepted else ""

    def __str__(self) -> str:
        lines = [self.summary()]
        if self.trials:
            lines += ["", *_table(self.trials), ""]
            lines.append(
                f"{self.steps} steps each from the same state on the same batches; losses on "
                f"{self.held} samples held out"
            )
        lines += self.notes
        if self.code:
            lines += ["", "the same as code:", *(f"    {line}" for line in self.code.splitlines())]
        return "\n".join(lines)

    def summary(self) -> str:
        """One line."""
        if self.finding is None:
            return "cure: nothing to treat; nothing was changed"
        where = f" in {self.finding.where}" if self.finding.where else ""
        patient = f"cure: {self.finding.symptom}{where}"
        if self.accepted is not None:
            return f"{patient}: {self.accepted.what}"
        return f"{patient}: nothing that was tried helps; everything is as it was"

    def to_json(self) -> str:
        """All of it as JSON; numbers that are not finite are text."""
        content = {
            "accepted": None if self.accepted is None else asdict(self.accepted),
            "rolled_back": self.rolled_back,
            "finding": None if self.finding is None else self.finding.as_dict(),
            "trials": [asdict(trial) for trial in self.trials],
            "notes": list(self.notes),
            "steps": self.steps,
            "held": self.held,
            "left": [f.as_dict() for f in self.cured],
        }
        return json.dumps(_finite(content), indent=2, allow_nan=False, default=str)


def _table(trials: tuple[Trial, ...]) -> list[str]:
    head = ("tried", "symptom", "loss", "without", "")
    rows = [head, *(_row(trial) for trial in trials)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return [
        "  "
        + "  ".join(
            text.rjust(width) if 0 < i < 4 else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, [*widths, 0], strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(trial: Trial) -> tuple[str, str, str, str, str]:
    symptom = "" if math.isnan(trial.before) else f"{shown(trial.before)} -> "
    symptom += "" if math.isnan(trial.after) else shown(trial.after)
    losses = ("" if math.isnan(x) else shown(x) for x in (trial.probe, trial.control))
    return trial.what, symptom.removesuffix(" -> "), *losses, trial.verdict  # type: ignore[return-value]


_TABLE: Any = dict  # names that check without narrowing
_LIST: Any = (list, tuple)


def _finite(value: Any) -> Any:
    if isinstance(value, _TABLE):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, _LIST):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value

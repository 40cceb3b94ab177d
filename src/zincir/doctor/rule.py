"""Rule: from evidence to findings. Each is a file of `zincir.doctor.rules`, found by being there.

A rule never runs a model: it reads what was measured. Its file's docstring is its page, which
`zincir explain CODE` prints.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.errors import UnknownName, explain as explained

Found = Callable[..., Finding]
"""Makes a finding of the rule: `found(what, where=..., evidence=...)`."""
Judge = Callable[[Any, Found], Iterable[Finding]]


@dataclass(frozen=True)
class Rule:
    """What a rule is called, what it reads, and how it judges."""

    code: str
    symptom: str
    severity: Severity
    reads: tuple[type[Any], ...]
    """The kinds of evidence: `Rehearsal` before training, `Course` during it."""
    judge: Judge
    page: str
    cause: str
    remedies: tuple[str, ...]
    explains: tuple[str, ...] = ()
    """Symptoms that this one brings about: its finding stands before theirs."""
    at_last: bool = False
    """Whether it is dear: it is asked only where no other rule has found an error."""

    def found(self, what: str, **fields: Any) -> Finding:
        """A finding of this rule; `fields` are those of `Finding` that differ from the rule's."""
        own: dict[str, Any] = {
            "severity": self.severity, "cause": self.cause, "remedies": self.remedies,
        }  # fmt: skip
        return Finding(self.code, self.symptom, what=what, **{**own, **fields})

    def findings(self, evidence: Any) -> list[Finding]:
        """What it finds. Numbers that are not finite are no error here."""
        with np.errstate(all="ignore"):
            return list(self.judge(evidence, self.found))


_RULES: dict[str, Rule] = {}


def rule(
    code: str,
    symptom: str,
    severity: Severity,
    *,
    reads: type[Any] | tuple[type[Any], ...],
    cause: str = "",
    remedies: tuple[str, ...] = (),
    explains: tuple[str, ...] = (),
    at_last: bool = False,
) -> Callable[[Judge], Judge]:
    """Make a rule of a function `judge(evidence, found)` that yields findings.

    Args:
        code: S, I, T or G (static, at initialisation, in training, of generalisation) and a number.
        reads: the kind of evidence: `Rehearsal` or `Course`; both, if each has what is judged.
        explains: symptoms that this one brings about.
        at_last: it takes long, and is asked only where no other rule has found an error.

    Example, which is all of a file but its docstring:
        >>> from zincir.doctor.rehearsal import Rehearsal
        >>> def judge(seen, found):
        ...     if seen.loss < 0:
        ...         yield found("the loss is negative", evidence={"loss": seen.loss})
        >>> made = rule("X1", "negative_loss", Severity.INFO, reads=Rehearsal)(judge)
        >>> _RULES.pop("X1").symptom
        'negative_loss'
    """

    def register(judge: Judge) -> Judge:
        page = (sys.modules[judge.__module__].__doc__ or "").strip()
        if code in _RULES:
            raise UnknownName(explained(f"two rules have the code {code}", got=symptom))
        kinds = (reads,) if isinstance(reads, type) else reads
        _RULES[code] = Rule(
            code, symptom, severity, kinds, judge, page, cause, remedies, explains, at_last
        )  # fmt: skip
        return judge

    return register


def rules(reads: type[Any] | None = None) -> list[Rule]:
    """All rules in the order of their codes, or those that read one kind of evidence."""
    _load_all()
    return list(_in_order(tuple(map(id, _RULES.values())), reads))


@functools.lru_cache(8)
def _in_order(registered: tuple[int, ...], reads: type[Any] | None) -> list[Rule]:
    """The same; what is registered does not change once all are loaded, outside of tests."""
    del registered
    found = sorted(_RULES.values(), key=lambda r: (_PARTS.index(r.code[0]), int(r.code[1:])))
    return [r for r in found if reads is None or reads in r.reads]


@functools.cache
def _load_all() -> None:
    package = importlib.import_module("zincir.doctor.rules")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


_PARTS = "SITGX"
"""Static, at initialisation, in training, of generalisation."""


def explain(code: str) -> str:
    """The page of a rule, by its code or the name of its symptom.

    Raises:
        UnknownName: there is none.

    Example:
        >>> print(explain("S9").splitlines()[0])
        S9 dropout_everything (error)
    """
    for r in rules():
        if code.lower() in (r.code.lower(), r.symptom):
            lines = [f"{r.code} {r.symptom} ({r.severity})", "", r.page]
            if r.remedies:
                lines += ["", "What to try", ""]
                lines += [f"{number}. {text}" for number, text in enumerate(r.remedies, 1)]
            return "\n".join(lines)
    known = ", ".join(f"{r.code} {r.symptom}" for r in rules())
    raise UnknownName(explained(f"there is no rule {code!r}", expected=known))


def judged(
    evidence: Any, silenced: Mapping[str, str]
) -> tuple[list[Finding], list[Finding], dict[str, str]]:
    """What all rules find in a piece of evidence.

    Args:
        silenced: by code or symptom, why its findings are not wanted.

    Returns:
        findings, those that were silenced, and by code the rules that failed and why.
    """
    wanted: list[Finding] = []
    unwanted: list[Finding] = []
    failed: dict[str, str] = {}
    for r in sorted(rules(evidence.__class__), key=lambda r: r.at_last):
        if r.at_last and any(f.severity is Severity.ERROR for f in wanted):
            continue
        try:
            findings = r.findings(evidence)
        except Exception as error:  # the patient must not suffer from the doctor
            failed[r.code] = f"{type(error).__name__}: {error}"
            continue
        silent = r.code in silenced or r.symptom in silenced
        (unwanted if silent else wanted).extend(findings)
    return wanted, unwanted, failed


def checked_silence(silence: Mapping[str, str] | None) -> dict[str, str]:
    """Codes (or symptoms) and reasons.

    Raises:
        UnknownName: there is no such rule.
        ArgumentError: no reason is given.
    """
    found: dict[str, str] = {}
    known = {name for r in rules() for name in (r.code, r.symptom)}
    for name, reason in (silence or {}).items():
        if name not in known:
            raise UnknownName(
                explained(f"there is no rule {name!r}", expected="a code or a symptom")
            )
        if not isinstance(reason, str) or not reason.strip():
            raise UnknownName(
                explained(
                    f"{name} is silenced without a reason",
                    expected=f"silence={{{name!r}: 'why this is meant'}}",
                )
            )
        found[name] = reason
    return found

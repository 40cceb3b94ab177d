"""Explanation: what back-propagation did, as a text, as data and as a page."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from html import escape

from zincir.doctor import Report
from zincir.explanation.flow import Arrival, arrivals
from zincir.explanation.folding import folded
from zincir.explanation.language import spoken
from zincir.explanation.page import page_of
from zincir.explanation.stepping import StepTaken
from zincir.explanation.steps import Chain, Step
from zincir.explanation.text import text_of
from zincir.explanation.written_file import write


@dataclass(frozen=True, eq=False)
class Explanation:
    """All that `zincir.explain` has found; `print` shows it as text.

    Attributes:
        chain: every value with its gradient, and how they are linked.
        step_taken: what an optimizer would make of the gradients, if one was given.
        report: what the doctor has found, if that was given.
    """

    chain: Chain
    step_taken: StepTaken | None = None
    report: Report | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The values in the order of computation; the last one is the loss."""
        return self.chain.steps

    @property
    def notices(self) -> tuple[str, ...]:
        """What should be known besides: where a NaN was born, what was folded or changed."""
        return self.chain.notices

    @property
    def flow(self) -> list[Arrival]:
        """What arrives at each layer with parameters, on the way back: the last layer first."""
        return arrivals(self.chain, folded(self.chain))

    def __getitem__(self, name: str) -> Step:
        """The value called `name`.

        Raises:
            KeyError: none is called so.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def __str__(self) -> str:
        return text_of(self.chain, self.step_taken, self.report)

    def to_html(self, language: str = "en") -> str:
        """The page: one file that needs no other, and no network.

        Args:
            language: of its words: `en` or `tr`. Formulas, notices and the text are English.

        Raises:
            ArgumentError: there are no words of this language.
        """
        with spoken(language):
            return page_of(self.chain, self.step_taken, self.report)

    def save(self, path: str | os.PathLike[str], language: str = "en") -> None:
        """Write the page to a file; `language`: as in `to_html`.

        Raises:
            ArgumentError: it cannot be written, or there are no words of this language.
        """
        write(path, self.to_html(language))

    def _repr_html_(self, language: str = "en") -> str:
        """The page inside a notebook."""
        page = escape(self.to_html(language), quote=True)
        return (
            f'<iframe srcdoc="{page}" title="the chain rule, seen" '
            'style="width:100%;height:46rem;border:0"></iframe>'
        )

    def to_json(self) -> str:
        """All numbers; those that are not finite are text."""
        return json.dumps(self.chain.as_dict(), allow_nan=False)

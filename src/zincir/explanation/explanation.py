"""Explanation: what back-propagation did, as a text, as data and as a page."""

from __future__ import annotations

import json
from dataclasses import dataclass

from zincir.explanation.steps import Chain, Step
from zincir.explanation.text import text_of


@dataclass(frozen=True, eq=False)
class Explanation:
    """All that `zincir.explain` has found; `print` shows it as text.

    Attributes:
        chain: every value with its gradient, and how they are linked.
    """

    chain: Chain

    @property
    def steps(self) -> tuple[Step, ...]:
        """The values in the order of computation; the last one is the loss."""
        return self.chain.steps

    @property
    def notices(self) -> tuple[str, ...]:
        """What should be known besides: where a NaN was born, what was folded or changed."""
        return self.chain.notices

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
        return text_of(self.chain)

    def to_json(self) -> str:
        """All numbers; those that are not finite are text."""
        return json.dumps(self.chain.as_dict(), allow_nan=False)

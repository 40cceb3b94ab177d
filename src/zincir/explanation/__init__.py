"""The chain rule, seen: what a backward pass does, in numbers."""

from zincir.explanation.explain import Explain as Explain, explain as explain
from zincir.explanation.explanation import Explanation as Explanation
from zincir.explanation.reading import Reading as Reading
from zincir.explanation.steps import Chain as Chain, Step as Step, Trial as Trial, Use as Use

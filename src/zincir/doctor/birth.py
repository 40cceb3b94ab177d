"""The birth of a NaN, as findings tell of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zincir.anomaly import Birth
from zincir.graph.node import describe


def told(birth: Birth, layer: Callable[[str], str]) -> dict[str, Any]:
    """What was seen, where, the line and the numbers: fields of a finding.

    Args:
        layer: from the path that a node has, to the name of the layer.
    """
    if birth.given:
        what = "NaN was there from the start, in data or parameters"
    else:
        what = f"{birth.what} is born in {birth.operation}, in the {birth.direction} pass"
    evidence: dict[str, Any] = dict(birth.operands)
    if birth.place:
        evidence["sample"] = birth.place[0]
        evidence["place"] = list(birth.place)
    evidence["result"] = birth.result
    return {
        "what": what,
        "where": layer(birth.origin[2]),
        "origin": describe((*birth.origin[:2], "")),
        "evidence": evidence,
    }

"""From our calibrated probabilities to Perspective's scale and back.

Ours is the chance that most people would call a text toxic; Perspective's is about the share of people who
would. A threshold of 0.8 there is no 0.8 here. ``perspective_scale.json`` holds points of a rising curve,
straight between them; :mod:`models.fit_scale` makes it anew, docs/migrating.md explains it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from functools import cache
from importlib import resources


@cache
def points() -> tuple[tuple[float, float], ...]:
    """(ours, Perspective's), rising from (0, 0) to (1, 1)."""
    text = resources.files("models").joinpath("perspective_scale.json").read_text("utf-8")
    return tuple((float(ours), float(theirs)) for ours, theirs in json.loads(text)["points"])


def to_perspective(score: float) -> float:
    """:param score: our calibrated probability in [0, 1]."""
    return _along(score, points())


def to_ours(value: float) -> float:
    """The line on our scale that means what ``value`` means on Perspective's."""
    return _along(value, tuple((theirs, ours) for ours, theirs in points()))


def _along(value: float, curve: tuple[tuple[float, float], ...]) -> float:
    at = bisect_right(curve, value, key=lambda point: point[0])
    if at == 0:
        return curve[0][1]
    if at == len(curve):
        return curve[-1][1]
    (x0, y0), (x1, y1) = curve[at - 1], curve[at]
    return y0 + (y1 - y0) * (value - x0) / (x1 - x0)

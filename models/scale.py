"""From our calibrated probabilities to Perspective's scale and back.

Ours is the chance that most people would call a text toxic; Perspective's is about the share of people who
would. A threshold of 0.8 there is no 0.8 here. One rising curve joins the two, straight in log-odds (as in
J. Platt 1999): logit(theirs) = intercept + slope · logit(ours). ``perspective_scale.json`` holds its two
numbers; :mod:`models.fit_scale` makes it anew for a new artifact.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib import resources


@cache
def line() -> tuple[float, float]:
    """(intercept, slope), the slope above 0."""
    kept = json.loads(resources.files("models").joinpath("perspective_scale.json").read_text("utf-8"))
    return float(kept["intercept"]), float(kept["slope"])


def to_perspective(score: float) -> float:
    """:param score: our calibrated probability in [0, 1]."""
    intercept, slope = line()
    return score if score in (0.0, 1.0) else _probability(intercept + slope * _log_odds(score))


def to_ours(value: float) -> float:
    """The line on our scale that means what ``value`` in [0, 1] means on Perspective's."""
    intercept, slope = line()
    return value if value in (0.0, 1.0) else _probability((_log_odds(value) - intercept) / slope)


def _log_odds(probability: float) -> float:
    return math.log(probability) - math.log1p(-probability)


def _probability(log_odds: float) -> float:
    return 0.5 * (1.0 + math.tanh(log_odds / 2.0))  # no overflow at either end

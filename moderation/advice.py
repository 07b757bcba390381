"""Propose thresholds for a wanted miss rate or queue, from the site's own decisions. Pure.

All hold lines are moved together, by the same step on the logit scale, from where the policy has them: one
number from lenient to strict, along which misses fall and the queue grows. What signals and rules hold or
reject stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from moderation.backtest import Case
from moderation.policy import Policy, outcome_of
from moderation.policy_schema import ATTRIBUTES, LANGUAGE_BOUND
from moderation.share import Share

STEPS = np.linspace(-4.0, 4.0, 81)
#: With fewer rejections by people than this a miss rate is a guess.
FEWEST_REJECTED = 30


@dataclass(frozen=True, slots=True)
class Point:
    """One place on the trade-off.

    :param step: how far the hold lines lie from today's, in logits; above 0 is stricter.
    :param missed: of what people rejected, the share that would be published at once.
    :param needlessly: of what people approved, the share that would be held or rejected.
    :param per_hour: comments an hour that would wait for a person.
    """

    step: float
    hold_at: dict[str, float]
    missed: Share
    needlessly: Share
    per_hour: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What to set, and the whole trade-off to draw.

    :param proposed: the point that meets the wish, or comes nearest.
    :param today: the point with the policy's own lines.
    :param is_met: whether the wish can be met by moving lines alone.
    """

    points: tuple[Point, ...]
    proposed: Point
    today: Point
    is_met: bool
    decided: int
    note: str

    @property
    def document(self) -> dict[str, Any]:
        """The part of a policy document that sets the proposed lines."""
        return {"thresholds": {name: {"hold_at": line} for name, line in self.proposed.hold_at.items()}}

    def as_json(self) -> dict[str, Any]:
        """JSON-able."""
        return {**asdict(self), "document": self.document}


def advise(
    cases: Iterable[Case], policy: Policy, *, missed: float | None = None, per_hour: float | None = None
) -> Advice:
    """Find the hold lines for a wanted miss rate or a wanted queue.

    :param cases: what was judged, with people's decisions (:func:`moderation.backtest.stored`).
    :param missed: most of what people reject that may be published at once, in [0, 1].
    :param per_hour: most comments an hour for people. One of the two.
    :raises ValueError: for neither or both, or without any case.
    """
    if (missed is None) == (per_hour is None):
        raise ValueError("say a miss rate or a queue length, not both")
    scores, people, otherwise, hours = _read(cases, policy)
    if not len(scores):
        raise ValueError("there are no judged comments to learn from")
    lines = {n: line for n, line in policy.thresholds.items() if 0 < line.hold_at < 1}
    reject = np.array(
        [policy.thresholds[n].reject_at if n in policy.thresholds else np.inf for n in ATTRIBUTES]
    )
    rejected = (scores >= reject).any(axis=1) | (otherwise == 2)
    points = tuple(_point(step, lines, scores, people, otherwise, rejected, hours) for step in [*STEPS, 0.0])
    points, today = points[:-1], points[-1]
    if missed is not None:
        fitting = [p for p in points if p.missed.value is not None and p.missed.value <= missed]
        proposed = fitting[0] if fitting else points[-1]
    else:
        fitting = [p for p in points if p.per_hour <= (per_hour or 0.0)]
        proposed = fitting[-1] if fitting else points[0]
    decided = int((people > 0).sum())
    bad = int((people == 2).sum())
    note = ""
    if bad < FEWEST_REJECTED:
        note = f"People rejected only {bad} of these comments: the miss rate is a guess. "
    if not fitting:
        note += "Moving the hold lines alone does not reach what you asked for; this is the nearest."
    return Advice(points, proposed, today, bool(fitting), decided, note.strip())


def _read(cases: Iterable[Case], policy: Policy) -> tuple[Any, Any, Any, float]:
    """Scores (one row for each comment), people's words (1 approve, 2 reject), the outcome without any
    threshold (0 approve, 1 hold, 2 reject), and the hours that all of it took."""
    bare = replace(policy, thresholds={}, sections={}, articles={}, built={})
    codes = {"": 0, "approve": 1, "reject": 2}
    outcomes = {"approve": 0, "hold": 1, "reject": 2}
    rows, people, otherwise = [], [], []
    first = last = None
    for case in cases:
        supported = case.circumstances.language_supported
        rows.append(
            [
                case.scores.get(name, -1.0) if supported or name not in LANGUAGE_BOUND else -1.0
                for name in ATTRIBUTES
            ]
        )
        people.append(codes[case.person])
        otherwise.append(outcomes[outcome_of(case.scores, bare, case.signals, case.circumstances)])
        if case.circumstances.now is not None:
            at = case.circumstances.now.timestamp()
            first = at if first is None else min(first, at)
            last = at if last is None else max(last, at)
    hours = max(((last or 0) - (first or 0)) / 3600, 1.0)
    shape = (len(rows), len(ATTRIBUTES))
    return np.array(rows, dtype=np.float32).reshape(shape), np.array(people), np.array(otherwise), hours


def _point(
    step: float, lines: dict[str, Any], scores: Any, people: Any, otherwise: Any, rejected: Any, hours: float
) -> Point:
    hold_at = {name: min(_moved(line.hold_at, step), line.reject_at) for name, line in lines.items()}
    at = np.array([hold_at.get(name, np.inf) for name in ATTRIBUTES], dtype=np.float32)
    stopped = rejected | (otherwise > 0) | (scores >= at).any(axis=1)
    bad, good = people == 2, people == 1
    return Point(
        step=round(float(step), 3),
        hold_at=hold_at,
        missed=Share.of(int((bad & ~stopped).sum()), int(bad.sum())),
        needlessly=Share.of(int((good & stopped).sum()), int(good.sum())),
        per_hour=round(float((stopped & ~rejected).sum()) / hours, 3),
    )


def _moved(line: float, step: float) -> float:
    """A threshold moved by a step on the logit scale; a step above 0 lowers it, which is stricter."""
    logit = np.log(line / (1 - line)) - step
    return round(float(1 / (1 + np.exp(-logit))), 4)

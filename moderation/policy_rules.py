"""Rules of a policy: conditions that are true, false or not known. Pure, and no code is ever executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from moderation.policy_schema import AUTHOR_FACTS, DAYS

# Kleene's three values: a comment without a score is neither above nor below a line, and a rule
# applies only where its condition is true; so `not` cannot turn a missing score into an approval.
Truth = bool | None


@dataclass(frozen=True, slots=True)
class Case:
    """All that a condition may ask about."""

    scores: Mapping[str, float]
    signals: Mapping[str, Any]
    at: Any
    timezone: ZoneInfo


Condition = Callable[[Case], Truth]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition and what follows from it.

    :param then: ``approve``, ``hold`` or ``reject``.
    :param shadow: it says what it would do, and does nothing.
    """

    name: str
    when: Condition
    then: str
    reason: str
    shadow: bool

    def applies(
        self, scores: Mapping[str, float], signals: Mapping[str, Any], at: Any, timezone: ZoneInfo
    ) -> Truth:
        """True, false, or None where it cannot be known (a score that is missing)."""
        return self.when(Case(scores, signals, at, timezone))


def rule_from(document: Mapping[str, Any]) -> Rule:
    """A rule from its (valid) document."""
    return Rule(
        name=document["name"],
        when=condition_from(document["when"]),
        then=document["then"],
        reason=document.get("reason", ""),
        shadow=document.get("shadow", False),
    )


def condition_from(document: Mapping[str, Any]) -> Condition:
    """A condition from its (valid) document."""
    low, high = document.get("at_least"), document.get("below")

    def number(value: float | None) -> Truth:
        if value is None:
            return None
        return (low is None or value >= low) and (high is None or value < high)

    if "all" in document:
        parts = [condition_from(part) for part in document["all"]]
        return lambda case: _all(parts, case)
    if "any" in document:
        parts = [condition_from(part) for part in document["any"]]
        return lambda case: _not(_all([lambda c, p=part: _not(p(c)) for part in parts], case))  # type: ignore[misc]
    if "not" in document:
        inner = condition_from(document["not"])
        return lambda case: _not(inner(case))
    if "score" in document:
        attribute = document["score"]
        return lambda case: number(case.scores.get(attribute))
    if "signal" in document:
        return _signal(document["signal"], number, low is not None or high is not None)
    if "author" in document:
        fact = document["author"]
        if fact in AUTHOR_FACTS:
            return lambda case: bool(getattr(case.at.author, fact))
        return lambda case: number(getattr(case.at.author, fact))
    if "time" in document:
        span = document["time"]
        return lambda case: None if case.at.now is None else is_within(case.at.now, span, case.timezone)
    if "article_age_days" in document:
        return lambda case: number(case.at.article_age_days)
    subject = next(name for name in ("section", "article", "language") if name in document)
    named = document[subject]
    wanted = frozenset([named] if isinstance(named, str) else named)
    return lambda case: getattr(case.at, subject) in wanted


def _signal(name: str, number: Callable[[float | None], Truth], counts: bool) -> Condition:
    def fired(case: Case) -> Truth:
        signal = case.signals.get(name)
        if not counts:
            return signal is not None
        return number(signal.evidence.get("count", 1) if signal is not None else 0)

    return fired


def _all(parts: list[Condition], case: Case) -> Truth:
    known = True
    for part in parts:
        truth = part(case)
        if truth is False:
            return False
        known = known and truth is not None
    return True if known else None


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def is_within(now: datetime, span: Mapping[str, Any], timezone: ZoneInfo) -> bool:
    """Whether a moment lies in a span of hours and days, by the site's clock.

    A span over midnight (22:00 to 06:00) belongs to the day on which it begins.
    """
    local = now.astimezone(timezone)
    begin, end = _minutes(span.get("from", "00:00")), _minutes(span.get("until", "24:00"))
    minute, day = local.hour * 60 + local.minute, local.weekday()
    days = span.get("days", DAYS)
    if begin < end:
        return DAYS[day] in days and begin <= minute < end
    yesterday = DAYS[(day - 1) % 7]
    return (DAYS[day] in days and minute >= begin) or (yesterday in days and minute < end)

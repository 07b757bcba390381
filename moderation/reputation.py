"""An author's record that fades: forward decay, so that adding to it is all that ever happens to the number.

Source: G. Cormode et al., Forward Decay: A Practical Time Decay Model for Streaming Systems, ICDE 2009.
"""

from __future__ import annotations

from datetime import UTC, datetime

HALF_LIFE_DAYS = 30
APPROVED = 1.0
REJECTED = -1.0
REJECTED_BY_A_PERSON = -3.0
#: Any fixed day: 2 to the power of (days since / 30) stays far inside a float for three hundred years.
_LANDMARK = datetime(2026, 1, 1, tzinfo=UTC)


def weight_at(now: datetime) -> float:
    """What one point added now is worth in the stored number."""
    return float(2.0 ** ((now - _LANDMARK).total_seconds() / 86400 / HALF_LIFE_DAYS))


def balance_of(stored: float, now: datetime) -> float:
    """The record as of now: points, each halved for every 30 days of its age."""
    return stored / weight_at(now)


def points_of(status: str, *, by_person: bool) -> float:
    """What a comment that stands so adds to its author's record."""
    if status == "approved":
        return APPROVED
    if status == "rejected":
        return REJECTED_BY_A_PERSON if by_person else REJECTED
    return 0.0

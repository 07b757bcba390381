"""Do the scores still mean what they say? What people decided, against how likely the machine called it.

Read from comments that the machine held and people decided. They were chosen by their scores, which leaves
the share rejected among comments with one score as it is. Reported and appealed comments were chosen by their
content; what the machine had published or rejected is therefore left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from ulid import ULID

from moderation.policy_schema import ATTRIBUTES, LIKELY
from moderation.tables import Comment, Decision

BINS = 10
#: Newest decisions read of a span.
MOST = 8_000
#: With fewer decisions the error is mostly chance.
FEWEST = 100
#: An error is an alarm when it is so far above what chance explains, and so much larger than before.
OFF, OFF_MORE = 0.10, 0.05


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the scores lie from what people decided.

    :param decisions: how many were compared.
    :param error: expected calibration error over ten bins, in [0, 1]; None with too few decisions.
    :param by_chance: the error that scores without any fault would show with so few decisions.
    :param bins: (mean score, share that people rejected, decisions) of each bin that holds some.
    """

    decisions: int
    error: float | None
    by_chance: float
    bins: tuple[tuple[float, float, int], ...]

    def is_off(self, before: Calibration) -> bool:
        """Whether the scores mean something else than they did; not known without enough on both sides."""
        if self.error is None or before.error is None:
            return False
        return self.error - self.by_chance >= OFF and self.error - before.error >= OFF_MORE


def calibration_of(said: Sequence[tuple[float, bool]]) -> Calibration:
    """Compare scores with decisions.

    :param said: (score in [0, 1], whether people rejected it).

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015 (the error). By chance: the mean of a half-normal with
    each bin's binomial variance.
    """
    binned: dict[int, list[tuple[float, bool]]] = {}
    for score, rejected in said:
        binned.setdefault(min(BINS - 1, int(score * BINS)), []).append((score, rejected))
    gap = chance = 0.0
    bins = []
    for _, rows in sorted(binned.items()):
        mean = sum(score for score, _ in rows) / len(rows)
        share = sum(rejected for _, rejected in rows) / len(rows)
        bins.append((mean, share, len(rows)))
        gap += abs(mean - share) * len(rows)
        chance += math.sqrt(2 / math.pi * sum(score * (1 - score) for score, _ in rows))
    many = len(said)
    error = gap / many if many >= FEWEST else None
    return Calibration(many, error, chance / many if many else 0.0, tuple(bins))


def calibration_between(session: Session, site_id: str, since: datetime, until: datetime) -> Calibration:
    """What people decided between two times of comments that were held, against their scores.

    The score is ``likely_to_reject`` where the site's own model spoke, else the highest of the attributes.
    """
    rows = session.execute(
        select(Decision.comment_id, Decision.new_status, Comment.scores)
        .join(Comment, (Comment.id == Decision.comment_id) & (Comment.revision == Decision.revision))
        .where(
            Decision.site_id == site_id,
            Decision.id >= str(ULID.from_datetime(since))[:10] + "0" * 16,
            Decision.id < str(ULID.from_datetime(until))[:10] + "0" * 16,
            Decision.by_kind.in_(("moderator", "site")),
            Decision.new_status.in_(("approved", "rejected")),
            Comment.verdict == "hold",
            Comment.scores.is_not(None),
        )
        .order_by(Decision.id.desc())
        .limit(MOST)
    )
    seen: set[str] = set()
    said = []
    for comment_id, status, scores in rows:
        if comment_id not in seen:  # the last word counts
            seen.add(comment_id)
            likely = scores.get(LIKELY, max((scores.get(name, 0.0) for name in ATTRIBUTES), default=0.0))
            said.append((float(likely), status == "rejected"))
    return calibration_of(said)

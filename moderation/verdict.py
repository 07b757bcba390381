"""What goes into a verdict and what comes out: signals, circumstances, reasons. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

Outcome = Literal["approve", "hold", "reject"]
Scores = Mapping[str, float]
STRICTNESS = {"note": 0, "approve": 0, "hold": 1, "reject": 2}
NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Signal:
    """A named fact that is not a model score.

    :param name: one of :data:`moderation.policy_schema.SIGNALS`.
    :param evidence: JSON-able; ``count`` where it counts something, ``text`` where words say it best.
    :param weight: how much it speaks against the comment; negative speaks for it.
    """

    name: str
    evidence: dict[str, Any] = field(default_factory=dict)
    weight: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """JSON-able; as it is kept with the comment."""
        return {"name": self.name, "evidence": self.evidence, "weight": self.weight}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that fired, or that was looked at, in words a moderator reads.

    :param kind: ``score``, ``signal``, ``weight``, ``rule``, ``circumstance``, ``language``, ``error``.
    :param verdict: what it asks for: ``note``, ``approve``, ``hold`` or ``reject``.
    :param threshold: the line that it met, where there is one.
    """

    kind: str
    name: str
    verdict: str
    value: float | None
    threshold: float | None
    text: str
    weight: float | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON-able; as it is kept with the comment."""
        return {
            "kind": self.kind,
            "name": self.name,
            "verdict": self.verdict,
            "value": self.value,
            "threshold": self.threshold,
            "text": self.text,
            "weight": self.weight,
        }


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a rule or a policy that does not act would have said."""

    name: str
    outcome: Outcome
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The machine's opinion, everything that fired, and the would-be opinions beside it."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    shadow: tuple[Shadow, ...] = ()
    policy_version: int = 0


@dataclass(frozen=True, slots=True)
class Author:
    """What the site knows of the author. Numbers are 0 and facts false for a bare e-mail address."""

    verified: bool = False
    trusted: bool = False
    banned: bool = False
    first_comment: bool = False
    approved: float = 0.0
    rejected: float = 0.0
    strikes: int = 0
    reputation: float = 0.0

    @property
    def rejected_share(self) -> float:
        """Share of the author's decided comments that were rejected, in [0, 1]."""
        decided = self.approved + self.rejected
        return self.rejected / decided if decided else 0.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What the site's own model says of a comment (models.site_model.Learned).

    :param likely: probability in [0, 1] that this newsroom rejects it.
    :param approve_below: below it, a comment that only its scores would hold may be approved; None: never.
    :param reject_above: from it on, one that would be held may be rejected; None: never.
    :param hold_above: from it on, one that would be published is looked at; None: never.
    """

    likely: float
    approve_below: float | None = None
    reject_above: float | None = None
    hold_above: float | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where and when a comment was sent, as far as a policy may ask about it.

    :param now: when it was submitted; aware. None: nothing that depends on time applies.
    :param article: the site's own id of the article.
    :param language_supported: whether the model speaks the comment's language.
    :param scoring_failed: why there are no scores; ``""`` where there are.
    :param seconds_since_last: since the author's comment before this one under this article.
    :param article_reports: reports about comments under this article in the last hour.
    :param article_rejections: rejections under this article in the last hour.
    :param learned: the word of the site's own model, where it has one.
    """

    now: datetime | None = None
    section: str = ""
    article: str = ""
    article_published_at: datetime | None = None
    language: str = ""
    language_supported: bool = True
    scoring_failed: str = ""
    author: Author = Author()
    seconds_since_last: float | None = None
    article_reports: int = 0
    article_rejections: int = 0
    learned: Learned | None = None

    @property
    def article_age_days(self) -> float | None:
        """Age of the article in days; None where it is not known."""
        if self.now is None or self.article_published_at is None:
            return None
        return (self.now - self.article_published_at).total_seconds() / 86400


@dataclass(frozen=True, slots=True)
class Line:
    """Two thresholds, ``hold_at`` ≤ ``reject_at``; infinite where there is none."""

    hold_at: float = NEVER
    reject_at: float = NEVER

    def met_by(self, value: float) -> tuple[str, float] | None:
        """The stricter line that the value lies on or above, and where it lies."""
        if value >= self.reject_at:
            return "reject", self.reject_at
        return ("hold", self.hold_at) if value >= self.hold_at else None

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        reject = float((document or {}).get("reject_at", NEVER))
        # only a reject line: what lies below it is not held
        return cls(float((document or {}).get("hold_at", reject)), reject)

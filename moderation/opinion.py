"""The machine's opinion of a comment, and what it writes on the comment's row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.asked import is_among
from moderation.reason_codes import OF_MACHINE
from moderation.tables import Comment

#: How bad each attribute is for a reader; orders the queue, decides nothing.
HARM = {
    "threat": 4.0,
    "identity_attack": 3.0,
    "severe_toxicity": 3.0,
    "insult": 2.0,
    "toxicity": 2.0,
    "obscene": 1.0,
    "spam": 1.0,
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the machine found for one claimed comment, ready to be settled.

    :param outcome: ``approve``, ``hold`` or ``reject``.
    :param reasons: JSON-able, most weighty first; see policy.Reason.
    """

    comment: Comment
    outcome: str
    reasons: Sequence[Mapping[str, Any]]
    scores: Mapping[str, float] | None = None
    logits: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] | None = None
    signals: Sequence[Mapping[str, Any]] = ()
    spans: Mapping[str, Any] | None = None
    shadow: Mapping[str, Any] | None = None
    model: str | None = None
    policy_id: str | None = None
    language: str = ""
    unsure: float = 0.0
    cluster: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


def urgency_of(scores: Mapping[str, float], *, received_at: datetime, exposure: float = 1.0) -> float:
    """Where a comment stands in the queue: harm × exposure × age, as one fixed number.

    Age multiplies by doubling every eight hours for all alike, so its logarithm is a constant
    slope: sorting by ``log2(harm × exposure) - received/8h`` gives the same order at any
    time, and an index can keep it.

    :param exposure: 1 for an unseen comment, more with readers' reports.
    :return: larger is more urgent.
    """
    harm = max((HARM.get(name, 1.0) * value for name, value in scores.items()), default=0.5)
    return math.log2(max(harm, 0.01) * exposure) - received_at.timestamp() / (8 * 3600)


def reason_code_of(judgement: Judgement) -> str:
    """Coral's code for the weightiest reason of a rejection by the machine; empty otherwise."""
    if judgement.outcome != "reject":
        return ""
    for reason in judgement.reasons:
        code = OF_MACHINE.get(str(reason.get("name")))
        if code:
            return code
    return "OTHER"


def still_waiting(session: Session, judgements: Sequence[Judgement]) -> list[Judgement]:
    """Those whose comment still owes a verdict on the very revision judged, locked until commit."""
    ids = [judgement.comment.id for judgement in judgements]
    # In order of id: two workers that lock the same rows never wait for each other in a circle.
    waiting = {
        row.id: row
        for row in session.execute(
            select(Comment.id, Comment.revision, Comment.status, Comment.sequence, Comment.published_revision)
            .where(is_among(session, Comment.id, ids), Comment.judged_at.is_(None))
            .order_by(Comment.id)
            .with_for_update()
        )
    }
    live = []
    for judgement in judgements:
        row = waiting.pop(judgement.comment.id, None)
        if row is not None and row.revision == judgement.comment.revision:
            comment = judgement.comment
            comment.status, comment.sequence = row.status, row.sequence
            comment.published_revision = row.published_revision
            live.append(judgement)
    return live


_STATUS_OF = {"approve": "approved", "hold": "held", "reject": "rejected"}
_SETTLED = (
    "id",
    "status",
    "published_revision",
    "sequence",
    "decided_at",
    "judged_at",
    "lease_until",
    "model",
    "scores",
    "logits",
    "facts",
    "signals",
    "verdict",
    "reasons",
    "spans",
    "shadow",
    "policy_id",
    "language",
    "top_attribute",
    "top_score",
    "urgency",
    "unsure",
    "cluster",
)


def take(comment: Comment, judgement: Judgement, now: datetime) -> None:
    comment.status = _STATUS_OF[judgement.outcome]
    comment.published_revision = comment.revision if judgement.outcome == "approve" else None
    comment.judged_at = now
    comment.lease_until = None
    comment.decided_at = now if judgement.outcome != "hold" else None
    comment.model, comment.policy_id = judgement.model, judgement.policy_id
    scores = judgement.scores
    comment.scores = dict(scores) if scores is not None else None
    comment.logits = dict(judgement.logits) if judgement.logits is not None else None
    comment.facts = dict(judgement.facts) if judgement.facts is not None else None
    comment.signals = [dict(signal) for signal in judgement.signals]
    comment.verdict = judgement.outcome
    comment.reasons = [dict(reason) for reason in judgement.reasons]
    comment.spans = dict(judgement.spans) if judgement.spans is not None else None
    comment.shadow = dict(judgement.shadow) if judgement.shadow is not None else None
    comment.language = judgement.language
    comment.cluster = judgement.cluster
    comment.unsure = judgement.unsure
    if scores:
        top = max((name for name in scores if name in HARM), key=lambda name: scores[name])
        comment.top_attribute, comment.top_score = top, scores[top]
    comment.urgency = urgency_of(comment.scores or {}, received_at=comment.received_at)


def row_of(comment: Comment) -> dict[str, Any]:
    return {name: getattr(comment, name) for name in _SETTLED}


def without_words(reason: Mapping[str, Any]) -> dict[str, Any]:
    """A reason for the log: names and numbers, never the evidence, which may quote the reader."""
    return {key: reason.get(key) for key in ("kind", "name", "verdict", "value", "threshold")}

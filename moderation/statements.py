"""Say why: the statement of reasons for a restriction, for its author and for the EU's database.

Regulation (EU) 2022/2065 (DSA), Article 17(3) lists what it must say; spam is exempt from telling
the author (Article 17(2)), not from our saying it. The second form follows the submission schema
of the DSA Transparency Database and holds no personal data.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.complaints import APPEAL_DAYS
from moderation.errors import NotFound
from moderation.reason_codes import ground_of
from moderation.tables import Comment, Decision, Report, Site

RESTRICTIONS = ("rejected", "held")


def restriction_of(session: Session, comment: Comment) -> Decision:
    """The decision that keeps a comment from readers.

    :raises NotFound: when none does: it is published, waits for the machine, or was withdrawn.
    """
    last = session.scalar(
        select(Decision)
        .where(Decision.comment_id == comment.id, Decision.new_status != Decision.old_status)
        .order_by(Decision.id.desc())
        .limit(1)
    )
    if last is None or comment.status not in RESTRICTIONS or last.new_status != comment.status:
        raise NotFound("restriction of this comment")
    return last


def statement_of(session: Session, comment: Comment, decision: Decision, site: Site) -> dict[str, Any]:
    """The statement for the author, in English, with the facts for a site that words it itself."""
    by_machine = decision.by_kind == "policy"
    words = ground_of(decision.reason_code).words
    notices = list(session.scalars(select(Report).where(Report.comment_id == comment.id)))
    illegal = decision.reason_code == "ILLEGAL_CONTENT"
    restriction = "It was not published" if decision.old_status == "pending" else "It was taken down"
    if comment.status == "held":
        restriction = "It is held back until a person has looked at it"
    how = (
        "It was found and decided on by software, without a person."
        if by_machine
        else "It was decided on by a person"
        + (", after software had found it." if comment.verdict in ("hold", "reject") else ".")
    )
    fired = [reason for reason in (comment.reasons or []) if reason.get("verdict") in ("hold", "reject")]
    text = " ".join(
        [
            f"Your comment of {comment.submitted_at:%d %B %Y} under “{comment.article_title or site.name}”:",
            f"{restriction}, on {site.name}, without an end date, because of {words}.",
            "A reader had reported it."
            if notices
            else "Nobody had reported it; the site looked of its own accord.",
            how,
            "The ground is the law." if illegal else "The ground is the site's rules for comments.",
            f"You may appeal within six months ({APPEAL_DAYS} days); a person who did not take this decision "
            "answers. Courts remain open to you.",
        ]
    )
    return {
        "comment": comment.id,
        "external_id": comment.external_id,
        "decision": decision.id,
        "decided_at": decision.created_at.isoformat(),
        "restriction": {"kind": "not_visible", "scope": site.name, "until": None},
        "facts": {
            "reason_code": decision.reason_code or "OTHER",
            "reasons": [{"name": reason.get("name"), "text": reason.get("text")} for reason in fired],
            "notices": len(notices),
            "own_initiative": not notices,
        },
        "automated_detection": comment.verdict in ("hold", "reject"),
        "automated_decision": by_machine,
        "ground": "illegal_content" if illegal else "incompatible_with_terms",
        "model": decision.model,
        "policy": decision.policy_id,
        "redress": {"appeal_until_days": APPEAL_DAYS, "decided_by": "a person", "courts": True},
        "note": decision.note,
        "text": text,
    }


def database_row(session: Session, comment: Comment, decision: Decision, site: Site) -> dict[str, Any]:
    """The same as a submission to the EU Transparency Database; without a word of the reader."""
    by_machine = decision.by_kind == "policy"
    ground = ground_of(decision.reason_code)
    words = ground.words
    illegal = decision.reason_code == "ILLEGAL_CONTENT"
    notices = list(session.scalars(select(Report.illegal).where(Report.comment_id == comment.id)))
    source = "SOURCE_VOLUNTARY"
    if any(notices):
        source = "SOURCE_ARTICLE_16"
    elif notices:
        source = "SOURCE_TYPE_OTHER_NOTIFICATION"
    automated = "AUTOMATED_DECISION_NOT_AUTOMATED"
    if by_machine:
        automated = "AUTOMATED_DECISION_FULLY"
    elif comment.verdict in ("hold", "reject"):
        automated = "AUTOMATED_DECISION_PARTIALLY"
    row: dict[str, Any] = {
        "decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"],
        "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"
        if illegal
        else "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "content_type": ["CONTENT_TYPE_TEXT"],
        "category": ground.category,
        "content_date": f"{comment.submitted_at:%Y-%m-%d}",
        "application_date": f"{decision.created_at:%Y-%m-%d}",
        "decision_facts": f"A reader's comment on {site.name} was kept from readers because of {words}."[
            :5000
        ],
        "source_type": source,
        "automated_detection": "Yes" if comment.verdict in ("hold", "reject") else "No",
        "automated_decision": automated,
        "puid": f"{decision.id}",
    }
    if illegal:
        row["illegal_content_legal_ground"] = "National law named in the decision"[:500]
        row["illegal_content_explanation"] = f"The content may be illegal: {words}."[:2000]
    else:
        row["incompatible_content_ground"] = f"Rules for comments of {site.name}"[:500]
        row["incompatible_content_explanation"] = f"The rules exclude {words}."[:2000]
        row["incompatible_content_illegal"] = "No"
    return row


def restrictions_between(
    session: Session, site_id: str, since: datetime, until: datetime
) -> Iterator[tuple[Decision, Comment]]:
    """Decisions of a period that rejected a comment, each with its comment; one at a time."""
    rows = session.execute(
        select(Decision, Comment)
        .join(Comment, Comment.id == Decision.comment_id)
        .where(
            Decision.site_id == site_id,
            Decision.new_status == "rejected",
            Decision.old_status != "rejected",
            Decision.created_at >= since,
            Decision.created_at < until,
        )
        .order_by(Decision.id)
        .execution_options(yield_per=500)
    )
    yield from rows

"""Second thoughts about a comment: a reader's report, the author's appeal, and their answers."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation import credit
from moderation.errors import Overtaken, TransitionRefused
from moderation.events import Outbox
from moderation.intake import clean
from moderation.lifecycle import decide
from moderation.opinion import urgency_of
from moderation.tables import Appeal, Comment, Decision, Report, new_id

#: Six months (DSA Article 20(1)).
APPEAL_DAYS = 183


def report(
    session: Session,
    comment: Comment,
    *,
    now: datetime,
    reason: str = "OTHER",
    text: str = "",
    illegal: bool = False,
    reporter_hash: str | None = None,
    reporter_email_encrypted: str | None = None,
) -> Report:
    """A reader's complaint. The same reader complaining again adds nothing to the count.

    :raises TransitionRefused: for a comment that no reader can see.
    """
    if comment.published_revision is None and comment.status not in ("approved", "held"):
        raise TransitionRefused(comment.status, "report")
    again = reporter_hash is not None and session.scalar(
        select(Report.id).where(
            Report.comment_id == comment.id, Report.reporter_hash == reporter_hash, Report.status == "open"
        )
    )
    row = Report(
        id=new_id(),
        site_id=comment.site_id,
        comment_id=comment.id,
        reason=reason,
        text=clean(text)[0],
        illegal=illegal,
        reporter_hash=reporter_hash,
        reporter_email_encrypted=reporter_email_encrypted,
        status="open",
        created_at=now,
    )
    session.add(row)
    if not again:
        comment.open_reports += 1
        # What waits already goes on ageing from when it came; what was published waits from now on.
        waits_since = comment.received_at if comment.status == "held" else now
        comment.urgency = urgency_of(
            comment.scores or {}, received_at=waits_since, exposure=1.0 + comment.open_reports
        )
        credit.report(session, comment)
    session.flush()
    return row


def appeal(session: Session, comment: Comment, *, text: str, now: datetime) -> Appeal:
    """The author asks for a second look, within six months (DSA Article 20(1)).

    :raises TransitionRefused: nothing to appeal against, too late, or one is open already.
    """
    last = session.scalar(
        select(Decision)
        .where(Decision.comment_id == comment.id, Decision.new_status == "rejected")
        .order_by(Decision.id.desc())
        .limit(1)
    )
    is_open = session.scalar(
        select(Appeal.id).where(Appeal.comment_id == comment.id, Appeal.status == "open")
    )
    too_late = last is not None and now - last.created_at > timedelta(days=APPEAL_DAYS)
    if comment.status != "rejected" or last is None or is_open or too_late:
        raise TransitionRefused("already appealed" if is_open else comment.status, "appeal")
    row = Appeal(
        id=new_id(),
        site_id=comment.site_id,
        comment_id=comment.id,
        decision_id=last.id,
        text=clean(text)[0],
        status="open",
        created_at=now,
        answer="",
    )
    session.add(row)
    session.flush()
    return row


def decide_appeal(
    session: Session, row: Appeal, comment: Comment, *, overturn: bool, by_id: str, answer: str, now: datetime
) -> Decision | None:
    """A person answers an appeal; whoever decided first may not.

    :return: the decision when the comment was approved after all, else None.
    :raises Overtaken: the appeal was answered already.
    :raises TransitionRefused: by the person whose decision is appealed.
    """
    if row.status != "open":
        raise Overtaken(row.status)
    first = session.get(Decision, row.decision_id)
    if first is not None and first.by_kind == "moderator" and first.by_id == by_id:
        raise TransitionRefused("decided by you", "answer the appeal")
    row.status = "overturned" if overturn else "upheld"
    row.decided_at, row.decided_by, row.answer = now, by_id, clean(answer)[0]
    decision = None
    if overturn and comment.status == "rejected":
        decision = decide(
            session,
            comment,
            action="approve",
            by_kind="moderator",
            by_id=by_id,
            reason_code="APPEAL",
            now=now,
            undo_seconds=0,
        )
    outbox = Outbox.for_sites(session, [comment.site_id], now)
    comment.sequence += 1
    outbox.announce(
        site_id=comment.site_id,
        event_type="appeal.decided",
        comment_id=comment.id,
        sequence=comment.sequence,
        data={
            "id": comment.id,
            "external_id": comment.external_id,
            "appeal": row.id,
            "outcome": row.status,
            "answer": row.answer,
            "status": comment.status,
            "revision": comment.revision,
            "sequence": comment.sequence,
        },
    )
    outbox.write()
    return decision

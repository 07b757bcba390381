"""What a person at the desk does: decide, for one comment or for many, ban, trust, pass on, undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from ulid import ULID

from moderation import lifecycle
from moderation.credit import upsert
from moderation.errors import Fault, Invalid, Overtaken, TransitionRefused
from moderation.intake import clean
from moderation.store import comment_of
from moderation.tables import Author, AuthorNote, Comment, Decision, Report, SecondReview, new_id

#: Act at the desk -> what the lifecycle is asked for.
DECIDES = {"approve": "approve", "reject": "reject", "spam": "reject", "ban": "reject", "hold": "hold"}
BAN_DAYS = (1, 7, 30, 36_500)
MOST_AT_ONCE = 500
#: Every so many decisions of people are looked at a second time, blind.
SECOND_LOOK_EVERY = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an act on many: comments moved, and those that somebody else had moved before."""

    moved: int
    overtaken: int
    at: datetime


def decide(
    session: Session,
    comment: Comment,
    act: str,
    *,
    person_id: str,
    now: datetime,
    reason_code: str = "",
    note: str = "",
    expected: str | None = None,
    ban_days: int = 7,
) -> Decision:
    """One act of a person on one comment.

    :param comment: locked by the caller.
    :param act: one of ``DECIDES``.
    :param reason_code: Coral's code or a house rule's name, for a rejection.
    :raises Overtaken: it moved since the person saw it.
    """
    decision = lifecycle.decide(
        session,
        comment,
        action=DECIDES[act],
        by_kind="moderator",
        by_id=person_id,
        reason_code="SPAM" if act == "spam" else reason_code if DECIDES[act] == "reject" else "",
        note=clean(note)[0] if DECIDES[act] == "reject" else "",
        expected=expected,
        now=now,
    )
    if act == "ban":
        if ban_days not in BAN_DAYS:
            raise Invalid([Fault("/ban_days", "Choose one of the periods offered.")])
        _author(session, comment, banned_until=now + timedelta(days=ban_days), trusted_at=None)
        # In the line itself, so that taking the line back takes the ban back.
        decision.reasons = [{"kind": "act", "name": "ban", "value": ban_days}]
    _draw_second_look(session, decision, now)
    return decision


def decide_all(
    session: Session,
    ids: Sequence[str],
    act: str,
    *,
    site_ids: Sequence[str],
    person_id: str,
    now: datetime,
    reason_code: str = "",
) -> Outcome:
    """One act on many comments, in one transaction and under one time, by which all of it is undone.

    Those already there, or out of reach, are left as they are and counted.

    :param ids: at most ``MOST_AT_ONCE``.
    """
    if len(ids) > MOST_AT_ONCE:
        raise Invalid([Fault("/ids", f"At most {MOST_AT_ONCE} at once; do the rest after.")])
    comments = session.scalars(
        select(Comment)
        .where(Comment.id.in_(ids), Comment.site_id.in_(site_ids))
        .order_by(Comment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    moved = 0
    for comment in comments:
        try:
            decide(session, comment, act, person_id=person_id, now=now, reason_code=reason_code)
            moved += 1
        except TransitionRefused:
            continue
    return Outcome(moved=moved, overtaken=len(ids) - moved, at=now)


def undo(
    session: Session, at: datetime, *, person_id: str, site_ids: Sequence[str], now: datetime
) -> Outcome:
    """Take back everything that a person decided at one moment: one comment or a whole batch.

    What somebody decided anew in the meantime stays, and is counted.
    """
    lines = list(
        session.scalars(
            select(Decision)
            .where(
                Decision.by_kind == "moderator",
                Decision.by_id == person_id,
                Decision.created_at == at,
                Decision.site_id.in_(site_ids),
                Decision.action != "undo",
            )
            .order_by(Decision.id.desc())
            .limit(2 * MOST_AT_ONCE)
        )
    )
    moved = overtaken = 0
    for line in lines:
        comment = comment_of(session, line.site_id, line.comment_id, lock=True)
        if line.action == "escalate":
            comment.escalated_at = None
            _line(session, comment, "undo", person_id, now, note="")
            moved += 1
            continue
        if line.action == "keep":
            _reopen_reports(session, comment, at)
            _line(session, comment, "undo", person_id, now, note="")
            moved += 1
            continue
        try:
            lifecycle.undo(session, comment, line, by_id=person_id, now=now)
        except Overtaken:
            overtaken += 1
            continue
        moved += 1
        _reopen_reports(session, comment, at)
        if any(reason.get("name") == "ban" for reason in line.reasons):
            _author(session, comment, banned_until=None)
    return Outcome(moved=moved, overtaken=overtaken, at=now)


def escalate(session: Session, comment: Comment, *, person_id: str, note: str, now: datetime) -> Decision:
    """Pass a held comment on to senior moderators; it leaves the common queue.

    :raises TransitionRefused: for a comment that does not wait.
    """
    if comment.status != "held" or comment.escalated_at is not None:
        raise TransitionRefused("escalated" if comment.escalated_at else comment.status, "escalate")
    comment.escalated_at = now
    comment.opened_by = comment.opened_until = None
    return _line(session, comment, "escalate", person_id, now, note=note)


def keep(
    session: Session, comment: Comment, *, person_id: str, expected: str | None, now: datetime
) -> Decision:
    """Leave a reported comment where it is: its reports are answered, and readers see no change.

    :raises Overtaken: it moved, or someone else answered the reports.
    """
    if (expected and expected != comment.status) or not comment.open_reports:
        raise Overtaken(comment.status)
    lifecycle.close_reports(session, comment, upheld=False, now=now)
    return _line(session, comment, "keep", person_id, now, note="")


def set_trust(session: Session, comment: Comment, *, trusted: bool, now: datetime) -> None:
    """Trust the author of a comment, or no longer; a ban ends with it."""
    _author(session, comment, trusted_at=now if trusted else None, banned_until=None)


def lift_ban(session: Session, comment: Comment) -> None:
    _author(session, comment, banned_until=None)


def add_note(session: Session, comment: Comment, text: str, *, person_id: str, now: datetime) -> AuthorNote:
    """Leave the others a note on the author.

    :raises Invalid: for an empty note.
    """
    text = clean(text)[0][:2000]
    if not text:
        raise Invalid([Fault("/text", "Write the note first.")])
    row = AuthorNote(
        id=new_id(),
        site_id=comment.site_id,
        identity=comment.author_identity,
        moderator_id=person_id,
        text=text,
        created_at=now,
    )
    session.add(row)
    return row


def answer_second_look(
    session: Session, comment_id: str, answer: str, *, person_id: str, site_ids: Sequence[str], now: datetime
) -> bool:
    """Keep a second person's blind answer; the comment stays where it is.

    :return: False when somebody else was faster.
    """
    if answer not in ("approve", "reject"):
        raise Invalid([Fault("/action", "Approve or reject.")])
    row = session.scalar(
        update(SecondReview)
        .where(
            SecondReview.comment_id == comment_id,
            SecondReview.site_id.in_(site_ids),
            SecondReview.answered_at.is_(None),
            SecondReview.first_moderator_id != person_id,
        )
        .values(second_moderator_id=person_id, second_answer=answer, answered_at=now)
        .returning(SecondReview.id)
    )
    return row is not None


def _reopen_reports(session: Session, comment: Comment, at: datetime) -> None:
    """The reports that a decision answered wait again once it is taken back."""
    reopened = session.execute(
        update(Report)
        .where(Report.comment_id == comment.id, Report.closed_at == at)
        .values(status="open", closed_at=None)
        .returning(Report.id)
    ).all()
    comment.open_reports += len(reopened)


def _draw_second_look(session: Session, decision: Decision, now: datetime) -> None:
    """Sample by the id's random part: nobody can tell beforehand which decisions are looked at again."""
    drawn = int.from_bytes(ULID.from_str(decision.id).bytes[-4:]) % SECOND_LOOK_EVERY == 0
    if decision.action == "hold" or not drawn:
        return
    session.add(
        SecondReview(
            id=new_id(),
            site_id=decision.site_id,
            comment_id=decision.comment_id,
            decision_id=decision.id,
            first_moderator_id=decision.by_id,
            first_answer=decision.action,
            created_at=now,
        )
    )


def _author(session: Session, comment: Comment, **changes: datetime | None) -> None:
    """Change an author's standing; the row may not be there yet, before the first verdict."""
    statement = upsert(session, Author).values(
        site_id=comment.site_id,
        identity=comment.author_identity,
        name=comment.name,
        verified=comment.author_verified,
        first_seen_at=comment.received_at,
        last_seen_at=comment.received_at,
        approved=0,
        rejected=0,
        strikes=0,
        reputation=0.0,
        **changes,
    )
    session.execute(
        statement.on_conflict_do_update(index_elements=["site_id", "identity"], set_=dict(changes)),
        execution_options={"synchronize_session": False},
    )


def _line(
    session: Session, comment: Comment, action: str, person_id: str, now: datetime, *, note: str
) -> Decision:
    """A line of the log for an act that moves no comment."""
    line = Decision(
        id=new_id(),
        site_id=comment.site_id,
        comment_id=comment.id,
        revision=comment.revision,
        action=action,
        old_status=comment.status,
        new_status=comment.status,
        by_kind="moderator",
        by_id=person_id,
        note=clean(note)[0][:2000],
        reasons=[],
        created_at=now,
    )
    session.add(line)
    session.flush()
    return line

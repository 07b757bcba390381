"""The whole life of a comment, in order: receive, edit, settle, decide, undo, withdraw.

    pending ──settle──▶ approved │ held │ rejected         the machine's verdict
    held ──decide──▶ approved │ rejected                   a person's
    approved ──report, decide──▶ held │ rejected           comes down again: comment.retracted
    rejected ──appeal, decide──▶ approved                  a second look by someone else
    any ──withdraw──▶ withdrawn      any ──erase──▶ erased

Every move writes one decision with both of its ends (decisions.py), and the events it causes (events.py), in
the caller's transaction. Nothing here commits, sleeps or sends. Reports and appeals: complaints.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, Table, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, make_transient_to_detached

from moderation import credit, decisions, labels, opinion
from moderation.asked import change_all, put_all
from moderation.errors import AlreadyReceived, Overtaken, TransitionRefused
from moderation.events import Outbox, cancel_unsent, event_type_for, told_revision
from moderation.intake import clean, clean_line
from moderation.opinion import Judgement
from moderation.tables import Comment, Decision, Report, Revision, new_id
from moderation.vault import Vault

#: Before the webhook of a person's act goes out, the act can be undone without a trace outside.
UNDO_SECONDS = 10
#: What a person or a site may ask of a comment -> where it comes to stand.
ACTIONS = {"approve": "approved", "reject": "rejected", "hold": "held"}


def receive(
    session: Session | Connection,
    *,
    site_id: str,
    vault: Vault,
    now: datetime,
    name: str,
    email: str,
    body: str,
    external_id: str | None = None,
    article: Mapping[str, Any] | None = None,
    parent: Mapping[str, Any] | None = None,
    author: Mapping[str, Any] | None = None,
    ip: str | None = None,
    user_agent: str = "",
    referrer: str = "",
    submitted_at: datetime | None = None,
    language: str = "",
    context: Mapping[str, Any] | None = None,
) -> Comment:
    """Take a comment in: one row, which is also the work that it makes.

    :param session: a bare connection will do where nothing else belongs to the transaction.
    :param email: checked by the door; kept encrypted, matched by its keyed hash.
    :param author: ``{"id", "url", "verified"}``; an id counts as an identity only when the site
        vouches for it, because anyone can type anyone's e-mail address.
    :raises AlreadyReceived: the site sent this ``external_id`` before.
    """
    article, parent, author = article or {}, parent or {}, author or {}
    body, removed = clean(body)
    name, removed_from_name = clean_line(name)
    email_hash = vault.email_hash(email)
    verified = bool(author.get("verified") and author.get("id"))
    kept = dict(context or {})
    if removed or removed_from_name:
        kept["removed"] = sorted({*removed, *removed_from_name})
    row: dict[str, Any] = {
        "id": new_id(),
        "site_id": site_id,
        "external_id": external_id,
        "name": name,
        "body": body,
        "email_encrypted": vault.encrypt(email),
        "email_hash": email_hash,
        "author_identity": f"id:{author['id']}" if verified else f"email:{email_hash}",
        "author_url": author.get("url") or "",
        "author_verified": verified,
        "ip": ip,
        "ip_hash": vault.ip_hash(ip) if ip else None,
        "user_agent": clean_line(user_agent or "")[0][:500],
        "referrer": referrer or "",
        "article_id": article.get("id") or "",
        "article_url": article.get("url") or "",
        "article_title": clean_line(article.get("title") or "")[0],
        "section": clean_line(article.get("section") or "")[0],
        "article_published_at": article.get("published_at"),
        "parent_id": parent.get("id") or "",
        "parent_body": clean(parent.get("body") or "")[0],
        "declared_language": language or "",
        "context": kept,
        "submitted_at": submitted_at or now,
        "received_at": now,
    }
    try:
        connection = session.connection() if isinstance(session, Session) else session
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(_spelt(tuple(row)), {**row, "context": json.dumps(kept)})
        else:
            connection.execute(_RECEIVED, row)
    except IntegrityError as error:
        if external_id is None:
            raise
        raise AlreadyReceived(external_id) from error
    comment = Comment(id=row["id"])
    # Set past the instrumentation, which would note each of sixty values as a change to be written.
    vars(comment).update(_EMPTY | _BEGINS | row)
    if isinstance(session, Session):
        make_transient_to_detached(comment)
        session.add(comment)
    return comment


#: How every comment begins.
_BEGINS: dict[str, Any] = {
    "status": "pending",
    "revision": 1,
    "sequence": 0,
    "attempts": 0,
    "open_reports": 0,
    "language": "",
    "urgency": 0.0,
    "unsure": 0.0,
}
# What is the same for all stands in the statement, and the columns that begin empty are left out: written by
# the unit of work it has so many parameters that psycopg parses it anew each time, which cost a sixth of the
# whole request when measured.
_RECEIVED = insert(Comment.__table__).values(  # type: ignore[arg-type]
    {name: literal_column(repr(value)) for name, value in _BEGINS.items()}
)


@cache
def _spelt(names: tuple[str, ...]) -> str:
    """The same in the words of PostgreSQL's driver: looking a statement up and preparing each value for its
    column's type cost half as much as sending it.
    """
    return str(_RECEIVED.compile(dialect=psycopg.dialect(), column_keys=names))


#: Columns of a comment that nothing is known for when it comes in.
_EMPTY = dict.fromkeys(
    name
    for name, column in Comment.__table__.columns.items()
    if column.nullable and name not in ("external_id", "ip", "ip_hash", "article_published_at")
)


def edit(session: Session, comment: Comment, *, body: str, name: str | None, now: datetime) -> Decision:
    """A new revision, to be judged again. What readers see stays until its verdict.

    :raises TransitionRefused: for a withdrawn or erased comment.
    """
    if comment.status in ("withdrawn", "erased"):
        raise TransitionRefused(comment.status, "edit")
    session.add(
        Revision(
            comment_id=comment.id,
            number=comment.revision,
            name=comment.name,
            body=comment.body,
            received_at=comment.received_at if comment.revision == 1 else comment.submitted_at,
            replaced_at=now,
            judged_at=comment.judged_at,
            model=comment.model,
            scores=comment.scores,
            signals=comment.signals,
            verdict=comment.verdict,
            reasons=comment.reasons,
        )
    )
    old = comment.status
    comment.revision += 1
    comment.body, removed = clean(body)
    if name is not None:
        comment.name = clean_line(name)[0]
    if removed:
        comment.context = {**comment.context, "removed": removed}
    comment.submitted_at = now
    # Public stays public until the new verdict; everything else waits for it.
    comment.status = "approved" if comment.published_revision is not None else "pending"
    comment.judged_at = comment.lease_until = None
    comment.attempts = 0
    comment.scores = comment.logits = comment.facts = comment.signals = comment.verdict = None
    comment.reasons = comment.spans = comment.shadow = comment.model = None
    return decisions.log(session, comment, action="edit", old=old, by_kind="site", now=now)


def settle(session: Session, judgements: Sequence[Judgement], *, now: datetime) -> list[Decision]:
    """Move claimed comments where the machine's verdicts put them, once.

    A judgement that comes late changes nothing: the comment was edited, decided by a person
    or settled by another worker in the meantime.

    :return: one decision for each comment that moved.
    """
    live = opinion.still_waiting(session, judgements)
    outbox = Outbox.for_sites(session, {j.comment.site_id for j in live}, now)
    rows, lines = [], []
    for judgement in live:
        comment = judgement.comment
        old, was_published = comment.status, comment.published_revision is not None
        opinion.take(comment, judgement, now)
        event_type = event_type_for(
            was_published=was_published, had_verdict_before=old != "pending", status=comment.status
        )
        if event_type:
            outbox.announce_comment(comment, event_type, reasons=judgement.reasons)
        rows.append(opinion.row_of(comment))
        lines.append(
            decisions.line_of(
                comment,
                action=judgement.outcome,
                old=old,
                by_kind="policy",
                by_id=judgement.policy_id or "",
                reasons=[opinion.without_words(reason) for reason in judgement.reasons],
                reason_code=opinion.reason_code_of(judgement),
                now=now,
            )
        )
    if rows:
        change_all(session, cast(Table, Comment.__table__), rows)
        put_all(session, cast(Table, Decision.__table__), lines)
        credit.settle(session, [j.comment for j in live], now=now)
    outbox.write()
    return [Decision(**line) for line in lines]


def give_up(comment: Comment, *, on_error: str = "hold") -> Judgement:
    """The judgement of a comment that nothing could look at: a person, or by policy readers, get it.

    :param on_error: the policy's word, ``hold`` or ``approve``.
    """
    return Judgement(
        comment=comment,
        outcome="approve" if on_error == "approve" else "hold",
        reasons=[
            {
                "kind": "error",
                "name": "could_not_be_scored",
                "verdict": on_error,
                "value": comment.attempts,
                "threshold": None,
                "text": f"It could not be scored in {comment.attempts} tries.",
            }
        ],
    )


def decide(
    session: Session,
    comment: Comment,
    *,
    action: str,
    by_kind: str,
    by_id: str,
    now: datetime,
    reason_code: str = "",
    note: str = "",
    expected: str | None = None,
    undo_seconds: float = UNDO_SECONDS,
) -> Decision:
    """A person's or the site's own decision; it outranks the machine's.

    :param comment: locked by the caller (``store.comment_of(..., lock=True)``).
    :param action: ``approve``, ``reject`` or ``hold``.
    :param expected: the status that the person saw; when it changed since, nothing is done.
    :param undo_seconds: how long the webhook waits for an undo.
    :raises Overtaken: the comment moved since it was seen.
    :raises TransitionRefused: for a withdrawn or erased comment, or one already there.
    """
    old, new = comment.status, ACTIONS[action]
    if expected is not None and expected != old:
        raise Overtaken(old)
    waits = comment.judged_at is None
    if old in ("withdrawn", "erased") or (old == new and not waits):
        raise TransitionRefused(old, action)
    was_published = comment.published_revision is not None
    comment.status = new
    comment.decided_at = now
    # A person has spoken: the machine owes this revision nothing more.
    comment.judged_at = comment.judged_at or now
    comment.lease_until = comment.opened_by = comment.opened_until = comment.escalated_at = None
    comment.published_revision = comment.revision if new == "approved" else None
    close_reports(session, comment, upheld=new == "rejected", now=now)
    decision = decisions.log(
        session,
        comment,
        action=action,
        old=old,
        by_kind=by_kind,
        by_id=by_id,
        reason_code=reason_code,
        note=clean(note)[0],
        now=now,
    )
    event_type = event_type_for(was_published=was_published, had_verdict_before=True, status=new)
    if event_type:
        outbox = Outbox.for_sites(session, [comment.site_id], now)
        outbox.announce_comment(
            comment, event_type, reasons=decisions.reasons_of(decision), delay_seconds=undo_seconds
        )
        outbox.write()
    credit.decide(session, comment, old=old, new=new, by_person=by_kind == "moderator", now=now)
    labels.from_decision(session, comment, decision)
    return decision


def undo(session: Session, comment: Comment, decision: Decision, *, by_id: str, now: datetime) -> Decision:
    """Put a comment back to where it stood before a person's decision.

    In time, the webhook is taken back unsent; later, another event tells the site.

    :raises Overtaken: the decision is not the last word on the comment any more.
    """
    last = session.scalar(
        select(Decision).where(Decision.comment_id == comment.id).order_by(Decision.id.desc()).limit(1)
    )
    if last is None or last.id != decision.id or comment.status != decision.new_status:
        raise Overtaken(comment.status)
    unseen = cancel_unsent(session, comment.id, since=decision.created_at, now=now)
    nobody_saw = bool(unseen)
    was, was_published = comment.status, comment.published_revision is not None
    # Decided over the machine's head, which then owes this revision its verdict again.
    waits = comment.verdict is None
    comment.status = decision.old_status
    if nobody_saw:
        comment.published_revision = told_revision(session, comment.id)
    elif comment.status == "approved" and waits:
        # An earlier revision was public while its edit waited. Sites took that down, or show the edit
        # by now: nothing is public until the edit has its verdict.
        comment.status, comment.published_revision = "pending", None
    else:
        comment.published_revision = comment.revision if comment.status == "approved" else None
    back = comment.status
    comment.decided_at = now if back in ("approved", "rejected") else None
    if waits:
        comment.judged_at, comment.attempts = None, 0
    line = decisions.log(
        session,
        comment,
        action="undo",
        old=was,
        by_kind="moderator",
        by_id=by_id,
        undoes=decision.id,
        now=now,
    )
    if not nobody_saw:
        event_type = event_type_for(was_published=was_published, had_verdict_before=True, status=back)
        if event_type:
            outbox = Outbox.for_sites(session, [comment.site_id], now)
            outbox.announce_comment(comment, event_type, reasons=decisions.reasons_of(line))
            outbox.write()
    credit.decide(session, comment, old=was, new=back, by_person=True, now=now, undone=True)
    labels.from_undo(session, comment, decision, now=now)
    return line


def withdraw(session: Session, comment: Comment, *, by_kind: str, by_id: str, now: datetime) -> Decision:
    """The author or the site takes the comment back; doing it twice is no fault."""
    if comment.status == "erased":
        raise TransitionRefused(comment.status, "withdraw")
    old, was_published = comment.status, comment.published_revision is not None
    comment.status = "withdrawn"
    comment.published_revision = None
    comment.judged_at = comment.judged_at or now
    comment.lease_until = None
    decision = decisions.log(
        session, comment, action="withdraw", old=old, by_kind=by_kind, by_id=by_id, now=now
    )
    if was_published and old != "withdrawn":
        outbox = Outbox.for_sites(session, [comment.site_id], now)
        outbox.announce_comment(comment, "comment.retracted")
        outbox.write()
    return decision


def close_reports(session: Session, comment: Comment, *, upheld: bool, now: datetime) -> None:
    """Answer every open complaint about a comment with the decision just taken."""
    if comment.open_reports:
        session.execute(
            update(Report)
            .where(Report.comment_id == comment.id, Report.status == "open")
            .values(status="upheld" if upheld else "dismissed", closed_at=now)
        )
        comment.open_reports = 0

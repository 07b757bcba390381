"""The whole life of a comment, in order: receive, edit, settle, decide, undo, withdraw, report, appeal.

    pending ──settle──▶ approved │ held │ rejected         the machine's verdict
    held ──decide──▶ approved │ rejected                   a person's
    approved ──report, decide──▶ held │ rejected           comes down again: comment.retracted
    rejected ──appeal, decide──▶ approved                  a second look by someone else
    any ──withdraw──▶ withdrawn      any ──erase──▶ erased

Every move writes one decision with both of its ends, and the events it causes, in the
caller's transaction. Nothing here commits, sleeps or sends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, make_transient_to_detached

from moderation import credit, labels
from moderation.errors import AlreadyReceived, Overtaken, TransitionRefused
from moderation.events import Outbox, cancel_unsent, event_type_for, told_revision
from moderation.intake import clean, clean_line
from moderation.tables import Appeal, Comment, Decision, Report, Revision, new_id
from moderation.vault import Vault

#: Before the webhook of a person's act goes out, the act can be undone without a trace outside.
UNDO_SECONDS = 10
APPEAL_DAYS = 183
#: What a person or a site may ask of a comment -> where it comes to stand.
ACTIONS = {"approve": "approved", "reject": "rejected", "hold": "held"}
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


def receive(
    session: Session,
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
        "status": "pending",
        "revision": 1,
        "sequence": 0,
        "attempts": 0,
        "open_reports": 0,
        "language": "",
        "urgency": 0.0,
        "unsure": 0.0,
    }
    # The columns that begin empty are left out of the statement: written by the unit of work it has so
    # many that psycopg parses it anew each time, which cost a sixth of the whole request when measured.
    try:
        session.execute(insert(Comment.__table__), row)  # type: ignore[arg-type]
    except IntegrityError as error:
        if external_id is None:
            raise
        raise AlreadyReceived(external_id) from error
    comment = Comment(**_EMPTY, **row)
    make_transient_to_detached(comment)
    session.add(comment)
    return comment


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
    return _log(session, comment, action="edit", old=old, by_kind="site", now=now)


def settle(session: Session, judgements: Sequence[Judgement], *, now: datetime) -> list[Decision]:
    """Move claimed comments where the machine's verdicts put them, once.

    A judgement that comes late changes nothing: the comment was edited, decided by a person
    or settled by another worker in the meantime.

    :return: one decision for each comment that moved.
    """
    live = _still_waiting(session, judgements)
    outbox = Outbox.for_sites(session, {j.comment.site_id for j in live}, now)
    rows, lines = [], []
    for judgement in live:
        comment = judgement.comment
        old, was_published = comment.status, comment.published_revision is not None
        _take_opinion(comment, judgement, now)
        event_type = event_type_for(
            was_published=was_published, had_verdict_before=old != "pending", status=comment.status
        )
        if event_type:
            outbox.announce_comment(comment, event_type, reasons=judgement.reasons)
        rows.append(_row_of(comment))
        lines.append(
            _line(
                comment,
                action=judgement.outcome,
                old=old,
                by_kind="policy",
                by_id=judgement.policy_id or "",
                reasons=[_without_words(reason) for reason in judgement.reasons],
                reason_code=reason_code_of(judgement),
                now=now,
            )
        )
    if rows:
        session.execute(update(Comment), rows)
        session.execute(insert(Decision), lines)
        credit.settle(session, [j.comment for j in live], now=now)
    outbox.write()
    return [Decision(**line) for line in lines]


def give_up(comment: Comment, *, on_error: str = "hold") -> Judgement:
    """The judgement of a comment that no worker could score: a person, or by policy readers, get it.

    :param on_error: the policy's word, ``hold`` or ``approve``.
    """
    return Judgement(
        comment=comment,
        outcome="approve" if on_error == "approve" else "hold",
        reasons=[
            {
                "kind": "setting",
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
    decision = _log(
        session,
        comment,
        action=action,
        old=old,
        by_kind=by_kind,
        by_id=by_id,
        reason_code=reason_code,
        note=note,
        now=now,
    )
    event_type = event_type_for(was_published=was_published, had_verdict_before=True, status=new)
    if event_type:
        outbox = Outbox.for_sites(session, [comment.site_id], now)
        outbox.announce_comment(
            comment, event_type, reasons=_reasons_of(decision), delay_seconds=undo_seconds
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
    line = _log(
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
            outbox.announce_comment(comment, event_type, reasons=_reasons_of(line))
            outbox.write()
    credit.decide(session, comment, old=was, new=back, by_person=True, now=now, undone=True)
    labels.forget_decision(session, comment, at=now)
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
    decision = _log(session, comment, action="withdraw", old=old, by_kind=by_kind, by_id=by_id, now=now)
    if was_published and old != "withdrawn":
        outbox = Outbox.for_sites(session, [comment.site_id], now)
        outbox.announce_comment(comment, "comment.retracted")
        outbox.write()
    return decision


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
        comment.urgency = urgency_of(
            comment.scores or {}, received_at=now, exposure=1.0 + comment.open_reports
        )
        credit.report(session, comment)
    session.flush()
    return row


def close_reports(session: Session, comment: Comment, *, upheld: bool, now: datetime) -> None:
    """Answer every open complaint about a comment with the decision just taken."""
    if comment.open_reports:
        session.execute(
            update(Report)
            .where(Report.comment_id == comment.id, Report.status == "open")
            .values(status="upheld" if upheld else "dismissed", closed_at=now)
        )
        comment.open_reports = 0


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
        code = REASON_CODES.get(str(reason.get("name")))
        if code:
            return code
    return "OTHER"


REASON_CODES = {
    "spam": "SPAM",
    "toxicity": "OFFENSIVE",
    "severe_toxicity": "ABUSIVE",
    "obscene": "OFFENSIVE",
    "threat": "HARASSMENT_BULLYING",
    "insult": "ABUSIVE",
    "identity_attack": "HATE_SPEECH",
    "blocked_word": "BANNED_WORD",
    "blocked_domain": "SPAM",
    "honeypot": "SPAM",
    "near_duplicate": "SPAM",
}


def _still_waiting(session: Session, judgements: Sequence[Judgement]) -> list[Judgement]:
    """Those whose comment still owes a verdict on the very revision judged, locked until commit."""
    ids = [judgement.comment.id for judgement in judgements]
    # In order of id: two workers that lock the same rows never wait for each other in a circle.
    waiting = {
        row.id: row
        for row in session.execute(
            select(Comment.id, Comment.revision, Comment.status, Comment.sequence, Comment.published_revision)
            .where(Comment.id.in_(ids), Comment.judged_at.is_(None))
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


def _take_opinion(comment: Comment, judgement: Judgement, now: datetime) -> None:
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


def _row_of(comment: Comment) -> dict[str, Any]:
    return {name: getattr(comment, name) for name in _SETTLED}


def _without_words(reason: Mapping[str, Any]) -> dict[str, Any]:
    """A reason for the log: names and numbers, never the evidence, which may quote the reader."""
    return {key: reason.get(key) for key in ("kind", "name", "verdict", "value", "threshold")}


def _line(
    comment: Comment,
    *,
    action: str,
    old: str,
    by_kind: str,
    now: datetime,
    by_id: str = "",
    reason_code: str = "",
    note: str = "",
    reasons: Sequence[Mapping[str, Any]] = (),
    undoes: str | None = None,
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "site_id": comment.site_id,
        "comment_id": comment.id,
        "revision": comment.revision,
        "action": action,
        "old_status": old,
        "new_status": comment.status,
        "by_kind": by_kind,
        "by_id": by_id,
        "reason_code": reason_code,
        "reasons": [dict(reason) for reason in reasons],
        "note": note,
        "model": comment.model,
        "policy_id": comment.policy_id,
        "undoes": undoes,
        "created_at": now,
    }


def _log(session: Session, comment: Comment, *, action: str, old: str, by_kind: str, **line: Any) -> Decision:
    decision = Decision(**_line(comment, action=action, old=old, by_kind=by_kind, **line))
    session.add(decision)
    session.flush()
    return decision


def _reasons_of(decision: Decision) -> list[dict[str, Any]]:
    return [{"name": decision.reason_code, "text": decision.note}] if decision.reason_code else []

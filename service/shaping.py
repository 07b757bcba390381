"""A comment and what belongs to it, as documents that may leave the house."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Appeal, Comment, Decision, Delivery, Event, Report


def accepted(comment: Comment, *, status: str | None = None) -> dict[str, Any]:
    """The short answer. :param status: as it was when accepted, for a repeated answer."""
    return {"id": comment.id, "status": status or comment.status, "external_id": comment.external_id}


def comment(row: Comment) -> dict[str, Any]:
    """Never the e-mail address, the IP or the user agent."""
    return {
        "id": row.id,
        "external_id": row.external_id,
        "status": row.status,
        "revision": row.revision,
        "published_revision": row.published_revision,
        "sequence": row.sequence,
        "name": row.name,
        "body": row.body,
        "article": {
            "id": row.article_id,
            "url": row.article_url,
            "title": row.article_title,
            "section": row.section,
        }
        if row.article_id or row.article_url
        else None,
        "parent": {"id": row.parent_id} if row.parent_id else None,
        "author": {
            "id": row.author_identity.removeprefix("id:") if row.author_verified else None,
            "url": row.author_url or None,
            "verified": row.author_verified,
        },
        "language": row.language or row.declared_language or None,
        "submitted_at": time_of(row.submitted_at),
        "received_at": time_of(row.received_at),
        "judged_at": time_of(row.judged_at),
        "decided_at": time_of(row.decided_at),
        "verdict": row.verdict,
        "reasons": row.reasons or [],
        "scores": row.scores,
        "model": row.model,
        "signals": row.signals or [],
        "open_reports": row.open_reports,
    }


def whole_comment(session: Session, row: Comment) -> dict[str, Any]:
    """A comment with its decisions, deliveries, reports and appeals, oldest first."""

    def rows_of(table: Any) -> Sequence[Any]:
        return session.scalars(select(table).where(table.comment_id == row.id).order_by(table.id)).all()

    deliveries = session.execute(
        select(Delivery, Event.type)
        .join(Event, Event.id == Delivery.event_id)
        .where(Event.comment_id == row.id)
        .order_by(Delivery.id)
    )
    return {
        **comment(row),
        "decisions": [decision(line) for line in rows_of(Decision)],
        "deliveries": [delivery(line, kind) for line, kind in deliveries],
        "reports": [report(line) for line in rows_of(Report)],
        "appeals": [appeal(line) for line in rows_of(Appeal)],
    }


def decision(row: Decision) -> dict[str, Any]:
    return {
        "id": row.id,
        "revision": row.revision,
        "action": row.action,
        "old_status": row.old_status,
        "new_status": row.new_status,
        "by_kind": row.by_kind,
        "reason_code": row.reason_code,
        "reasons": row.reasons,
        "note": row.note,
        "model": row.model,
        "created_at": time_of(row.created_at),
    }


def delivery(row: Delivery, event_type: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "event_id": row.event_id,
        "type": event_type,
        "endpoint_id": row.endpoint_id,
        "status": row.status,
        "attempts_made": row.attempts_made,
        "due_at": time_of(row.due_at),
        "created_at": time_of(row.created_at),
        "finished_at": time_of(row.finished_at),
        "last_error": row.last_error,
    }


def report(row: Report) -> dict[str, Any]:
    return {
        "id": row.id,
        "reason": row.reason,
        "illegal": row.illegal,
        "status": row.status,
        "created_at": time_of(row.created_at),
    }


def appeal(row: Appeal) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "text": row.text,
        "answer": row.answer,
        "created_at": time_of(row.created_at),
        "decided_at": time_of(row.decided_at),
    }


def time_of(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None

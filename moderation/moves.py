"""What moved a moment ago, and in which queues it is found now: what keeps open pages fresh."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session
from ulid import ULID

from moderation.tables import Appeal, Comment, Decision

#: A pulse or a tick looks at no more than this; open pages ask again before long.
_MOST = 500


def moved_since(session: Session, since: datetime) -> dict[str, str]:
    """decision id -> comment id, for decisions on comments that a page can show, the latest first.

    The machine's first verdict is left out: the comment was in nobody's list before.
    """
    rows = session.execute(
        select(Decision.id, Decision.comment_id)
        .where(Decision.id > str(ULID.from_datetime(since)), Decision.old_status != "pending")
        .order_by(Decision.id.desc())
        .limit(_MOST)
    )
    return {row.id: row.comment_id for row in rows}


def places_of(session: Session, comment_ids: Iterable[str]) -> dict[str, tuple[str, list[str]]]:
    """comment id -> its site, and the views of the queue in which somebody finds it now."""
    appealed = exists().where(Appeal.comment_id == Comment.id, Appeal.status == "open")
    rows = session.execute(
        select(
            Comment.id,
            Comment.site_id,
            Comment.status,
            Comment.escalated_at,
            Comment.open_reports,
            Comment.unsure,
            appealed.label("is_appealed"),
        ).where(Comment.id.in_(list(comment_ids)))
    )
    return {row.id: (row.site_id, _views_of(row)) for row in rows}


def _views_of(row: Any) -> list[str]:
    held = row.status == "held"
    is_in = {
        "held": held and row.escalated_at is None,
        "escalated": held and row.escalated_at is not None,
        "unsure": held and row.escalated_at is None and row.unsure > 0,
        "reported": row.open_reports > 0,
        "appeals": row.is_appealed,
        "second": row.status in ("approved", "rejected"),
        "decided": row.status not in ("erased", "pending"),
    }
    return [view for view, found in is_in.items() if found]

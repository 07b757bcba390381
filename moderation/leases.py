"""Who has which comment open at the desk: a lease, so that no two people decide on the same one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, text, update
from sqlalchemy.orm import Session

from moderation.tables import Comment

#: How long a comment that someone has open is kept from the others.
LEASE_SECONDS = 90
#: More than this are not marked in anybody's list.
_MOST_BUSY = 200


def open_for(session: Session, comment_id: str, person_id: str, now: datetime) -> bool:
    """Take or renew the lease on a comment; the update is the lock. In a transaction of its own.

    :return: False while someone else has it open.
    """
    if session.get_bind().dialect.name == "postgresql":
        # A lease that a power cut takes away harms nobody; waiting for the disk would, at each comment.
        session.execute(text("set local synchronous_commit = off"))
    taken = session.execute(
        update(Comment)
        .where(
            Comment.id == comment_id,
            or_(Comment.opened_by.is_(None), Comment.opened_by == person_id, Comment.opened_until < now),
        )
        .values(opened_by=person_id, opened_until=now + timedelta(seconds=LEASE_SECONDS))
        .execution_options(synchronize_session=False)
    )
    return bool(taken.rowcount == 1)  # type: ignore[attr-defined]


def let_go(session: Session, person_id: str, *, but: str = "") -> None:
    """Give back what a person had open before: a person reads one comment at a time."""
    session.execute(
        update(Comment)
        .where(Comment.opened_by == person_id, Comment.id != but)
        .values(opened_by=None, opened_until=None)
        .execution_options(synchronize_session=False)
    )


def open_now(session: Session, now: datetime) -> Sequence[Any]:
    """What anybody has open: rows of ``id``, ``site_id`` and ``opened_by``."""
    return session.execute(
        select(Comment.id, Comment.site_id, Comment.opened_by)
        .where(Comment.opened_by.is_not(None), Comment.opened_until >= now)
        .limit(_MOST_BUSY)
    ).all()


def busy_with_others(
    rows: Sequence[Any], *, person_id: str, site_ids: Sequence[str] | frozenset[str]
) -> list[str]:
    """The comments among those of ``open_now`` that others than this person have open on these sites."""
    return sorted(row.id for row in rows if row.opened_by != person_id and row.site_id in site_ids)


def is_busy(row: Any, person_id: str, now: datetime) -> bool:
    """Whether someone else has the comment open."""
    return bool(row.opened_by and row.opened_by != person_id and row.opened_until and row.opened_until >= now)

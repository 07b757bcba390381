"""Notice what people should know: a queue that grows, comments that nobody judges, endpoints that fail.

A notice stands once at the desk until it is dismissed, and goes out once by e-mail or chat where the
operator set that up (``BTL_NOTIFY_URLS``). It never quotes a comment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from moderation import drift
from moderation.drift import Drift
from moderation.tables import Comment, Endpoint, Notice, Site, new_id

#: What a site can change by ``options["notices"]``.
HELD_COMMENTS = 200
HELD_HOURS = 24
UNJUDGED_MINUTES = 5
FAILING_HOURS = 6
NO_DRIFT: Mapping[str, Drift] = {}


def watch(session: Session, *, now: datetime, drifts: Mapping[str, Drift] = NO_DRIFT) -> list[Notice]:
    """Look at every site and note what is new; what is noted already is not noted again.

    :param drifts: site id -> what was measured before this transaction, which locks the rows it writes.
    :return: the notices that were added.
    """
    open_kinds = {
        (notice.site_id, notice.kind)
        for notice in session.scalars(select(Notice).where(Notice.dismissed_at.is_(None)))
    }
    added = []
    for site in session.scalars(select(Site)):
        for kind, text in _of_site(session, site, now):
            if (site.id, kind) not in open_kinds:
                added.append(Notice(id=new_id(), site_id=site.id, kind=kind, text=text, created_at=now))
    waiting = session.scalar(select(func.min(Comment.received_at)).where(Comment.judged_at.is_(None)))
    if (
        waiting
        and now - waiting > timedelta(minutes=UNJUDGED_MINUTES)
        and (None, "unjudged") not in open_kinds
    ):
        minutes = int((now - waiting).total_seconds() / 60)
        text = f"Comments wait for the machine since {minutes} minutes: is the scoring worker running?"
        added.append(Notice(id=new_id(), site_id=None, kind="unjudged", text=text, created_at=now))
    for site_id, found in drifts.items():
        for kind, text in drift.keep(session, site_id, found, now=now):
            if not _is_noted(session, site_id, kind, now - drift.QUIET):
                added.append(Notice(id=new_id(), site_id=site_id, kind=kind, text=text, created_at=now))
    session.add_all(added)
    return added


def _is_noted(session: Session, site_id: str, kind: str, since: datetime) -> bool:
    """Whether it stands at the desk or was put away lately: a drift lasts, one word about it is enough."""
    noted = select(Notice.id).where(
        Notice.site_id == site_id,
        Notice.kind == kind,
        Notice.dismissed_at.is_(None) | (Notice.created_at > since),
    )
    return session.scalar(noted.limit(1)) is not None


def unsent(session: Session, *, limit: int = 20) -> Sequence[Notice]:
    """Notices that have not gone out yet, oldest first."""
    return list(
        session.scalars(
            select(Notice)
            .where(Notice.sent_at.is_(None), Notice.dismissed_at.is_(None))
            .order_by(Notice.id)
            .limit(limit)
        )
    )


def note_sent(session: Session, notice_id: str, *, now: datetime) -> None:
    session.execute(update(Notice).where(Notice.id == notice_id).values(sent_at=now))


def _of_site(session: Session, site: Site, now: datetime) -> list[tuple[str, str]]:
    said = site.options.get("notices") or {}
    most, hours = int(said.get("held_comments", HELD_COMMENTS)), int(said.get("held_hours", HELD_HOURS))
    found = []
    held = select(Comment.id).where(Comment.site_id == site.id, Comment.status == "held")
    # Counted no further than the line: a long queue must not make the watch slow.
    waiting = session.scalar(select(func.count()).select_from(held.limit(most + 1).subquery())) or 0
    if waiting > most:
        found.append(("queue_long", f"{site.name}: more than {most} comments wait for a person."))
    oldest = session.scalar(
        select(func.min(Comment.received_at)).where(Comment.site_id == site.id, Comment.status == "held")
    )
    if oldest and now - oldest > timedelta(hours=hours):
        found.append(
            ("queue_old", f"{site.name}: a comment waits for a person since more than {hours} hours.")
        )
    failing = session.scalars(
        select(Endpoint).where(
            Endpoint.site_id == site.id,
            Endpoint.status == "active",
            Endpoint.failing_since < now - timedelta(hours=FAILING_HOURS),
        )
    )
    for endpoint in failing:
        text = f"{site.name}: webhooks to {endpoint.url[:200]} have failed for {FAILING_HOURS} hours."
        found.append((f"endpoint_failing:{endpoint.id}"[:40], text))
    return found

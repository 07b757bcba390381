"""A site's lists in the database, and one matcher for each version of them in a process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from moderation.credit import upsert
from moderation.lists import ALLOWED_KINDS, Entry, Matcher
from moderation.tables import ListEntry, Site, new_id

#: Rows of one statement when a long list comes in.
CHUNK = 2_000
#: An entry that expires stays at most this long beyond its time.
STALE_SECONDS = 600

_matchers: dict[str, tuple[int, float, Matcher]] = {}


def matcher_of(session: Session, site_id: str, *, now: datetime) -> Matcher:
    """The site's matcher; built anew when its lists changed, or entries may have expired."""
    version = session.scalar(select(Site.lists_version).where(Site.id == site_id)) or 0
    known = _matchers.get(site_id)
    if known is not None and known[0] == version and time.monotonic() - known[1] < STALE_SECONDS:
        return known[2]
    rows = session.execute(
        select(ListEntry.list, ListEntry.kind, ListEntry.pattern).where(
            ListEntry.site_id == site_id, or_(ListEntry.expires_at.is_(None), ListEntry.expires_at > now)
        ),
        execution_options={"yield_per": CHUNK},
    )
    matcher = Matcher(Entry(*row) for row in rows)
    _matchers[site_id] = (version, time.monotonic(), matcher)
    return matcher


def add(
    session: Session,
    site_id: str,
    entries: Iterable[Entry],
    *,
    now: datetime,
    by: str = "",
    reason: str = "",
    expires_at: datetime | None = None,
) -> int:
    """Add entries in the form of :func:`moderation.lists.cleaned`; those that stand there already stay.

    Call :func:`changed` once all are in.

    :return: how many were new.
    :raises ValueError: for a word or pattern on the list of what is allowed.
    """
    left = iter(entries)
    before = _count(session, site_id)
    while chunk := list(islice(left, CHUNK)):
        for entry in chunk:
            if entry.list == "allowed" and entry.kind not in ALLOWED_KINDS:
                raise ValueError(f"only {', '.join(ALLOWED_KINDS)} can be allowed, not a {entry.kind}")
        session.connection().execute(
            upsert(session, ListEntry.__table__).on_conflict_do_nothing(
                index_elements=["site_id", "list", "kind", "pattern"]
            ),
            [
                {
                    "id": new_id(),
                    "site_id": site_id,
                    "list": entry.list,
                    "kind": entry.kind,
                    "pattern": entry.pattern,
                    "reason": reason,
                    "created_by": by,
                    "created_at": now,
                    "expires_at": expires_at,
                }
                for entry in chunk
            ],
        )
    # counted, for the drivers do not agree on what an INSERT of many rows left out
    return _count(session, site_id) - before


def _count(session: Session, site_id: str) -> int:
    return session.scalar(select(func.count()).where(ListEntry.site_id == site_id)) or 0


def changed(session: Session, site_id: str) -> None:
    """Tell every worker that the site's lists are not what they were."""
    session.execute(update(Site).where(Site.id == site_id).values(lists_version=Site.lists_version + 1))


def remove(
    session: Session,
    site_id: str,
    *,
    which: str | None = None,
    kind: str | None = None,
    patterns: Sequence[str] | None = None,
    reason: str | None = None,
) -> int:
    """Remove the entries that meet every condition given.

    :return: how many went.
    """
    gone = delete(ListEntry).where(ListEntry.site_id == site_id)
    for column, value in ((ListEntry.list, which), (ListEntry.kind, kind), (ListEntry.reason, reason)):
        if value is not None:
            gone = gone.where(column == value)
    if patterns is not None:
        gone = gone.where(ListEntry.pattern.in_(patterns))
    count: int = session.execute(gone).rowcount  # type: ignore[attr-defined]
    changed(session, site_id)
    return count


def show(
    session: Session, site_id: str, *, which: str | None = None, kind: str | None = None
) -> Iterator[ListEntry]:
    """The site's entries, in the order of list, kind and pattern; streamed."""
    query = select(ListEntry).where(ListEntry.site_id == site_id)
    if which is not None:
        query = query.where(ListEntry.list == which)
    if kind is not None:
        query = query.where(ListEntry.kind == kind)
    yield from session.scalars(
        query.order_by(ListEntry.list, ListEntry.kind, ListEntry.pattern),
        execution_options={"yield_per": CHUNK},
    )


def counts(session: Session, site_id: str) -> dict[tuple[str, str], int]:
    """(list, kind) -> entries."""
    rows = session.execute(
        select(ListEntry.list, ListEntry.kind, func.count())
        .where(ListEntry.site_id == site_id)
        .group_by(ListEntry.list, ListEntry.kind)
    )
    return {(which, kind): count for which, kind, count in rows}

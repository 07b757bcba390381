"""Questions put to the database, and claims on rows."""

from __future__ import annotations

import select as select_module
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, and_, create_engine, event, or_, select, update
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker

from moderation.asked import is_among
from moderation.credit import upsert
from moderation.errors import NotFound
from moderation.tables import Author, Comment, Endpoint, Heartbeat, Revision, Site

#: Tries of one revision before a person gets it.
MAX_ATTEMPTS = 3
#: Longer than the task's time limit, so that a living worker never loses its claim.
LEASE_SECONDS = 45


class Database:
    """Sessions that write and sessions that only read, on one pool.

    On SQLite a writing transaction begins with ``BEGIN IMMEDIATE``: a deferred one that reads
    and then writes fails at once when another wrote in between (16,431 errors in 4 s when
    measured, 0 with IMMEDIATE). A reading one begins deferred and never waits for writers (WAL).
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._write = sessionmaker(engine, expire_on_commit=False)
        self._read = sessionmaker(engine.execution_options(reading=True), expire_on_commit=False)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction: committed at the end, rolled back when anything is raised."""
        with self._write.begin() as session:
            yield session

    @contextmanager
    def at_once(self) -> Iterator[Connection]:
        """For one statement, which is a transaction by itself: one round trip to PostgreSQL instead of three.

        What it wrote is committed when it returns; there is nothing to roll back.
        """
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                driver: Any = connection.connection.driver_connection
                driver.autocommit = True  # until the pool has it back, see _begin_transactions
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that takes no write lock; nothing written in it is kept."""
        with self._read() as session:
            yield session

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"


def open_database(url: str, **options: Any) -> Database:
    """:param url: ``sqlite:///path`` or ``postgresql+psycopg://…``."""
    return Database(engine_for(url, **options))


def engine_for(url: str, **options: Any) -> Engine:
    """An engine that keeps what it acknowledged.

    SQLite: WAL, ``synchronous=FULL`` (an acknowledged comment survives a power cut; NORMAL may
    lose the last commits), foreign keys on, ``secure_delete`` so that erased bytes are gone.
    PostgreSQL: its defaults (``fsync`` and ``synchronous_commit`` on), connections checked before use.
    """
    if not url.startswith("sqlite"):
        options.setdefault("pool_size", 8)
        options.setdefault("max_overflow", 8)
        engine = create_engine(url, pool_recycle=1800, **options)
        event.listen(engine, "checkout", _check_open)
        event.listen(engine, "checkin", _begin_transactions)
        return engine
    engine = create_engine(url, connect_args={"timeout": 15, "isolation_level": None}, **options)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _check_open(connection: Any, _record: Any, _proxy: Any) -> None:
    """Before a kept connection is used again: did the server close it meanwhile?

    An idle connection that has something to read was ended by the server. Looking costs nothing; the
    usual ping costs three round trips, as many as accepting a comment.
    """
    try:
        poll = select_module.poll()
        poll.register(connection.fileno(), select_module.POLLIN)
        if not poll.poll(0):
            return
    except (psycopg.Error, OSError, ValueError):
        pass
    raise DisconnectionError


def _begin_transactions(connection: Any, record: Any) -> None:
    """Before a connection is kept: whoever gets it next writes in transactions (see Database.at_once)."""
    if connection is not None and connection.autocommit:
        try:
            connection.autocommit = False
        except psycopg.Error:  # it is broken: the pool must not hand it out again
            record.invalidate()


def claim_unjudged(
    session: Session, *, now: datetime, limit: int, tried_first: bool = False
) -> list[Comment]:
    """Claim comments that the machine owes a verdict; the update is the lock.

    Fresh ones come as a batch. One that was claimed before and not finished (its lease ran
    out) comes alone, so that a comment which kills its worker cannot take others with it.

    :param tried_first: look for one of these before the fresh ones. Asked now and then, so that they do
        not wait for as long as fresh ones keep coming.
    :return: up to ``limit`` comments, leased for ``LEASE_SECONDS``; empty when nothing waits.
    """
    fresh = (Comment.attempts == 0, limit)
    tried = (Comment.attempts.between(1, MAX_ATTEMPTS - 1), 1)
    first, then = (tried, fresh) if tried_first else (fresh, tried)
    return _claim(session, *first, now) or _claim(session, *then, now)


def claim_exhausted(session: Session, *, now: datetime, limit: int = 100) -> list[Comment]:
    """Claim comments whose every try failed: they go to a person (see lifecycle.give_up)."""
    return _claim(session, Comment.attempts >= MAX_ATTEMPTS, limit, now)


def _claim(session: Session, tried: Any, limit: int, now: datetime) -> list[Comment]:
    free = (
        select(Comment.id)
        .where(
            Comment.judged_at.is_(None), tried, or_(Comment.lease_until.is_(None), Comment.lease_until < now)
        )
        .order_by(Comment.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(free))
    if not ids:
        return []
    return list(
        session.scalars(
            update(Comment)
            .where(is_among(session, Comment.id, ids))
            .values(lease_until=now + timedelta(seconds=LEASE_SECONDS), attempts=Comment.attempts + 1)
            .returning(Comment),
            execution_options={"synchronize_session": False, "populate_existing": True},
        )
    )


def is_work_waiting(session: Session, *, now: datetime) -> bool:
    """Whether any comment waits for the machine with nobody on it."""
    return (
        session.scalar(
            select(Comment.id)
            .where(Comment.judged_at.is_(None), or_(Comment.lease_until.is_(None), Comment.lease_until < now))
            .limit(1)
        )
        is not None
    )


def site_of(session: Session, site_id: str) -> Site:
    """:raises NotFound: no such site."""
    site = session.get(Site, site_id)
    if site is None:
        raise NotFound("site")
    return site


def comment_of(session: Session, site_id: str, comment_id: str, *, lock: bool = False) -> Comment:
    """A site's comment by its id.

    :param lock: hold the row until the transaction ends, for acts on it.
    :raises NotFound: no such comment on this site; another site's is not admitted to exist.
    """
    query = select(Comment).where(Comment.id == comment_id, Comment.site_id == site_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    comment = session.scalar(query)
    if comment is None:
        raise NotFound("comment")
    return comment


def comment_by_external_id(session: Session, site_id: str, external_id: str) -> Comment | None:
    return session.scalar(
        select(Comment).where(Comment.site_id == site_id, Comment.external_id == external_id)
    )


def comments_of(
    session: Session,
    site_id: str,
    *,
    status: str | None = None,
    article: str | None = None,
    external_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Comment]:
    """A page of a site's comments, newest first.

    :param before: the last id of the page before (a key, not an offset: deep pages cost the same).
    """
    query = select(Comment).where(Comment.site_id == site_id)
    if status is not None:
        query = query.where(Comment.status == status)
    if article is not None:
        query = query.where(Comment.article_id == article)
    if external_id is not None:
        query = query.where(Comment.external_id == external_id)
    if before is not None:
        query = query.where(Comment.id < before)
    return list(session.scalars(query.order_by(Comment.id.desc()).limit(limit)))


def published_text_of(session: Session, comment: Comment) -> tuple[str, str] | None:
    """Name and body as readers see them now, or None while nothing is published."""
    if comment.published_revision is None:
        return None
    if comment.published_revision == comment.revision:
        return comment.name, comment.body
    earlier = session.get(Revision, (comment.id, comment.published_revision))
    return (earlier.name, earlier.body) if earlier else None


def authors_of(session: Session, identities: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Author]:
    """:param identities: (site id, identity) pairs; those unknown are absent from the answer."""
    wanted: dict[str, set[str]] = {}
    for site_id, identity in identities:
        wanted.setdefault(site_id, set()).add(identity)
    found: dict[tuple[str, str], Author] = {}
    for site_id, of_site in wanted.items():
        rows = session.scalars(
            select(Author).where(Author.site_id == site_id, is_among(session, Author.identity, of_site))
        )
        found |= {(row.site_id, row.identity): row for row in rows}
    return found


def endpoints_of(session: Session, site_ids: Sequence[str]) -> list[Endpoint]:
    """The endpoints that events of these sites go to."""
    return list(
        session.scalars(
            select(Endpoint).where(and_(Endpoint.site_id.in_(site_ids), Endpoint.status == "active"))
        )
    )


def beat(session: Session, part: str, *, now: datetime) -> None:
    """Note that a part of the whole has just worked."""
    moved = session.execute(update(Heartbeat).where(Heartbeat.part == part).values(at=now))
    if moved.rowcount == 0:  # type: ignore[attr-defined]
        # Two workers may show their first sign of life at once.
        first = upsert(session, Heartbeat).values(part=part, at=now, detail={})
        session.execute(first.on_conflict_do_nothing())

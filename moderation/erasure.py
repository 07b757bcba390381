"""Erase a person: what they wrote and who they were; that something was decided stays, without them.

GDPR Article 17. The decision log keeps ids and numbers; statuses become ``erased``; the site is
told by ``comment.erased``. The bytes are gone from the files after :func:`sweep_bytes`;
backups made before are the operator's to expire (docs/privacy.md).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from moderation.events import Outbox
from moderation.tables import (
    Appeal,
    Author,
    AuthorNote,
    Comment,
    CommentText,
    Decision,
    Delivery,
    Event,
    Fingerprint,
    ForeignCall,
    Idempotency,
    Label,
    Report,
    Revision,
    new_id,
)

#: What a person's words or addresses can stand in.
HOLD_WORDS = (
    Comment,
    CommentText,
    Revision,
    Event,
    Label,
    Author,
    AuthorNote,
    Report,
    Appeal,
    Decision,
    ForeignCall,
)
#: A table up to this size is rewritten after an erasure: well under a second in which it is locked.
REWRITTEN_BYTES = 64_000_000
_REWRITES, _BETWEEN_REWRITES_SECONDS = 5, 0.2


@dataclass
class Erased:
    """What an erasure removed: noun -> how many."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, noun: str, count: int) -> None:
        self.counts[noun] = self.counts.get(noun, 0) + count


def erase_person(
    session: Session,
    *,
    site_id: str,
    email_hash: str | None = None,
    author_id: str | None = None,
    by_kind: str,
    by_id: str,
    now: datetime,
) -> Erased:
    """Erase everything of one person on one site.

    :param email_hash: the keyed hash of the address (Vault.email_hash).
    :param author_id: the site's own id of the author.
    """
    identities = []
    if email_hash:
        identities.append(f"email:{email_hash}")
    if author_id:
        identities.append(f"id:{author_id}")
    theirs: ColumnElement[bool] = Comment.author_identity.in_(identities)
    if email_hash:
        theirs = or_(theirs, Comment.email_hash == email_hash)
    erased = Erased()
    comments = list(
        session.scalars(
            select(Comment)
            .where(Comment.site_id == site_id, theirs, Comment.status != "erased")
            .order_by(Comment.id)
            .with_for_update()
        )
    )
    # A vouched identity found by its address names further comments, sent with another address.
    identities += sorted({comment.author_identity for comment in comments} - set(identities))
    for comment in comments:
        erase_comment(session, comment, by_kind=by_kind, by_id=by_id, now=now)
    erased.add("comments", len(comments))
    erased.add(
        "authors",
        _count(
            session.execute(delete(Author).where(Author.site_id == site_id, Author.identity.in_(identities)))
        ),
    )
    erased.add(
        "notes",
        _count(
            session.execute(
                delete(AuthorNote).where(AuthorNote.site_id == site_id, AuthorNote.identity.in_(identities))
            )
        ),
    )
    if author_id:
        # what Coral's moderators have yet to decide is kept under the author's id there
        erased.add(
            "held_foreign_calls",
            _count(
                session.execute(
                    delete(ForeignCall).where(ForeignCall.site_id == site_id, ForeignCall.author == author_id)
                )
            ),
        )
    if email_hash:
        erased.add(
            "labels",
            _count(
                session.execute(delete(Label).where(Label.site_id == site_id, Label.email_hash == email_hash))
            ),
        )
        erased.add(
            "foreign_calls",
            _count(
                session.execute(
                    delete(ForeignCall).where(
                        ForeignCall.site_id == site_id, ForeignCall.email_hash == email_hash
                    )
                )
            ),
        )
        erased.add(
            "reports",
            _count(
                session.execute(
                    update(Report)
                    .where(Report.site_id == site_id, Report.reporter_hash == email_hash)
                    .values(text="", reporter_hash=None, reporter_email_encrypted=None)
                )
            ),
        )
    return erased


def erase_comment(session: Session, comment: Comment, *, by_kind: str, by_id: str, now: datetime) -> None:
    """Empty one comment of its author and its words, everywhere they were copied to."""
    old, identity = comment.status, comment.author_identity
    comment.status = "erased"
    comment.published_revision = None
    comment.name = comment.body = comment.email_encrypted = comment.email_hash = ""
    comment.author_identity = ""
    comment.author_url = comment.user_agent = comment.referrer = comment.parent_body = ""
    comment.ip = comment.ip_hash = None
    # external_id stays: it is the site's own name for the comment, by which it takes it down.
    comment.context = {}
    comment.facts = comment.signals = comment.spans = comment.shadow = comment.reasons = None
    comment.cluster = comment.lease_until = comment.opened_by = comment.opened_until = None
    comment.judged_at = comment.judged_at or now
    comment.open_reports = 0
    session.flush()
    # Answers were sent with the words that they answer.
    answers = Comment.parent_id.in_([comment.id, comment.external_id or comment.id])
    session.execute(
        update(Comment)
        .where(Comment.site_id == comment.site_id, Comment.article_id == comment.article_id, answers)
        .values(parent_body="")
    )
    if not session.scalar(
        select(Comment.id)
        .where(Comment.site_id == comment.site_id, Comment.author_identity == identity)
        .limit(1)
    ):
        # Nothing of theirs is left here: the record of them goes too.
        session.execute(delete(Author).where(Author.site_id == comment.site_id, Author.identity == identity))
    for table in (Revision, Fingerprint):
        session.execute(delete(table).where(table.comment_id == comment.id))
    session.execute(delete(Label).where(Label.comment_id == comment.id))
    session.execute(delete(Idempotency).where(Idempotency.comment_id == comment.id))
    session.execute(
        update(Report).where(Report.comment_id == comment.id).values(text="", reporter_email_encrypted=None)
    )
    session.execute(update(Appeal).where(Appeal.comment_id == comment.id).values(text="", answer=""))
    # A moderator's note may quote the reader; it is the one field that no seal covers.
    session.execute(
        update(Decision).where(Decision.comment_id == comment.id, Decision.note != "").values(note="")
    )
    told = list(session.scalars(select(Event).where(Event.comment_id == comment.id)))
    for event in told:
        event.payload = {key: event.payload.get(key) for key in ("id", "external_id", "revision", "sequence")}
    session.execute(
        update(Delivery)
        .where(Delivery.event_id.in_([event.id for event in told]), Delivery.status == "due")
        .values(status="cancelled", finished_at=now)
    )
    session.add(
        Decision(
            id=new_id(),
            site_id=comment.site_id,
            comment_id=comment.id,
            revision=comment.revision,
            action="erase",
            old_status=old,
            new_status="erased",
            by_kind=by_kind,
            by_id=by_id,
            reasons=[],
            created_at=now,
        )
    )
    outbox = Outbox.for_sites(session, [comment.site_id], now)
    outbox.announce_comment(comment, "comment.erased")
    outbox.write()
    session.flush()


def sweep_bytes(engine: Engine, *, rewrite: bool = True) -> list[str]:
    """Take what was erased out of the files as well.

    SQLite overwrites freed pages (``secure_delete``); this empties the write-ahead log, which still holds the
    pages as they were. PostgreSQL leaves what a plain vacuum frees on its pages until something else is
    written there: small tables are rewritten, under a lock that all wait for.

    :param rewrite: whether tables may be locked for that.
    :return: tables on whose pages the bytes may still stand; ``VACUUM FULL`` in a quiet hour takes them out.
    """
    left: list[str] = []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            raw: Any = connection.connection.driver_connection
            connection.rollback()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return left
        # Who cannot have the lock soon does not wait for it: everybody would queue up behind.
        connection.exec_driver_sql("SET lock_timeout = '2s'")
        for table in HOLD_WORDS:
            name = table.__tablename__
            size = connection.exec_driver_sql(f"SELECT pg_table_size('{name}')").scalar() or 0
            if rewrite and size <= REWRITTEN_BYTES and _rewritten(connection, name):
                continue
            connection.exec_driver_sql(f'VACUUM "{name}"')
            left.append(name)
        connection.exec_driver_sql("RESET lock_timeout")
    return left


def _rewritten(connection: Connection, name: str) -> bool:
    """Write a table of PostgreSQL anew without what was erased; False when somebody is in the way.

    A rewrite carries along what a snapshot older than the erasure may still see, even that of a connection
    which is just being opened to another database. The first number it tells is how many it kept.
    """
    raw: Any = connection.connection.driver_connection
    told: list[str] = []

    def listen(notice: Any) -> None:
        told.append(notice.message_detail or "")

    raw.add_notice_handler(listen)
    try:
        for _ in range(_REWRITES):
            told.clear()
            connection.exec_driver_sql(f'VACUUM (FULL, VERBOSE) "{name}"')
            kept = [int(number[0]) for detail in told if (number := re.search(r"\d+", detail))]
            if kept and not any(kept):
                return True
            time.sleep(_BETWEEN_REWRITES_SECONDS)
    except OperationalError:
        pass  # somebody works in it
    finally:
        raw.remove_notice_handler(listen)
    return False


def _count(result: Any) -> int:
    return int(result.rowcount)

"""Bring an archive in: decided comments with their decisions, as labels for learning too.

Resumable: what is here already (by the archive's own ids) is passed over, so a run that was
stopped is simply started again. Nothing is announced: the site has published these long ago.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from moderation import credit
from moderation.archives.archived import Archived, BadRow
from moderation.intake import clean, clean_line
from moderation.opinion import urgency_of
from moderation.store import Database
from moderation.tables import Comment, Decision, Label, Site, new_id
from moderation.vault import Vault

BATCH = 500
#: An old decision is a weaker teacher than today's moderators: rules and people were others.
LABEL_WEIGHT = 0.5


@dataclass
class Imported:
    """What became of an archive so far."""

    added: int = 0
    known: int = 0
    bad: list[BadRow] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.added + self.known + len(self.bad)


def import_archive(
    database: Database,
    rows: Iterable[Archived | BadRow],
    *,
    site: Site,
    vault: Vault,
    origin: str,
    now: datetime,
    labels: bool = True,
) -> Iterator[Imported]:
    """Bring rows in, a batch in each transaction.

    :param origin: the format's name, for the decision log.
    :return: the same tally after each batch, for a progress bar.
    """
    tally, waiting = Imported(), iter(rows)
    while batch := list(islice(waiting, BATCH)):
        tally.bad.extend(row for row in batch if isinstance(row, BadRow))
        good = [_storable(row) for row in batch if isinstance(row, Archived)]
        with database.writing() as session:
            added = _add(session, good, site=site, vault=vault, origin=origin, now=now, labels=labels)
        tally.added += added
        tally.known += len(good) - added
        yield tally


def _add(
    session: Session,
    rows: Sequence[Archived],
    *,
    site: Site,
    vault: Vault,
    origin: str,
    now: datetime,
    labels: bool,
) -> int:
    named = {(row.external_id or _name_of(row))[:255]: row for row in rows}
    known = set(
        session.scalars(
            select(Comment.external_id).where(Comment.site_id == site.id, Comment.external_id.in_(named))
        )
    )
    comments = [
        _comment(row, name, site, vault, origin, now) for name, row in named.items() if name not in known
    ]
    if not comments:
        return 0
    session.add_all(comments)
    session.flush()
    session.execute(insert(Decision), [_decision(comment, origin, now) for comment in comments])
    if labels:
        told = [
            _label(comment, named[comment.external_id or ""], now)
            for comment in comments
            if comment.status != "held"
        ]
        if told:
            session.execute(insert(Label), told)
    credit.settle(session, comments, now=now)
    return len(comments)


def _storable(row: Archived) -> Archived:
    """Without what no database can hold: one such character must not end the import of a million comments."""
    changed: dict[str, Any] = {
        field.name: value.encode("utf-8", "replace").decode().replace("\x00", "")
        for field in fields(row)
        if isinstance(value := getattr(row, field.name), str) and not value.isprintable()
    }
    return replace(row, **changed) if changed else row


def _comment(row: Archived, name: str, site: Site, vault: Vault, origin: str, now: datetime) -> Comment:
    email_hash = vault.email_hash(row.email) if row.email else ""
    body, _ = clean(row.body)
    return Comment(
        id=new_id(),
        site_id=site.id,
        external_id=name,
        name=clean_line(row.name)[0][:200],
        body=body,
        email_encrypted=vault.encrypt(row.email),
        email_hash=email_hash,
        author_identity=f"id:{row.author_id}"[:300] if row.author_id else f"email:{email_hash or 'unknown'}",
        author_url=row.url[:2000],
        author_verified=bool(row.author_id),
        ip=None,
        ip_hash=vault.ip_hash(row.ip) if row.ip else None,
        article_id=row.article_id[:255],
        article_url=row.article_url[:2000],
        article_title=clean_line(row.article_title)[0][:500],
        parent_id=row.parent_id[:255],
        context={"from": origin},
        submitted_at=row.created_at,
        received_at=row.created_at,
        status=row.status,
        revision=1,
        published_revision=1 if row.status == "approved" else None,
        sequence=0,
        decided_at=row.created_at if row.status != "held" else None,
        open_reports=0,
        judged_at=now,
        attempts=0,
        urgency=urgency_of({}, received_at=row.created_at),
        unsure=0.0,
    )


def _decision(comment: Comment, origin: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "site_id": comment.site_id,
        "comment_id": comment.id,
        "revision": 1,
        "action": "import",
        "old_status": "pending",
        "new_status": comment.status,
        "by_kind": "system",
        "by_id": f"import:{origin}",
        "reason_code": "",
        "reasons": [],
        "note": "",
        "created_at": now,
    }


def _label(comment: Comment, row: Archived, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "site_id": comment.site_id,
        "comment_id": comment.id,
        "revision": 1,
        "attribute": "spam" if row.is_spam else "likely_to_reject",
        "value": 1.0 if comment.status == "rejected" else 0.0,
        "origin": "import",
        "weight": LABEL_WEIGHT,
        "created_at": now,
        "name": "",
        "url": "",
        "email_hash": comment.email_hash or None,
    }


def _name_of(row: Archived) -> str:
    """A stable name for a row that brought none, so that a second run knows it again."""
    words = "\0".join((row.article_id, row.name, row.created_at.isoformat(), row.body))
    return "sha-" + hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:40]

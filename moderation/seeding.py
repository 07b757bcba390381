"""Fill a database with many comments that look like a newsroom's: to try sizes, not to judge anyone.

Seeded: the same number gives the same comments. Scores are drawn, not computed, from the shape that
natural news comments show: most near zero, a thin tail near one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from moderation import search
from moderation.opinion import urgency_of
from moderation.reason_codes import OF_MACHINE
from moderation.store import Database
from moderation.tables import Article, Author, Comment, CommentText, Decision, new_id
from moderation.vault import Vault

BATCH = 5_000
AUTHORS = 4_000
ARTICLES = 600
SECTIONS = ("politics", "city", "sport", "culture", "economy")
ATTRIBUTES = ("spam", "toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")
#: Share of comments that stand where, after a day at a newsroom.
_SHARES = {"approved": 0.90, "rejected": 0.07, "held": 0.03}
_PER_DAY = 4_000


def seed(
    database: Database,
    *,
    site_id: str,
    vault: Vault,
    comments: int,
    texts: Sequence[str],
    now: datetime,
    seed: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Store decided and held comments, the youngest now, 4,000 a day back in time.

    :param texts: bodies to draw from.
    :param progress: told how many were stored after each batch.
    """
    # Not for secrets: the same seed must give the same comments.
    draw = random.Random(seed)  # noqa: S311
    authors = [_author(number, vault) for number in range(AUTHORS)]
    with database.writing() as session:
        _add_missing(session, site_id, authors, now)
    rows = _rows(draw, site_id, authors, comments, texts, now)
    stored = 0
    if comments > BATCH:
        _drop_index(database)
    while batch := list(islice(rows, BATCH)):
        with database.writing() as session:
            _store(session, Comment, [comment for comment, _ in batch])
            _store(session, Decision, [decision for _, decision in batch if decision])
            if not database.is_sqlite:
                _store(session, CommentText, [_searched(comment) for comment, _ in batch])
        stored += len(batch)
        progress(stored)
    with database.engine.begin() as connection:
        search.prepare(connection)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")


def _drop_index(database: Database) -> None:
    """Made anew at the end, which is several times quicker than adding to it a million times."""
    if not database.is_sqlite:
        with database.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP INDEX IF EXISTS {search.INDEX}")


def _searched(comment: dict[str, Any]) -> dict[str, str]:
    """The text as the search keeps it; the workers' own way is made for what comes in by the second."""
    return {
        "comment_id": comment["id"],
        "site_id": comment["site_id"],
        "text": f"{comment['name']} {comment['body']}",
    }


def author_of(database: Database, site_id: str) -> str:
    """The identity of an author with some comments, for a look at their page."""
    with database.reading() as session:
        return session.scalar(select(Author.identity).where(Author.site_id == site_id).limit(1)) or ""


def _author(number: int, vault: Vault) -> dict[str, str]:
    address = f"reader{number}@example.com"
    return {
        "name": f"Reader {number}",
        "email_encrypted": vault.encrypt(address),
        "email_hash": (digest := vault.email_hash(address)),
        "author_identity": f"email:{digest}",
    }


def _add_missing(session: Session, site_id: str, authors: Sequence[dict[str, str]], now: datetime) -> None:
    if session.scalar(select(Author.identity).where(Author.site_id == site_id).limit(1)):
        return
    session.execute(
        insert(Author),
        [
            {
                "site_id": site_id,
                "identity": author["author_identity"],
                "name": author["name"],
                "first_seen_at": now,
                "last_seen_at": now,
                "approved": 20,
                "rejected": 1,
            }
            for author in authors
        ],
    )
    session.execute(
        insert(Article),
        [
            {
                "site_id": site_id,
                "external_id": f"a{number}",
                "title": f"Article {number}",
                "section": SECTIONS[number % len(SECTIONS)],
                "first_seen_at": now,
            }
            for number in range(ARTICLES)
        ],
    )


def _rows(
    draw: random.Random,
    site_id: str,
    authors: Sequence[dict[str, str]],
    comments: int,
    texts: Sequence[str],
    now: datetime,
) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    statuses, weights = list(_SHARES), list(_SHARES.values())
    step = timedelta(days=1) / _PER_DAY
    for number in range(comments):
        at = now - step * (comments - number)
        status = draw.choices(statuses, weights)[0]
        scores = {name: round(draw.betavariate(0.3, 8.0), 4) for name in ATTRIBUTES}
        if status != "approved":
            scores[draw.choice(ATTRIBUTES)] = round(draw.uniform(0.5, 0.95 if status == "held" else 1.0), 4)
        top = max(scores, key=lambda name: scores[name])
        article = draw.randrange(ARTICLES)
        outcome = {"approved": "approve", "held": "hold", "rejected": "reject"}[status]
        reason = {"kind": "score", "name": top, "verdict": outcome, "value": scores[top], "threshold": 0.5,
                  "text": f"{top} {scores[top]:.2f}"}  # fmt: skip
        comment = {
            "id": new_id(),
            "site_id": site_id,
            "body": texts[draw.randrange(len(texts))],
            **draw.choice(authors),
            "author_url": "",
            "author_verified": False,
            "user_agent": "",
            "referrer": "",
            "article_id": f"a{article}",
            "article_url": f"https://news.example/a{article}",
            "article_title": f"Article {article}",
            "section": SECTIONS[article % len(SECTIONS)],
            "parent_id": "",
            "parent_body": "",
            "declared_language": "",
            "context": {"from": "seed"},
            "submitted_at": at,
            "received_at": at,
            "status": status,
            "revision": 1,
            "published_revision": 1 if status == "approved" else None,
            "sequence": 1,
            "decided_at": at if status != "held" else None,
            "open_reports": 0,
            "judged_at": at,
            "attempts": 1,
            "model": "seed",
            "scores": scores,
            "facts": {"language": "en"},
            "signals": [],
            "verdict": outcome,
            "reasons": [reason],
            "language": "en",
            "top_attribute": top,
            "top_score": scores[top],
            "urgency": urgency_of(scores, received_at=at),
            "unsure": round(draw.random(), 4),
        }
        decision = {
            "id": new_id(),
            "site_id": site_id,
            "comment_id": comment["id"],
            "revision": 1,
            "action": outcome,
            "old_status": "pending",
            "new_status": status,
            "by_kind": "policy",
            "by_id": "",
            "reason_code": OF_MACHINE.get(top, "") if status == "rejected" else "",
            "reasons": [],
            "note": "",
            "model": "seed",
            "created_at": at,
        }
        yield comment, decision


def _store(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    """PostgreSQL takes rows by COPY, several times faster than INSERT; SQLite in one prepared statement."""
    if session.get_bind().dialect.name != "postgresql":
        session.execute(insert(table), rows)
        return
    names = list(rows[0])
    connection: Any = session.connection().connection.driver_connection
    columns = ", ".join(f'"{name}"' for name in names)
    statement = f'COPY "{table.__tablename__}" ({columns}) FROM STDIN'  # our own names, no stranger's
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(
                [json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()]
            )

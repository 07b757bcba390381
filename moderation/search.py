"""Find words in all comments of a view, in a time that hardly grows with the archive.

First a few of the view's comments are read, in its order: a common word fills a page from there. A rare one
is asked of an index over trigrams (``pg_trgm``, PostgreSQL), which finds parts of words in any language. What
the index names has to be read, wherever it lies, so it is asked for a bounded number of comments: of a word
between common and rare a page is filled sooner by reading on in the view. Without that index, on SQLite and
where the extension is not allowed, the search goes step by step and says how far it looked.

The index stands in a table of its own: on ``comments`` it would be written three times for each comment, once
of them in the request that accepts it. Workers fill it within seconds; a trigger follows edits and erasures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from ulid import ULID

from moderation.logs import log_of
from moderation.tables import Comment, CommentText

#: Comments that are read before it is decided how to go on; what they hold tells how common the word is.
NEAR = 500
#: Comments that one step reads in all, the first in the view's order that fit its other filters.
STEP = 10_000
#: Comments that the index may name. Where there are more, a step that reads on finds a page of them, except
#: in an archive of many millions, or when they all lie far down the view.
MOST_HITS = 3_000
INDEX = "ix_comment_texts_trigrams"
#: Comments indexed in one transaction.
BATCH = 500
#: Shorter words have no trigram of their own to look for.
_SHORTEST = 3
_MOST_WORDS = 8
_IS_THERE = text(f"select to_regclass('{INDEX}') is not null")
#: As PostgreSQL last counted them; nothing where there is no index.
_ROWS = text(
    "select greatest(reltuples, 0) from pg_class "
    "where oid = to_regclass(:texts) and to_regclass(:index) is not null"
).bindparams(texts=CommentText.__tablename__, index=INDEX)
#: A comment is committed a moment after its id was made: this far back the index is checked again.
_LATE = timedelta(minutes=2)
#: Comments younger than this may not be indexed yet, and nobody minds.
_YOUNG = timedelta(minutes=2)


def words_of(asked: str) -> list[str]:
    """What is looked for: each of these must be in the name or the text."""
    return asked.split()[:_MOST_WORDS]


def has_words(words: Sequence[str], columns: Any) -> list[ColumnElement[bool]]:
    """:param columns: where ``body`` and ``name`` are found."""
    return [
        or_(columns.body.icontains(word, autoescape=True), columns.name.icontains(word, autoescape=True))
        for word in words
    ]


def size_of_index(session: Session, words: Sequence[str]) -> float | None:
    """About how many comments the index holds; None where there is none for these words."""
    if session.get_bind().dialect.name != "postgresql" or not _long(words):
        return None
    rows: float | None = session.scalar(_ROWS)
    return rows


def hits(session: Session, words: Sequence[str], site_ids: Sequence[str], now: datetime) -> list[str] | None:
    """The ids of all comments with the longer of these words, from the index.

    :return: None when there are too many, or when the index is behind.
    """
    if not _is_complete(session, now):
        return None
    found = select(CommentText.comment_id).where(
        CommentText.site_id.in_(site_ids), *(CommentText.text.ilike(_pattern(word)) for word in _long(words))
    )
    # Materialised, and the limit outside: with the limit in sight the planner would now and then read the
    # table from its beginning. It is read only as far as the limit all the same.
    all_of_them = found.cte("hits").prefix_with("MATERIALIZED")
    ids = list(session.scalars(select(all_of_them.c.comment_id).limit(MOST_HITS + 1)))
    return ids if len(ids) <= MOST_HITS else None


def _long(words: Sequence[str]) -> list[str]:
    return [word for word in words if len(word) >= _SHORTEST]


def too_short(words: Sequence[str]) -> list[str]:
    """Those that the index was not asked for. The others need no second look: no word has a space in it, so
    it stands in name or text wherever it stands in both joined by one."""
    return [word for word in words if len(word) < _SHORTEST]


def prepare(connection: Connection) -> None:
    """Make the index where the database allows it: any owner of a database may add this extension.

    Called after each migration and each restore. Where the extension is not installed or not allowed, nothing
    is filled either, and once an administrator has added it the next ``btl migrate`` makes the index.
    """
    if connection.dialect.name != "postgresql" or connection.scalar(_IS_THERE):
        return
    try:
        with connection.begin_nested():
            connection.execute(text("create extension if not exists pg_trgm"))
            connection.execute(text(f"create index {INDEX} on comment_texts using gin (text gin_trgm_ops)"))
    except DBAPIError as error:
        log_of(__name__).warning("search_without_index", error=type(error.orig).__name__)


def begin_of(session: Session) -> str:
    """Where to begin indexing what came in of late: a while before the newest comment in the index."""
    last = session.scalar(select(func.max(CommentText.comment_id)))
    return str(ULID.from_datetime(ULID.from_str(last).datetime - _LATE)) if last else ""


def index_some(session: Session, after: str = "") -> list[str]:
    """Take comments into the index that are not there yet, the oldest first.

    A comment that somebody is changing at this moment is left out: what is erased while it is read here must
    not come back. Now and then a turn over all comments finds what was left out.

    :param after: the id to begin after, ``""`` for all comments.
    :return: their ids; fewer than ``BATCH`` mean that there are no more. The next turn goes on after the last
        of them, so that no comment is looked at twice.
    """
    if not _is_possible(session):
        return []
    missing = (
        select(Comment.id, Comment.site_id, Comment.name + " " + Comment.body)
        .where(
            Comment.id > after,
            Comment.status != "erased",
            ~exists().where(CommentText.comment_id == Comment.id),
        )
        .order_by(Comment.id)
        .limit(BATCH)
        .with_for_update(read=True, skip_locked=True, of=Comment)
    )
    added = session.scalars(
        insert(CommentText)
        .from_select(["comment_id", "site_id", "text"], missing)
        .on_conflict_do_nothing()
        .returning(CommentText.comment_id)
    )
    return sorted(added)


def _is_possible(session: Session) -> bool:
    if session.get_bind().dialect.name != "postgresql":
        return False
    return bool(session.scalar(_IS_THERE))


def _is_complete(session: Session, now: datetime) -> bool:
    """Whether the index holds all but the youngest comments."""
    last = session.scalar(select(func.max(CommentText.comment_id))) or ""
    young = str(ULID.from_datetime(now - _YOUNG))
    left_out = select(literal(1)).where(Comment.id > last, Comment.id < young, Comment.status != "erased")
    return session.scalar(left_out.limit(1)) is None


def _pattern(word: str) -> str:
    for special in "\\%_":
        word = word.replace(special, "\\" + special)
    return f"%{word}%"

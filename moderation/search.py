"""Find words in all comments of a view, in a time that does not grow with the archive.

First the foremost comments of the view are read, in its order: a common word fills a page from there. A rare
one is asked of an index over trigrams (PostgreSQL's ``pg_trgm``), which finds parts of words in any language.
Without that index, on SQLite and where the extension is not allowed, the search goes step by step and says
how far it looked.

The index stands in a table of its own: on ``comments`` it would be written three times for each comment, once
of them in the request that accepts it. Workers fill it within seconds; a trigger follows edits and erasures.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, exists, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from ulid import ULID

from moderation.logs import log_of
from moderation.tables import Comment, CommentText

#: Comments that one step reads, the first in the view's order that fit its other filters.
STEP = 5_000
#: The same where an index knows the rest: a word that fills no page from here is in one comment of sixty.
NEAR = 2_000
INDEX = "ix_comment_texts_trigrams"
#: Comments indexed in one transaction.
BATCH = 500
#: Shorter words have no trigram of their own to look for.
_SHORTEST = 3
_MOST_WORDS = 8
_IS_THERE = text(f"select to_regclass('{INDEX}') is not null")
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


def hits(session: Session, words: Sequence[str], site_ids: Sequence[str], now: datetime) -> CTE | None:
    """The ids of all comments with these words, from the index; None where it cannot answer."""
    long = [word for word in words if len(word) >= _SHORTEST]
    if not long or not _is_complete(session, now):
        return None
    found = select(CommentText.comment_id).where(
        CommentText.site_id.in_(site_ids), *(CommentText.text.ilike(_pattern(word)) for word in long)
    )
    # Materialised: the planner would else now and then walk the whole view and look each comment up.
    return found.cte("hits").prefix_with("MATERIALIZED")


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


def index_some(session: Session, *, thorough: bool = False) -> int:
    """Take comments into the index that are not there yet, the oldest first.

    A comment that somebody is changing at this moment is left out: what is erased while it is read here must
    not come back. Now and then a thorough turn finds what was left out.

    :param thorough: look at all comments, not only at those later than the newest one in the index.
    :return: how many; fewer than ``BATCH`` means that there are no more.
    """
    if not _is_possible(session):
        return 0
    last = "" if thorough else session.scalar(select(func.max(CommentText.comment_id))) or ""
    count = _index_after(session, last)
    if last and count < BATCH:
        # Looked for apart: while an archive is taken in, looking back would read the same again and again.
        count += _index_after(session, str(ULID.from_datetime(ULID.from_str(last).datetime - _LATE)))
    return count


def _index_after(session: Session, comment_id: str) -> int:
    missing = (
        select(Comment.id, Comment.site_id, Comment.name + " " + Comment.body)
        .where(
            Comment.id > comment_id,
            Comment.status != "erased",
            ~exists().where(CommentText.comment_id == Comment.id),
        )
        .order_by(Comment.id)
        .limit(BATCH)
        .with_for_update(read=True, skip_locked=True, of=Comment)
    )
    added = session.execute(
        insert(CommentText)
        .from_select(["comment_id", "site_id", "text"], missing)
        .on_conflict_do_nothing()
        .returning(CommentText.comment_id)
    )
    return len(added.all())


def _is_possible(session: Session) -> bool:
    if session.get_bind().dialect.name != "postgresql":
        return False
    return bool(session.scalar(_IS_THERE))


def _is_complete(session: Session, now: datetime) -> bool:
    """Whether the index is there and holds all but the youngest comments."""
    if not _is_possible(session):
        return False
    last = session.scalar(select(func.max(CommentText.comment_id))) or ""
    young = str(ULID.from_datetime(now - _YOUNG))
    left_out = select(literal(1)).where(Comment.id > last, Comment.id < young, Comment.status != "erased")
    return session.scalar(left_out.limit(1)) is None


def _pattern(word: str) -> str:
    for special in "\\%_":
        word = word.replace(special, "\\" + special)
    return f"%{word}%"

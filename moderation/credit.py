"""What a decision means for its author's record and its article's counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, case, null, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from moderation.asked import put_all
from moderation.reputation import balance_of, points_of, weight_at
from moderation.tables import Article, Author, Comment

COUNTED = ("approved", "rejected")
STRIKES_TO_BAN = 3
BAN_DAYS = 7
#: Two rejections by people within a month and little to set against them.
BAN_BALANCE = -6.0


def upsert(session: Session, table: Any) -> Any:
    """An INSERT that can say ON CONFLICT, in the dialect of the session's database."""
    dialects = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    return dialects.get(session.get_bind().dialect.name, plain_insert)(table)


def settle(session: Session, comments: Sequence[Comment], *, now: datetime) -> None:
    """Count machine verdicts on first revisions for authors and articles; two statements for a batch."""
    authors: dict[tuple[str, str], dict[str, Any]] = {}
    articles: dict[tuple[str, str], dict[str, Any]] = {}
    for comment in comments:
        author = authors.setdefault(
            (comment.site_id, comment.author_identity),
            {
                "site_id": comment.site_id,
                "identity": comment.author_identity,
                "name": comment.name,
                "verified": comment.author_verified,
                "first_seen_at": comment.received_at,
                "last_seen_at": comment.received_at,
                "approved": 0,
                "rejected": 0,
                "strikes": 0,
                "reputation": 0.0,
            },
        )
        author["name"], author["last_seen_at"] = comment.name, comment.received_at
        if comment.status in COUNTED:
            author[comment.status] += 1
            author["reputation"] += points_of(comment.status, by_person=False) * weight_at(now)
        if comment.article_id:
            article = articles.setdefault(
                (comment.site_id, comment.article_id),
                defaultdict(
                    int,
                    site_id=comment.site_id,
                    external_id=comment.article_id,
                    url=comment.article_url,
                    title=comment.article_title,
                    section=comment.section,
                    published_at=comment.article_published_at,
                    first_seen_at=comment.received_at,
                    comments=0,
                    approved=0,
                    rejected=0,
                    reports=0,
                ),
            )
            article["comments"] += comment.revision == 1
            if comment.status in COUNTED:
                article[comment.status] += 1
    if authors:
        # In one order everywhere: two workers never lock the same two authors crosswise.
        statement = upsert(session, Author)
        counted = statement.on_conflict_do_update(
            index_elements=["site_id", "identity"],
            set_={
                "name": statement.excluded.name,
                "last_seen_at": statement.excluded.last_seen_at,
                "approved": Author.approved + statement.excluded.approved,
                "rejected": Author.rejected + statement.excluded.rejected,
                "reputation": Author.reputation + statement.excluded.reputation,
            },
        )
        rows = [authors[key] for key in sorted(authors)]
        put_all(session, cast(Table, Author.__table__), rows, counted)
    if articles:
        statement = upsert(session, Article)
        counted = statement.on_conflict_do_update(
            index_elements=["site_id", "external_id"],
            set_={
                "comments": Article.comments + statement.excluded.comments,
                "approved": Article.approved + statement.excluded.approved,
                "rejected": Article.rejected + statement.excluded.rejected,
            },
        )
        rows = [articles[key] for key in sorted(articles)]
        put_all(session, cast(Table, Article.__table__), rows, counted)


def decide(
    session: Session,
    comment: Comment,
    *,
    old: str,
    new: str,
    by_person: bool,
    now: datetime,
    undone: bool = False,
) -> None:
    """Move one comment between the counts of its author; a person's rejection is a strike."""
    changes: dict[str, Any] = {}
    if old in COUNTED:
        changes[old] = getattr(Author, old) - 1
    if new in COUNTED:
        changes[new] = getattr(Author, new) + 1
    worth = points_of(new, by_person=by_person and not undone) - points_of(
        old, by_person=by_person and undone
    )
    if worth:
        changes["reputation"] = Author.reputation + worth * weight_at(now)
    struck = by_person and not undone and new == "rejected"
    if struck:
        changes["strikes"] = Author.strikes + 1
    elif by_person and undone and old == "rejected":
        changes["strikes"] = Author.strikes - 1
        # the rejection that banned is undone, and the ban with it
        crossed = Author.strikes == STRIKES_TO_BAN
        changes["banned_until"] = case((crossed, null()), else_=Author.banned_until)
    if changes:
        session.execute(
            update(Author)
            .where(Author.site_id == comment.site_id, Author.identity == comment.author_identity)
            .values(**changes)
        )
    if struck:
        _ban_who_struck_often(session, comment, now=now)


def _ban_who_struck_often(session: Session, comment: Comment, *, now: datetime) -> None:
    """The third rejection by a person while the record is bad bans for a week, each further one for longer.

    The first is a warning that the author gets by its reason, from the second on a person looks first
    (the signal ``author_strikes``). A record that has faded or mended bans nobody.
    """
    author = session.get(Author, (comment.site_id, comment.author_identity), populate_existing=True)
    if author is None or author.strikes < STRIKES_TO_BAN or balance_of(author.reputation, now) > BAN_BALANCE:
        return
    days = BAN_DAYS * 2 ** min(author.strikes - STRIKES_TO_BAN, 6)
    author.banned_until = max(author.banned_until or now, now + timedelta(days=days))
    session.flush()


def report(session: Session, comment: Comment) -> None:
    """One more reader complained under this article."""
    if comment.article_id:
        session.execute(
            update(Article)
            .where(Article.site_id == comment.site_id, Article.external_id == comment.article_id)
            .values(reports=Article.reports + 1)
        )

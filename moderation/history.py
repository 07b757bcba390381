"""What the store knows around a batch of comments: their authors, floods, sieges, and copies seen before.

A handful of statements for the whole batch, each with a bound on the rows it reads, so that a comment
costs the same on a quiet site and in the middle of a flood.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.asked import table_of
from moderation.copies import Recalled, look_back
from moderation.policy import Policy
from moderation.reputation import balance_of
from moderation.signals import History
from moderation.store import authors_of
from moderation.tables import Author, Comment, Report

Key = tuple[str, str]
RECENT = timedelta(minutes=10)
MOST_OF_AN_HOUR = 5_000
MOST_OF_AN_AUTHOR = 200
#: Sieges are looked at anew this often; a count of the last hour changes slowly.
SIEGE_SECONDS = 10
THREAD_SECONDS = 5
MOST_THREADS = 10_000


def recall(
    session: Session,
    batch: Sequence[tuple[Comment, Policy]],
    facts: Mapping[str, Mapping[str, Any]],
    *,
    sure: Collection[str] = (),
    now: datetime,
) -> Recalled:
    """The history of each comment of a batch.

    :param batch: comments with the policy in force for each, oldest first.
    :param facts: comment id -> the facts of its text.
    :param sure: ids of those that a sure score rejects.
    """
    histories: dict[str, History] = {}
    comments = [comment for comment, _ in batch]
    authors = authors_of(session, ((c.site_id, c.author_identity) for c in comments))
    recent = _recent(session, batch, now)
    last = _last_under_article(session, batch)
    sieges = {s: _siege(session, s, now) for s in {c.site_id for c, p in batch if p.settings.get("siege")}}
    for comment in comments:
        siege = sieges.get(comment.site_id, ({}, {}))
        history = replace(
            _record_of(authors.get((comment.site_id, comment.author_identity)), comment, now),
            author_recent=recent["author"].get((comment.site_id, comment.author_identity), 0),
            ip_recent=recent["ip"].get((comment.site_id, comment.ip_hash or ""), 0),
            thread_recent=recent["thread"].get((comment.site_id, comment.article_id), 0),
            seconds_since_last=last.get(comment.id),
            article_reports=siege[0].get(comment.article_id, 0),
            article_rejections=siege[1].get(comment.article_id, 0),
        )
        histories[comment.id] = history
    return look_back(session, comments, facts, histories, sure=sure, now=now)


def _record_of(author: Author | None, comment: Comment, now: datetime) -> History:
    if author is None:
        return History(verified=comment.author_verified)
    return History(
        known=author.first_seen_at < comment.received_at,
        verified=comment.author_verified,
        approved=author.approved,
        rejected=author.rejected,
        strikes=author.strikes,
        balance=balance_of(author.reputation, now),
        trusted_at=author.trusted_at,
        banned_until=author.banned_until,
    )


def _recent(
    session: Session, batch: Sequence[tuple[Comment, Policy]], now: datetime
) -> dict[str, dict[Key, int]]:
    """How many comments of the last ten minutes share author, address or article; counted to the limit."""
    asked: dict[str, tuple[Any, Any, set[Key]]] = {
        "author": (Comment.author_identity, Comment.id, set()),
        "ip": (Comment.ip_hash, Comment.received_at, set()),
        "thread": (Comment.article_id, Comment.id, set()),
    }
    limits = dict.fromkeys(asked, 0)
    for comment, policy in batch:
        for whose, value in (
            ("author", comment.author_identity),
            ("ip", comment.ip_hash),
            ("thread", comment.article_id),
        ):
            if value:
                asked[whose][2].add((comment.site_id, value))
            limits[whose] = max(limits[whose], int(policy.limits[f"{whose}_per_10_minutes"]) + 1)
    # an article is commented in every batch, and its flood is slow to turn: it is counted once in a while
    known = _known_threads(asked["thread"][2])
    asked["thread"][2].difference_update(known)
    found = {
        whose: _counted(session, of, order, keys, now - RECENT, limits[whose])
        for whose, (of, order, keys) in asked.items()
    }
    at = time.monotonic()
    _threads.update({key: (at, count) for key, count in found["thread"].items()})
    found["thread"] |= known
    return found


_threads: dict[Key, tuple[float, int]] = {}


def _known_threads(keys: set[Key]) -> dict[Key, int]:
    if len(_threads) > MOST_THREADS:
        _threads.clear()
    oldest = time.monotonic() - THREAD_SECONDS
    return {key: _threads[key][1] for key in keys if key in _threads and _threads[key][0] >= oldest}


def _counted(
    session: Session, of: Any, order: Any, keys: set[Key], since: datetime, limit: int
) -> dict[Key, int]:
    """Of the newest ``limit`` comments with each key, how many came since; one index range for each key."""
    found: dict[Key, int] = {}
    for site_id in {site for site, _ in keys}:
        asked = table_of(session, {key for site, key in keys if site == site_id})
        newest = (
            select(Comment.received_at)
            .where(Comment.site_id == site_id, of == asked.c.key)
            .order_by(order.desc())
            .limit(limit)
            .correlate(asked)
            .subquery()
        )
        counted = (
            select(func.count()).select_from(newest).where(newest.c.received_at >= since).scalar_subquery()
        )
        rows = session.execute(select(asked.c.key, counted))
        found |= {(site_id, key): count for key, count in rows}
    return found


def _last_under_article(session: Session, batch: Sequence[tuple[Comment, Policy]]) -> dict[str, float]:
    """Seconds since the author's last comment under the article, where a policy asks (slow mode)."""
    found: dict[str, float] = {}
    for comment, policy in batch:
        slow = policy.settings.get("slow_mode")
        if not slow or not comment.article_id:
            continue
        newest = (
            select(Comment.article_id, Comment.submitted_at)
            .where(
                Comment.site_id == comment.site_id,
                Comment.author_identity == comment.author_identity,
                Comment.id < comment.id,
            )
            .order_by(Comment.id.desc())
            .limit(MOST_OF_AN_AUTHOR)
            .subquery()
        )
        last = session.scalar(
            select(func.max(newest.c.submitted_at)).where(newest.c.article_id == comment.article_id)
        )
        if last is not None:
            found[comment.id] = max(0.0, (comment.submitted_at - last).total_seconds())
    return found


_sieges: dict[str, tuple[float, dict[str, int], dict[str, int]]] = {}


def _siege(session: Session, site_id: str, now: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """article -> reports and rejections in the last hour; at most SIEGE_SECONDS old."""
    known = _sieges.get(site_id)
    if known is not None and time.monotonic() - known[0] < SIEGE_SECONDS:
        return known[1], known[2]
    since = now - timedelta(hours=1)
    rejected = (
        select(Comment.article_id, Comment.decided_at)
        .where(Comment.site_id == site_id, Comment.status == "rejected")
        .order_by(Comment.id.desc())
        .limit(MOST_OF_AN_HOUR)
        .subquery()
    )
    reported = (
        select(Comment.article_id, Report.created_at)
        .join(Report, Report.comment_id == Comment.id)
        .where(Report.site_id == site_id)
        .order_by(Report.id.desc())
        .limit(MOST_OF_AN_HOUR)
        .subquery()
    )
    reports = _by_article(session, reported, reported.c.created_at, since)
    rejections = _by_article(session, rejected, rejected.c.decided_at, since)
    _sieges[site_id] = (time.monotonic(), reports, rejections)
    return reports, rejections


def _by_article(session: Session, some: Any, at: Any, since: datetime) -> dict[str, int]:
    rows = session.execute(
        select(some.c.article_id, func.count()).where(at >= since).group_by(some.c.article_id)
    )
    return {row[0]: row[1] for row in rows}

"""A policy tried, and lines proposed, within the time that somebody waits for a page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation import backtest
from moderation.advice import Advice, advise
from moderation.backtest import Backtest, Case
from moderation.policy import Policy
from moderation.tables import Comment

#: The newest so many are judged again; `btl policy backtest` takes all, with a progress bar.
MOST = 20_000
PATIENCE_SECONDS = 8.0
DAYS = (1, 7, 30, 90)


@dataclass
class Material:
    """Comments to judge again: those of the days asked, or the newest of them.

    :param stored: how many there are in those days; ``taken``: how many may be judged.
    :param until: when reading ends, by ``time.monotonic()``.
    :param is_cut_short: time ran out; what was read is the older part.
    """

    days: int
    stored: int
    taken: int
    cases: Iterator[Case]
    until: float
    is_cut_short: bool = False

    @property
    def is_limited(self) -> bool:
        return self.taken < self.stored or self.is_cut_short

    def in_time(self) -> Iterator[Case]:
        for case in self.cases:
            if time.monotonic() > self.until:
                self.is_cut_short = True
                return
            yield case


def material_of(session: Session, site_id: str, *, days: int, now: datetime) -> Material:
    """:param days: one of ``DAYS``. The session must stay open while the cases are read."""
    until = time.monotonic() + PATIENCE_SECONDS
    since = backtest.days_ago(now, days)
    asked = (Comment.site_id == site_id, Comment.received_at >= since, Comment.scores.is_not(None))
    stored = session.scalar(select(func.count()).select_from(Comment).where(*asked)) or 0
    if stored > MOST:
        first = session.scalar(
            select(Comment.received_at)
            .where(*asked)
            .order_by(Comment.received_at.desc())
            .offset(MOST - 1)
            .limit(1)
        )
        since = max(since, first or since)
    taken, cases = backtest.stored(session, site_id, since=since)
    return Material(days, stored, min(taken, stored), cases, until)


def try_policy(
    session: Session, site_id: str, policy: Policy, *, days: int, now: datetime
) -> tuple[Backtest, Material]:
    """What the policy would have done in the last days."""
    material = material_of(session, site_id, days=days, now=now)
    found = backtest.run(material.in_time(), policy, total=material.taken)
    return backtest.with_excerpts(session, found), material


def advise_on(
    session: Session,
    site_id: str,
    policy: Policy,
    *,
    days: int,
    now: datetime,
    missed: float | None,
    per_hour: float | None,
) -> tuple[Advice, Material]:
    """Hold lines for one of the two wishes.

    :raises ValueError: nothing was judged in these days.
    """
    material = material_of(session, site_id, days=days, now=now)
    return advise(material.in_time(), policy, missed=missed, per_hour=per_hour), material

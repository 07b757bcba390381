"""How much a site may ask of the compatible endpoints: by the minute for each key, by the month for the site.

A site's ``options["quotas"]``: ``calls_per_minute`` (each key, 12,000 without it) and ``calls_per_month``
(without it no limit).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from flask import g
from sqlalchemy import func, select

from moderation.tables import Site, Usage
from service import limits
from service.auth import Caller
from service.door import database

PER_MINUTE = 12_000
#: The month's count may be this old: a quota is a bill, not a lock.
_CACHE_SECONDS = 10.0

_counted: dict[tuple[str, str], tuple[float, int]] = {}


@dataclass(frozen=True, slots=True)
class Month:
    """:param limit: calls in the month, None without a quota."""

    limit: int | None
    used: int

    @property
    def is_used_up(self) -> bool:
        return self.limit is not None and self.used >= self.limit


class QuotaUsedUp(Exception):
    """The month's calls are used up.

    :param retry_seconds: until the next month begins.
    """

    def __init__(self, month: Month, retry_seconds: int) -> None:
        super().__init__(f"The quota of {month.limit} calls in a month is used up.")
        self.month = month
        self.retry_seconds = retry_seconds


def spend(caller: Caller, now: datetime) -> None:
    """Count one call of a key.

    :raises werkzeug.exceptions.TooManyRequests: too many in this minute.
    :raises QuotaUsedUp: too many in this month.
    """
    g.site, g.key = caller.site, caller.key
    limits.check("key", caller.key.id, per_minute(caller.site))
    month = month_of(caller.site, now)
    if month.is_used_up:
        raise QuotaUsedUp(month, seconds_to_next_month(now))


def per_minute(site: Site) -> int:
    return _quota(site, "calls_per_minute") or PER_MINUTE


def month_of(site: Site, now: datetime, *, fresh: bool = False) -> Month:
    """What the site has used of its month; the database is asked only where there is a quota.

    :param fresh: ask it now, whatever is known.
    """
    limit = _quota(site, "calls_per_month")
    if limit is None and not fresh:
        return Month(None, 0)
    at = (site.id, f"{now:%Y-%m}")
    known = _counted.get(at)
    if fresh or known is None or known[0] < time.monotonic():
        with database().reading() as session:
            asked = select(func.coalesce(func.sum(Usage.calls), 0))
            used = session.scalar(asked.where(Usage.site_id == at[0], Usage.month == at[1]))
        if len(_counted) > 1_000:
            _counted.clear()
        known = _counted[at] = (time.monotonic() + _CACHE_SECONDS, int(used or 0))
    return Month(limit, known[1])


def seconds_to_next_month(now: datetime) -> int:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = first.replace(
        year=now.year + (now.month == 12), month=1 if now.month == 12 else now.month + 1
    )
    return int((following - now).total_seconds()) + 1


def _quota(site: Site, name: str) -> int | None:
    found = (site.options.get("quotas") or {}).get(name)
    return found if isinstance(found, int) and found > 0 else None

"""Every foreign call as a row and a count, written after the answer went out.

The caller's patience is never spent on our disk: calls gather in a bounded list, and the process's one
thread for such work writes all that gathered in one transaction. When the database hangs, the oldest
are dropped and counted (``btl_foreign_calls_lost``).
"""

from __future__ import annotations

import atexit
import threading
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from prometheus_client import Counter
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from moderation.logs import log_of
from moderation.store import Database
from moderation.tables import ForeignCall, Site, SiteKey, Usage, new_id
from service.door import aside

MOST_WAITING = 5_000
BATCH = 500
#: More blogs than this in a month are counted together: a stranger must not fill the table.
MOST_BLOGS = 1_000
COUNTS = ("calls", "spam", "ham", "missed_spam", "false_positives")

CALLS = Counter("btl_foreign_calls", "Calls through the compatible endpoints", ["protocol", "operation"])
LOST = Counter("btl_foreign_calls_lost", "Audit rows of such calls that the database was too slow for")
_NAME = "below-the-line-audit"


@dataclass(slots=True)
class Call:
    """One call, as it will be kept.

    :param counts: which of ``COUNTS`` go up beside ``calls``.
    """

    site: Site
    key: SiteKey
    protocol: str
    operation: str
    at: datetime
    id: str = field(default_factory=new_id)
    blog: str = ""
    text_hash: str = ""
    email_hash: str | None = None
    model: str = ""
    scores: dict[str, float] | None = None
    answer: str = ""
    is_test: bool = False
    counts: tuple[str, ...] = ()
    calls: int = 1
    more: dict[str, Any] = field(default_factory=dict)


class Audit:
    """The calls of one application that wait to be written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque(maxlen=MOST_WAITING)
        self._asked = False

    def keep(self, call: Call, later: Any) -> None:
        """Returns at once.

        :param later: does a piece of work in the process's thread for such work.
        """
        CALLS.labels(call.protocol, call.operation).inc()
        with self._lock:
            if len(self._waiting) == MOST_WAITING:
                LOST.inc()  # the deque drops its oldest
            self._waiting.append(call)
            asks, self._asked = not self._asked, True
        if asks and not later(self.write):
            self._asked = False

    def write(self) -> None:
        """Write all that waits, a batch in a transaction.

        With the database away everything waits for the next call. A single row that it will not take is
        dropped, or it would hold up all others for ever.
        """
        self._asked = False
        while batch := self._take():
            try:
                self._put(batch)
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                log_of(__name__).warning("audit_not_written", error=type(error).__name__, calls=len(batch))
                self._wait_again(batch)
                return
            except Exception as error:
                log_of(__name__).warning("audit_refused", error=type(error).__name__, calls=len(batch))
                for call in batch:
                    self._put_alone(call)

    def _put(self, batch: Sequence[Call]) -> None:
        with self._database.writing() as session:
            session.add_all(_row_of(call) for call in batch)
            count(session, batch)

    def _put_alone(self, call: Call) -> None:
        try:
            self._put([call])
        except Exception:
            LOST.inc()

    def _wait_again(self, batch: Sequence[Call]) -> None:
        with self._lock:
            room = MOST_WAITING - len(self._waiting)
            LOST.inc(max(0, len(batch) - room))
            if room:
                self._waiting.extendleft(reversed(batch[-room:]))

    def _take(self) -> list[Call]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]


def register(app: Any, database: Database) -> None:
    audit = app.extensions[_NAME] = Audit(database)
    # The server ends a process by leaving the interpreter: what waits then is written first.
    atexit.register(audit.write)


def keep(call: Call) -> None:
    """Have a call written soon."""
    audit: Audit = current_app.extensions[_NAME]
    audit.keep(call, aside().later)


def count(session: Session, calls: Iterable[Call]) -> None:
    """Add calls to the month's counts of their site, protocol and blog."""
    tallies: dict[tuple[str, str, str, str], Tally[str]] = {}
    for call in calls:
        at = (call.site.id, f"{call.at:%Y-%m}", call.protocol, call.blog)
        tally = tallies.setdefault(at, Tally())
        tally["calls"] += call.calls
        tally.update(call.counts)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    # in order: two processes that add to the same rows never wait for each other in a circle
    for (site_id, month, protocol, blog), tally in sorted(tallies.items()):
        kept = _blog(session, site_id, month, protocol, blog)
        values = {name: tally[name] for name in COUNTS}
        row = insert(Usage).values(site_id=site_id, month=month, protocol=protocol, blog=kept, **values)
        session.execute(
            row.on_conflict_do_update(
                index_elements=["site_id", "month", "protocol", "blog"],
                set_={name: getattr(Usage, name) + row.excluded[name] for name in COUNTS},
            )
        )


def _blog(session: Session, site_id: str, month: str, protocol: str, blog: str) -> str:
    at = (Usage.site_id == site_id, Usage.month == month, Usage.protocol == protocol)
    if not blog or session.scalar(select(Usage.blog).where(*at, Usage.blog == blog)) is not None:
        return blog
    known = session.scalars(select(Usage.blog).where(*at).limit(MOST_BLOGS)).all()
    return blog if len(known) < MOST_BLOGS else ""


def _row_of(call: Call) -> ForeignCall:
    return ForeignCall(
        id=call.id,
        site_id=call.site.id,
        key_id=call.key.id,
        protocol=call.protocol,
        operation=call.operation,
        blog=call.blog,
        text_hash=call.text_hash,
        email_hash=call.email_hash,
        model=call.model,
        scores=call.scores,
        answer=call.answer,
        is_test=call.is_test,
        created_at=call.at,
        **call.more,
    )

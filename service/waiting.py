"""Wait for a decision inside a request: ``Prefer: wait=N`` (RFC 7240) or ``?wait=N``."""

from __future__ import annotations

import re
import threading
import time

from flask import request
from sqlalchemy import select

from moderation.store import Database
from moderation.tables import Comment
from service.reading import load
from service.schemas import Wait

LONGEST_SECONDS = 30
#: Who waits holds a thread of the web server; the others answer those who do not wait.
_SEATS = threading.BoundedSemaphore(2)
_WAIT = Wait()
_PREFERENCE = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?', re.IGNORECASE)


def seconds_asked() -> int:
    """How long the request is ready to wait. The query wins over the header, which is a wish and only capped.

    :raises Invalid: for a query that asks for anything else.
    """
    if request.query_string:
        wait: int | None = load(_WAIT, request.args.to_dict(), at="?").get("wait")
        if wait is not None:
            return wait
    found = _PREFERENCE.search(request.headers.get("Prefer", ""))
    return min(int(found[1]), LONGEST_SECONDS) if found else 0


def is_judged_in(database: Database, comment_id: str, revision: int, seconds: float) -> bool:
    """Whether the machine's verdict on this revision, or a person's decision, came in time.

    When too many wait already, nobody waits: the promise is only to try.
    """
    if not _SEATS.acquire(blocking=False):
        return False
    try:
        deadline = time.monotonic() + seconds
        pause = 0.02
        while True:
            with database.reading() as session:
                row = session.execute(
                    select(Comment.judged_at, Comment.revision).where(Comment.id == comment_id)
                ).one_or_none()
            if row is None or row.judged_at is not None or row.revision != revision:
                return row is not None
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(0.25, pause * 1.5)
    finally:
        _SEATS.release()

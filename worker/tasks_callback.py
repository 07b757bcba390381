"""Call back whom a compatible endpoint promised an answer for later."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache

from moderation import callbacks, jobs
from moderation.egress import Egress
from moderation.logs import log_of
from moderation.targets import Targets
from worker import parts
from worker.celery import app, settings

BATCH = 20
#: Blogs answer such a call at once or not at all.
PATIENCE_SECONDS = 10.0


@app.task(name=jobs.CALL_BACK)
def call_back() -> None:
    """Tell every blog whose comment was decided since the last turn."""
    database = parts.database()
    with database.writing() as session:
        owed = callbacks.claim_callbacks(session, parts.vault(), now=datetime.now(UTC), limit=BATCH)
    missed = []
    for one in owed:
        answer = egress().post(
            one.url,
            json.dumps(one.document).encode(),
            {"Content-Type": "application/json", "User-Agent": "BelowTheLine-Akismet/1.0"},
            seconds=PATIENCE_SECONDS,
        )
        if answer.status is None or answer.status >= 400:
            missed.append(one.call_id)
    if owed:
        log_of(__name__).info("blogs_called_back", called=len(owed), missed=len(missed))
    if missed:
        with database.writing() as session:
            callbacks.give_back(session, missed)


@cache
def egress() -> Egress:
    return Egress(Targets(settings.webhook_allowed_hosts))

"""Housekeeping on the clock: seal the decision log, forget in time."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from moderation import drift, erasure, jobs, retention, sealing, search, watching
from moderation.logs import log_of
from worker import parts
from worker.celery import app, settings

log = log_of(__name__)
#: Within the task's time limit; what is left waits for the next turn of the clock.
BUDGET_SECONDS = 20


@app.task(name=jobs.SEAL)
def seal() -> None:
    """Cover the decisions taken since the last turn by links of the chain."""
    started, sealed = time.monotonic(), 0
    while time.monotonic() - started < BUDGET_SECONDS:
        with parts.database().writing() as session:
            count = sealing.seal(session, now=datetime.now(UTC))
        sealed += count
        if count < sealing.BATCH:
            break
    if sealed:
        log.info("decisions_sealed", count=sealed)


@app.task(name=jobs.RETAIN)
def retain() -> None:
    """Drop everything whose time is over, in short transactions."""
    started, dropped = time.monotonic(), 0
    while time.monotonic() - started < BUDGET_SECONDS:
        with parts.database().writing() as session:
            counts = retention.forget(session, now=datetime.now(UTC), ip_keep_days=settings.ip_keep_days)
        dropped += sum(counts.values())
        if not any(counts.values()):
            break
        log.info("forgotten", **counts)
    if dropped:
        erasure.sweep_bytes(parts.database().engine, rewrite=False)
    _index(thorough=True)


@app.task(name=jobs.INDEX)
def index() -> None:
    """Let searches find what came in, and after an upgrade or an import the archive too."""
    _index()


def _index(*, thorough: bool = False) -> None:
    started, indexed = time.monotonic(), 0
    with parts.database().reading() as session:
        after = "" if thorough else search.begin_of(session)
    while time.monotonic() - started < BUDGET_SECONDS:
        with parts.database().writing() as session:
            ids = search.index_some(session, after)
        indexed += len(ids)
        if len(ids) < search.BATCH:
            break
        after = ids[-1]
    if indexed:
        log.info("comments_indexed", count=indexed)


@app.task(name=jobs.WATCH)
def watch() -> None:
    """Note what people should know, and send it where the operator wants it."""
    now = datetime.now(UTC)
    # Measured before the writing transaction: on SQLite that one would keep everybody else waiting.
    with parts.database().reading() as session:
        drifts = {one: drift.drift_of(session, one, now=now) for one in drift.due(session, now=now)}
    with parts.database().writing() as session:
        added = watching.watch(session, now=now, drifts=drifts)
        kinds = [notice.kind for notice in added]
    if kinds:
        log.warning("noticed", kinds=kinds)
    if settings.notify_urls:
        send_notices()


def send_notices() -> None:
    """Send each notice once; one that no address took is tried again at the next turn.

    The sending stands between two transactions: a mail server that hangs must hold no lock.
    """
    # Only who sends notices pays for its hundred modules.
    import apprise

    with parts.database().reading() as session:
        waiting = [(notice.id, notice.text) for notice in watching.unsent(session)]
    channels = apprise.Apprise()
    for address in settings.notify_urls:
        channels.add(address)
    for notice_id, text in waiting:
        if not channels.notify(body=text, title="Below the Line"):
            log.warning("notice_not_sent", notice=notice_id)
            continue
        with parts.database().writing() as session:
            watching.note_sent(session, notice_id, now=datetime.now(UTC))

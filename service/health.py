"""Is the process alive, is the whole ready, and what does it count."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, Response, jsonify
from sqlalchemy import func, select, text
from ulid import ULID

from moderation import breaker
from moderation.drift import kept_of
from moderation.migrations import current, newest
from moderation.redis_address import client_of
from moderation.tables import Comment, Decision, Delivery, Heartbeat, Site
from service import auth
from service.auth import OPEN
from service.door import database, settings, utcnow

bp = Blueprint("health", __name__)
RULES = {"health.healthz": OPEN, "health.readyz": OPEN, "health.metrics": OPEN}
#: The sweep beats every few seconds; a part that is silent for longer than this does no work.
SILENT_AFTER = timedelta(seconds=60)
_PATIENCE_SECONDS = 1.0
_HOUR = timedelta(hours=1)


@bp.get("/healthz")
def healthz() -> Response:
    """The process answers; nothing else is looked at, so that a database that is away restarts nobody."""
    return jsonify({"status": "alive"})


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Every part that the whole needs, and what to do about one that is not ready."""
    checks: dict[str, Callable[[], str | None]] = {
        "database": _database_fault,
        "schema": _schema_fault,
        "broker": _broker_fault,
        "workers": _workers_fault,
    }
    parts = {name: _said(check) for name, check in checks.items()}
    ready = all(part == "ready" for part in parts.values())
    # Comments are accepted as long as the database keeps them; the rest costs time only.
    accepts = parts["database"] == parts["schema"] == "ready"
    return jsonify({"ready": ready, "accepts": accepts, "parts": parts}), 200 if ready else 503


@bp.get("/metrics")
def metrics() -> Response:
    """Prometheus text format; see docs/operating.md for what each line means."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    body = generate_latest(registry) + "".join(_stock()).encode()
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _said(check: Callable[[], str | None]) -> str:
    try:
        return check() or "ready"
    except Exception as error:
        return f"does not answer ({type(error).__name__})"


def _database_fault() -> None:
    with database().reading() as session:
        session.execute(text("select 1"))


def _schema_fault() -> str | None:
    with database().engine.connect() as connection:
        found = current(connection)
    if found == newest():
        return None
    return f"is at {found or 'nothing'} instead of {newest()}: run `btl migrate`"


def _broker_fault() -> str | None:
    now = settings()
    with client_of(now.redis_url, now.redis_master, timeout=_PATIENCE_SECONDS) as client:
        client.ping()
    return None


def _workers_fault() -> str | None:
    now = utcnow()
    with database().reading() as session:
        # Not dict(): a result has keys(), and would be taken for a mapping.
        beats = {part: at for part, at in session.execute(select(Heartbeat.part, Heartbeat.at))}  # noqa: C416
    if not beats:
        return "no worker has ever worked here: start `celery -A worker worker` and `celery -A worker beat`"
    silent = sorted(part for part, at in beats.items() if now - at > SILENT_AFTER)
    return f"silent for more than a minute: {', '.join(silent)}" if silent else None


def _stock() -> Iterator[str]:
    """What waits, read from the rows: true for all processes and after any restart."""
    now = utcnow()
    with database().reading() as session:
        waiting = session.execute(
            select(func.count(), func.min(Comment.received_at)).where(Comment.judged_at.is_(None))
        ).one()
        held = session.scalar(select(func.count()).where(Comment.status == "held"))
        waits = (Delivery.status == breaker.DUE, Delivery.due_at <= now)
        due = session.execute(select(func.count(), func.min(Delivery.due_at)).where(*waits)).one()
        decided = session.execute(
            select(Decision.by_kind, Decision.new_status, func.count())
            # Ids begin with their time: the last hour is the end of the primary key.
            .where(Decision.id >= str(ULID.from_datetime(now - _HOUR)), Decision.new_status != "erased")
            .group_by(Decision.by_kind, Decision.new_status)
        ).all()
        beats = session.execute(select(Heartbeat.part, Heartbeat.at)).all()
        drifts = [(site.slug, kept_of(site)) for site in session.scalars(select(Site))]
    oldest = (now - waiting[1]).total_seconds() if waiting[1] else 0.0
    late = (now - due[1]).total_seconds() if due[1] else 0.0
    yield from _gauge("btl_comments_unjudged", "Comments that wait for the machine", waiting[0])
    yield from _gauge("btl_oldest_unjudged_seconds", "Age of the oldest of them", round(oldest, 3))
    yield from _gauge("btl_comments_held", "Comments that wait for a person", held)
    yield from _gauge("btl_deliveries_due", "Deliveries whose time has come", due[0])
    yield from _gauge("btl_oldest_due_seconds", "How late the latest of them is", round(late, 3))
    name = "btl_decisions_last_hour"
    yield f"# HELP {name} Decisions of the last hour, by whom and to which status\n# TYPE {name} gauge\n"
    for by_kind, status, count in decided:
        yield f'{name}{{by="{by_kind}",status="{status}"}} {count}\n'
    name = "btl_heartbeat_age_seconds"
    yield f"# HELP {name} Seconds since a part last worked\n# TYPE {name} gauge\n"
    for part, at in beats:
        yield f'{name}{{part="{part}"}} {(now - at).total_seconds():.3f}\n'
    yield from _drift(drifts)


def _drift(drifts: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """What the watch found at its last look, once an hour (moderation.drift)."""
    name = "btl_score_drift"
    yield f"# HELP {name} Population stability index of a week's scores against the four before\n"
    yield f"# TYPE {name} gauge\n"
    for slug, kept in drifts:
        for attribute, index in kept.get("index", {}).items():
            yield f'{name}{{site="{slug}",attribute="{attribute}"}} {index}\n'
    name = "btl_overturned_share"
    yield f"# HELP {name} Share of the machine's decisions of the last week that people reversed\n"
    yield f"# TYPE {name} gauge\n"
    for slug, kept in drifts:
        if kept.get("overturned") is not None:
            yield f'{name}{{site="{slug}"}} {kept["overturned"]}\n'
    name = "btl_calibration_error"
    yield f"# HELP {name} How far scores lay from what people decided, in a week and in the four before\n"
    yield f"# TYPE {name} gauge\n"
    for slug, kept in drifts:
        for span, key in (("week", "calibration"), ("before", "calibration_before")):
            if kept.get(key) is not None:
                yield f'{name}{{site="{slug}",span="{span}"}} {kept[key]}\n'


def _gauge(name: str, says: str, value: Any) -> Iterator[str]:
    yield f"# HELP {name} {says}\n# TYPE {name} gauge\n{name} {value}\n"


def register(app: Flask) -> None:
    auth.allow(app, RULES)
    app.register_blueprint(bp)

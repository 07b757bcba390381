"""Deliveries: what was sent where, and sending it again."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, jsonify, url_for

from moderation import endpoints, jobs
from moderation.tables import Attempt, Delivery, Event
from service import shaping
from service.door import database, nudge, utcnow
from service.reading import Blueprint
from service.schemas import DeliveryQuery, RecoverQuery
from service.schemas_out import DeliveriesOut, DeliveryOut, RecoveredOut, WholeDeliveryOut

bp = Blueprint("deliveries", __name__, url_prefix="/v1/deliveries", description="What was sent where")
RULES = {
    "deliveries.list_deliveries": "read",
    "deliveries.read_delivery": "read",
    "deliveries.replay_delivery": "manage",
    "deliveries.recover_deliveries": "manage",
}


@bp.get("")
@bp.arguments(DeliveryQuery(), location="query")
@bp.response(200, DeliveriesOut)
def list_deliveries(query: dict[str, Any]) -> Response:
    """List the site's deliveries, newest first"""
    limit = query["limit"]
    with database().reading() as session:
        rows = endpoints.deliveries_of(
            session,
            g.site.id,
            status=query.get("status"),
            endpoint_id=query.get("endpoint"),
            event_id=query.get("event"),
            before=query.get("cursor"),
            limit=limit + 1,
        )
    cursor = rows[limit - 1][0].id if len(rows) > limit else None
    response = jsonify({"deliveries": [_shaped(*row) for row in rows[:limit]], "next_cursor": cursor})
    if cursor is not None:
        again = url_for("deliveries.list_deliveries", **{**query, "cursor": cursor})
        response.headers["Link"] = f'<{again}>; rel="next"'
    return response


@bp.get("/<delivery_id>")
@bp.response(200, WholeDeliveryOut)
def read_delivery(delivery_id: str) -> Response:
    """Read one delivery with its payload and every attempt"""
    with database().reading() as session:
        row = endpoints.delivery_of(session, g.site.id, delivery_id)
        event = session.get_one(Event, row.event_id)
        tries = [_attempt(one) for one in endpoints.attempts_of(session, row)]
    return jsonify({**_shaped(row, event), "payload": event.payload, "attempts": tries})


@bp.post("/<delivery_id>/replay")
@bp.response(202, DeliveryOut)
def replay_delivery(delivery_id: str) -> tuple[Response, int]:
    """Send one delivery again, at once, under the same id"""
    with database().writing() as session:
        row = endpoints.delivery_of(session, g.site.id, delivery_id, lock=True)
        endpoints.replay(session, row, now=utcnow())
        document = _shaped(row, session.get_one(Event, row.event_id))
    nudge(jobs.DELIVER)
    return jsonify(document), 202


@bp.post("/recover")
@bp.arguments(RecoverQuery(), location="query")
@bp.response(202, RecoveredOut)
def recover_deliveries(query: dict[str, Any]) -> tuple[Response, int]:
    """Send again what an endpoint missed since a time, oldest first

    Also what was announced while it was disabled. What was undone or erased is not sent.
    """
    now = utcnow()
    with database().writing() as session:
        if "endpoint" in query:
            chosen = [endpoints.endpoint_of(session, g.site.id, query["endpoint"], lock=True)]
        else:
            chosen = [row for row in endpoints.registered(session, g.site.id) if row.status == "active"]
        count = sum(endpoints.recover(session, one, since=query["since"], now=now) for one in chosen)
    nudge(jobs.DELIVER)
    return jsonify({"deliveries": count}), 202


def _shaped(row: Delivery, event: Event) -> dict[str, Any]:
    return {**shaping.delivery(row, event.type), "comment_id": event.comment_id}


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "number": row.number,
        "started_at": shaping.time_of(row.started_at),
        "duration_ms": row.duration_ms,
        "status_code": row.status_code,
        "error": row.error,
    }


def register(app: Flask) -> None:
    from service import auth
    from service.openapi import api_of

    auth.allow(app, RULES)
    api_of(app).register_blueprint(bp)

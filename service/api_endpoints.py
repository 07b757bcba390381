"""A site's endpoints: where its events go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask, Response, g, jsonify, url_for

from moderation import endpoints, jobs
from moderation.tables import Endpoint
from moderation.targets import Targets
from service.door import database, nudge, settings, utcnow, vault
from service.reading import Blueprint
from service.schemas import EndpointChange, EndpointIn, RotateIn
from service.schemas_out import DeliveryOut, EndpointOut, EndpointsOut, NewEndpointOut, SecretOut
from service.shaping import delivery, time_of

bp = Blueprint("endpoints", __name__, url_prefix="/v1/endpoints", description="Where the site's events go")
RULES = {
    "endpoints.create_endpoint": "manage",
    "endpoints.list_endpoints": "manage",
    "endpoints.read_endpoint": "manage",
    "endpoints.change_endpoint": "manage",
    "endpoints.delete_endpoint": "manage",
    "endpoints.rotate_secret": "manage",
    "endpoints.ping_endpoint": "manage",
}


@bp.post("")
@bp.arguments(EndpointIn(), location="json")
@bp.response(201, NewEndpointOut)
def create_endpoint(fields: dict[str, Any]) -> Response:
    """Register an address for the site's events

    The secret is shown this once; every event is signed with it (Standard Webhooks).
    """
    with database().writing() as session:
        row, secret = endpoints.create(
            session, vault(), site_id=g.site.id, now=utcnow(), check=_targets().check, **fields
        )
    response = jsonify({**_shaped(row), "secret": secret})
    response.status_code = 201
    response.headers["Location"] = url_for("endpoints.read_endpoint", endpoint_id=row.id)
    return response


@bp.get("")
@bp.response(200, EndpointsOut)
def list_endpoints() -> Response:
    """List the site's endpoints, disabled ones included"""
    with database().reading() as session:
        return jsonify({"endpoints": [_shaped(row) for row in endpoints.registered(session, g.site.id)]})


@bp.get("/<endpoint_id>")
@bp.response(200, EndpointOut)
def read_endpoint(endpoint_id: str) -> Response:
    """Read one endpoint and how it fares"""
    with database().reading() as session:
        return jsonify(_shaped(endpoints.endpoint_of(session, g.site.id, endpoint_id)))


@bp.patch("/<endpoint_id>")
@bp.arguments(EndpointChange(), location="json")
@bp.response(200, EndpointOut)
def change_endpoint(fields: dict[str, Any], endpoint_id: str) -> Response:
    """Change what is given; `active` enables it again and forgets its failures"""
    with database().writing() as session:
        row = endpoints.endpoint_of(session, g.site.id, endpoint_id, lock=True)
        endpoints.patch(session, row, now=utcnow(), check=_targets().check, **fields)
        return jsonify(_shaped(row))


@bp.delete("/<endpoint_id>")
@bp.response(204, description="Removed")
def delete_endpoint(endpoint_id: str) -> Response:
    """Remove an endpoint; what was delivered stays listed"""
    with database().writing() as session:
        row = endpoints.endpoint_of(session, g.site.id, endpoint_id, lock=True)
        endpoints.delete(session, row, now=utcnow())
    return Response(status=204)


@bp.post("/<endpoint_id>/rotate")
@bp.arguments(RotateIn(), location="json")
@bp.response(200, SecretOut)
def rotate_secret(fields: dict[str, Any], endpoint_id: str) -> Response:
    """Give an endpoint a new secret

    For `overlap_hours` each event carries two signatures, so that receivers can change without a gap.
    """
    overlap = timedelta(hours=fields["overlap_hours"])
    with database().writing() as session:
        row = endpoints.endpoint_of(session, g.site.id, endpoint_id, lock=True)
        secret = endpoints.rotate(
            session, vault(), row, now=utcnow(), overlap_seconds=overlap.total_seconds()
        )
        return jsonify({"secret": secret, "previous_secret_until": time_of(row.previous_until)})


@bp.post("/<endpoint_id>/ping")
@bp.response(202, DeliveryOut)
def ping_endpoint(endpoint_id: str) -> tuple[Response, int]:
    """Send a test event to this endpoint alone"""
    with database().writing() as session:
        row = endpoints.endpoint_of(session, g.site.id, endpoint_id, lock=True)
        sent = delivery(endpoints.ping(session, row, now=utcnow()), "ping")
    nudge(jobs.DELIVER)
    return jsonify({**sent, "comment_id": None}), 202


def _targets() -> Targets:
    return Targets(settings().webhook_allowed_hosts)


def _shaped(row: Endpoint) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events,
        "description": row.description,
        "status": row.status,
        "disabled_reason": row.disabled_reason,
        "created_at": time_of(row.created_at),
        "failing_since": time_of(row.failing_since),
        "failures": row.failures,
        "previous_secret_until": time_of(row.previous_until),
    }


def register(app: Flask) -> None:
    from service import auth
    from service.openapi import api_of

    auth.allow(app, RULES)
    api_of(app).register_blueprint(bp)

"""The site's policy: read it, replace it, try another on what was already judged."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import BadRequest

from moderation import backtest, policies
from moderation.errors import Fault, Invalid
from moderation.policy import PRESETS, Policy, full
from moderation.tables import SitePolicy
from service.door import database, utcnow
from service.reading import Blueprint, read_json
from service.schemas import BacktestIn, PolicyQuery
from service.schemas_out import BacktestOut, PoliciesOut, PolicyOut
from service.shaping import time_of

bp = Blueprint(
    "policy", __name__, url_prefix="/v1/policy", description="From scores and signals to a verdict"
)
RULES = {"policy.read_policy": "read", "policy.save_policy": "manage", "policy.try_policy": "manage"}
YAML = ("application/yaml", "application/x-yaml", "text/yaml")
#: More than this takes longer than a request should: `btl policy backtest` does it with a progress bar.
MOST_BACKTESTED = 100_000
_DOCUMENT: dict[str, Any] = {"type": "object", "description": "A policy document, see docs/policy.md"}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": _DOCUMENT},
        "application/yaml": {"schema": {"type": "string"}},
    },
}


@bp.get("")
@bp.response(200, PoliciesOut)
def read_policy() -> Response:
    """Read the policies in force: the site's, its sections' and its articles'"""
    with database().reading() as session:
        rows = policies.newest(session, g.site.id)
    whole = policies.composed({row.scope: row.document for row in rows})
    return jsonify({"policies": [_shaped(row) for row in rows] or [_PRESET], "effective": full(whole)})


@bp.put("")
@bp.doc(requestBody=_BODY)
@bp.arguments(PolicyQuery(), location="query")
@bp.response(200, PolicyOut)
def save_policy(query: dict[str, Any]) -> Response:
    """Save a new version, as JSON or YAML; the running one stays when it has faults

    Every fault comes with its pointer, and from YAML with its line.
    """
    more = {
        "now": utcnow(),
        "by": f"key {g.key.label or g.key.id}",
        "scope": query["scope"],
        "note": query["note"],
    }
    text = _yaml() if request.mimetype in YAML else None
    document = read_json(also=" or YAML") if text is None else None
    with database().writing() as session:
        if text is not None:
            row = policies.save_text(session, g.site.id, text, **more)
        else:
            row = policies.save(session, g.site.id, document, **more)
    return jsonify(_shaped(row))


@bp.post("/backtest")
@bp.arguments(BacktestIn(), location="json")
@bp.response(200, BacktestOut)
def try_policy(fields: dict[str, Any]) -> Response:
    """Say what a policy would have done with what was judged in the last days

    From stored scores and signals; nothing is changed.
    """
    policy = Policy.from_document(fields["policy"])
    with database().reading() as session:
        since = backtest.days_ago(utcnow(), fields["days"])
        count, cases = backtest.stored(session, g.site.id, since=since)
        if count > MOST_BACKTESTED:
            raise Invalid(
                [
                    Fault(
                        "/days",
                        f"There are {count:,} comments: ask for fewer days, or use `btl policy backtest`.",
                    )
                ]
            )
        found = backtest.with_excerpts(session, backtest.run(cases, policy, total=count))
    return jsonify(found.as_json())


_PRESET: dict[str, Any] = {
    "id": None,
    "version": 0,
    "scope": "site",
    "document": PRESETS["balanced"],
    "source": None,
    "note": "",
    "created_at": None,
    "created_by": "",
}


def _yaml() -> str:
    try:
        return request.get_data().decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None


def _shaped(row: SitePolicy) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "scope": row.scope,
        "document": row.document,
        "source": row.source,
        "note": row.note,
        "created_at": time_of(row.created_at),
        "created_by": row.created_by,
    }


def register(app: Flask) -> None:
    from service import auth
    from service.openapi import api_of

    auth.allow(app, RULES)
    api_of(app).register_blueprint(bp)

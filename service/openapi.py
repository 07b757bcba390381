"""The API's description (OpenAPI 3.1) at /openapi.json and, for people, at /docs."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import flask_smorest
from flask import Blueprint, Flask, Response, current_app, render_template

from service import auth
from service.auth import OPEN
from service.schemas import ProblemOut

_NAME = "below-the-line-api"
bp = Blueprint("about", __name__)
RULES = {"about.openapi_json": OPEN, "about.docs": OPEN}


class Api(flask_smorest.Api):
    """flask-smorest's Api without its error answers: service.problems gives every one of them."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = ProblemOut

    def _register_error_handlers(self) -> None:
        pass


def api_of(app: Flask) -> Api:
    found: Api = app.extensions[_NAME]
    return found


def register(app: Flask) -> None:
    """Before the packages whose views it describes."""
    app.config |= {"API_TITLE": "Below the Line", "API_VERSION": "v1", "OPENAPI_VERSION": "3.1.0"}
    app.extensions[_NAME] = Api(app)
    app.register_blueprint(bp)
    auth.allow(app, RULES)


def document_of(app: Flask) -> dict[str, Any]:
    """The whole description; made once, when first asked for."""
    kept = app.extensions.get(_NAME + "-document")
    if kept is None:
        kept = app.extensions[_NAME + "-document"] = _finished(app, api_of(app).spec.to_dict())
    document: dict[str, Any] = kept
    return document


@bp.get("/openapi.json")
def openapi_json() -> Response:
    return Response(json.dumps(document_of(current_app)), mimetype="application/json")


@bp.get("/docs")
def docs() -> str:
    from service.problems import TABLE, TITLES

    statuses = {slug: status for status, slug in TABLE.values()}
    return render_template("docs.html", api=document_of(current_app), problems=TITLES, statuses=statuses)


def _finished(app: Flask, document: dict[str, Any]) -> dict[str, Any]:
    """Add what holds for every call: the key, and problems instead of each library's own errors."""
    problem = {
        "description": "A problem (RFC 9457): what is wrong, each fault with its pointer",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    components = document.setdefault("components", {})
    components["responses"] = {"Problem": problem}
    components["securitySchemes"] = {"siteKey": {"type": "http", "scheme": "bearer"}}
    document["info"]["x-release"] = version("below-the-line")
    rules = auth.rules_of(app)
    for path in document["paths"].values():
        for operation in path.values():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            kept = {
                status: answer
                for status, answer in operation["responses"].items()
                if str(status).startswith(("2", "3"))
            }
            reference = {"$ref": "#/components/responses/Problem"}
            operation["responses"] = {**kept, "4XX": reference, "5XX": reference}
            scope = rules.get(operation.pop("x-endpoint", ""), "")
            operation["security"] = [] if scope == OPEN else [{"siteKey": []}]
            operation["x-scope"] = scope
    return document

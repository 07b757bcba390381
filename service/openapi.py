"""The API's description (OpenAPI 3.1) at /openapi.json and, for people, at /docs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import flask_smorest
from flask import Blueprint, Flask, Response, current_app, render_template
from markupsafe import Markup, escape
from marshmallow import Schema

from service import auth
from service.auth import OPEN
from service.problems import SLUGS, TABLE, TITLES
from service.schemas_out import FaultOut, ProblemOut

_NAME = "below-the-line-api"
_METHODS = ("get", "post", "put", "patch", "delete")
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
    document = document_of(current_app)
    calls: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                call = {"method": method.upper(), "path": path, **operations[method]}
                calls.setdefault(call["tags"][0], []).append(call)
    about = {tag["name"]: tag["description"] for tag in document["tags"]}
    return render_template(
        "docs.html",
        api=document,
        calls=calls,
        about=about,
        problems=list(_problems()),
        fields_of=lambda schema: fields_of(document, schema),
        marked=_marked,
    )


def _problems() -> Iterator[tuple[str, str, list[int]]]:
    for slug, title in TITLES.items():
        statuses = {status for status, name in TABLE.values() if name == slug}
        statuses |= {status for status, name in SLUGS.items() if name == slug}
        yield slug, title, sorted(statuses or {500})


def fields_of(document: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[dict[str, Any]]:
    """A schema's fields as lines of a table; those of an object inside follow it."""
    schema = _resolved(document, schema)
    for name, field in schema.get("properties", {}).items():
        inner = _resolved(document, field)
        items = _resolved(document, inner.get("items", {}))
        kinds = inner.get("type", "any")
        yield {
            "name": prefix + name,
            "type": " or ".join(kinds) if isinstance(kinds, list) else kinds,
            "required": name in schema.get("required", ()),
            "says": field.get("description") or inner.get("description", ""),
            "choices": inner.get("enum") or (),
            "most": inner.get("maxLength") or inner.get("maximum"),
        }
        yield from fields_of(document, inner, f"{prefix}{name}.")
        yield from fields_of(document, items, f"{prefix}{name}[].")


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    for option in schema.get("anyOf", ()):
        reference = reference or option.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _marked(text: str) -> Markup:
    """`code` in a docstring as code on the page."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  # nosec B704  # escaped first


def _finished(app: Flask, document: dict[str, Any]) -> dict[str, Any]:
    """Add what holds for every call: the key, and problems instead of each library's own errors."""
    components = document.setdefault("components", {})
    components["responses"] = {
        "Problem": {
            "description": "A problem (RFC 9457): what is wrong, each fault with its pointer",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    components["schemas"]["Problem"] = _schema_of(ProblemOut)
    components["schemas"]["Fault"] = _schema_of(FaultOut)
    components["schemas"]["Problem"]["properties"]["errors"]["items"] = {"$ref": "#/components/schemas/Fault"}
    components["securitySchemes"] = {"siteKey": {"type": "http", "scheme": "bearer"}}
    document["info"]["version"] = version("below-the-line")
    refused = {"$ref": "#/components/responses/Problem"}
    rules = auth.rules_of(app)
    for rule in app.url_map.iter_rules():
        path = document["paths"].get(re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule), {})
        for method in (rule.methods or set()) & {name.upper() for name in _METHODS}:
            operation = path.get(method.lower())
            if operation is None:
                continue
            kept = {code: said for code, said in operation["responses"].items() if str(code)[0] in "23"}
            operation["responses"] = {**kept, "4XX": refused, "5XX": refused}
            operation["operationId"] = rule.endpoint.rpartition(".")[2]
            scope = rules.get(rule.endpoint, "")
            operation["security"] = [] if scope == OPEN else [{"siteKey": []}]
            operation["x-scope"] = scope
    _add_form(document)
    return document


def _add_form(document: dict[str, Any]) -> None:
    """A comment may come as a plain form too: the same fields, those of an object with a dot."""
    schemas = document["components"]["schemas"]
    flat: dict[str, Any] = {}
    for name, field in schemas["CommentIn"]["properties"].items():
        inner = _resolved(document, field)
        for part, one in inner.get("properties", {"": inner}).items():
            flat[f"{name}.{part}".rstrip(".")] = one
    schemas["CommentForm"] = {
        "type": "object",
        "properties": flat,
        "required": schemas["CommentIn"]["required"],
        "additionalProperties": False,
    }
    content = document["paths"]["/v1/comments"]["post"]["requestBody"]["content"]
    content["application/x-www-form-urlencoded"] = {"schema": {"$ref": "#/components/schemas/CommentForm"}}


def _schema_of(schema: type[Schema]) -> dict[str, Any]:
    from apispec import APISpec
    from apispec.ext.marshmallow import MarshmallowPlugin

    plugin = MarshmallowPlugin()
    APISpec("", "", "3.1.0", plugins=[plugin])
    assert plugin.converter is not None  # the specification above has just made it
    found: dict[str, Any] = plugin.converter.schema2jsonschema(schema())
    return found

"""Read what was sent: JSON or a form, checked against a schema, every fault with its pointer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

import flask_smorest
from flask import Request, request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from moderation.errors import Fault, Invalid

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Parser(FlaskParser):
    """webargs with our reading of bodies and our faults."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, Any] = {}

    def load_json(self, req: Request, schema: Schema) -> Any:
        return read_json()

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        return req.args.to_dict()

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **more: Any) -> NoReturn:
        raise invalid(error)


class Blueprint(flask_smorest.Blueprint):
    """Views that are also their own documentation (OpenAPI)."""

    ARGUMENTS_PARSER = Parser()


def load(schema: Schema, document: Any, *, at: str = "") -> dict[str, Any]:
    """:param at: what pointers begin with: ``"?"`` for a query.

    :raises Invalid: with every fault.
    """
    try:
        return schema.load(document)
    except ValidationError as error:
        raise Invalid(list(_faults(error.messages, at))) from None


def read_json_or_form() -> Any:
    """The body as JSON or, where it says so, as a form."""
    return read_form() if request.mimetype in FORMS else read_json(also=" or a form")


def read_json(also: str = "") -> Any:
    """The body as JSON.

    :raises UnsupportedMediaType: it does not say that it is JSON.
    :raises BadRequest: it is none, or nothing that can be kept.
    """
    if not request.is_json:
        raise UnsupportedMediaType(f"Send JSON{also}, and say so in Content-Type.")
    raw = request.get_data(cache=True)
    if request.content_length is None and len(raw) >= (request.max_content_length or len(raw) + 1):
        raise RequestEntityTooLarge  # sent in chunks: werkzeug cuts it off at the limit without a word
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except RecursionError:
        raise BadRequest("The JSON is nested too deep.") from None
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except json.JSONDecodeError as fault:
        raise BadRequest(
            f"The body is not JSON: {fault.msg} in line {fault.lineno}, column {fault.colno}."
        ) from None
    except ValueError as fault:  # NaN, or a number of thousands of digits
        raise BadRequest(f"The body is not JSON that can be kept: {fault}.") from None


def read_form() -> dict[str, Any]:
    """The body as a form; ``article.id`` becomes the article's id. The first of equal names counts."""
    found: dict[str, Any] = {}
    for name, value in request.form.to_dict().items():
        whole, dot, part = name.partition(".")
        if not dot:
            found.setdefault(whole, value)
            continue
        inner = found.setdefault(whole, {})
        if isinstance(inner, dict):
            inner[part] = value
    return found


def invalid(error: ValidationError) -> Invalid:
    """Every fault that marshmallow found, as pointers into what was sent."""
    messages: Any = error.messages
    if isinstance(messages, dict) and len(messages) == 1 and next(iter(messages)) in _LOCATIONS:
        location, inner = next(iter(messages.items()))
        return Invalid(list(_faults(inner, "?" if location == "query" else "")))
    return Invalid(list(_faults(messages, "")))


_LOCATIONS = frozenset({"json", "form", "query"})


def _faults(messages: Any, pointer: str) -> Iterable[Fault]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            if name == "_schema":
                yield from _faults(inner, pointer)
                continue
            # A query has no pointers: "?wait" names the parameter.
            step = str(name).replace("~", "~0").replace("/", "~1")[:200]
            yield from _faults(inner, pointer + step if pointer == "?" else f"{pointer}/{step}")
    elif isinstance(messages, list | tuple):
        for message in messages:
            yield from _faults(message, pointer)
    else:
        yield Fault(pointer, str(messages))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

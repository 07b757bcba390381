"""Every error as application/problem+json (RFC 9457), from one table."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, got_request_exception, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from moderation import errors
from moderation.errors import Fault, Refused
from moderation.logs import log_of

#: What is raised on purpose -> status and name of the problem. A subclass without a line of its own
#: takes its parent's. docs/api.md lists them, and tests hold table, code and page together.
TABLE: dict[type[Refused], tuple[int, str]] = {
    errors.Refused: (409, "refused"),
    errors.Invalid: (422, "invalid"),
    errors.PolicyRefused: (422, "policy-refused"),
    errors.NotFound: (404, "not-found"),
    errors.TransitionRefused: (409, "transition-refused"),
    errors.Overtaken: (409, "overtaken"),
    errors.AlreadyReceived: (409, "already-received"),
    errors.InFlight: (409, "in-flight"),
    errors.KeyReused: (422, "key-reused"),
    errors.Forbidden: (403, "forbidden"),
}
#: What the web server and this door refuse themselves.
TITLES = {
    "refused": "Refused",
    "invalid": "Some fields are not right",
    "policy-refused": "The policy has faults",
    "not-found": "There is no such thing",
    "transition-refused": "Not from where the comment stands",
    "overtaken": "Someone else was faster",
    "already-received": "Received before, with another text",
    "in-flight": "The first request is still being answered",
    "key-reused": "Idempotency-Key used with another request",
    "forbidden": "The key may not do this",
    "unauthorized": "A key is needed",
    "malformed": "The request cannot be read",
    "method-not-allowed": "Not with this method",
    "not-acceptable": "Not in this form",
    "too-large": "The request is too large",
    "unsupported-media-type": "Not this kind of content",
    "too-many-requests": "Too many requests",
    "unavailable": "The database does not answer",
    "internal": "Something broke on our side",
}
SLUGS = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    429: "too-many-requests",
    503: "unavailable",
}
#: Said in place of the library's sentence, which speaks to browsers or says too much.
_DETAILS = {
    404: "There is nothing at this address. The API is described at /docs.",
    413: "The request is larger than this address takes.",
    431: "A part of the request is too large.",
}
_PAGES = "below-the-line-error-pages"


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as the asker learns of it.

    :param slug: its name, the last part of its type.
    :param detail: what happened and what would be right, in a sentence.
    """

    status: int
    slug: str
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        return TITLES.get(self.slug, self.slug.replace("-", " ").capitalize())


def problem_of(error: BaseException) -> Problem:
    """Turn whatever was raised into what may be said about it."""
    if isinstance(error, Refused):
        status, slug = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
        faults = tuple(getattr(error, "faults", ()))
        detail = "One field is not right." if len(faults) == 1 else f"{len(faults)} fields are not right."
        return Problem(status, slug, detail if faults else str(error), faults)
    if isinstance(error, HTTPException):
        status = error.code or 500
        detail = _DETAILS.get(status, error.description or "")
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            detail = f"This address answers {', '.join(sorted(error.valid_methods))}."
        kept = tuple((name, value) for name, value in error.get_headers() if name.lower() != "content-type")
        slug = SLUGS.get(status, "internal" if status >= 500 else "malformed")
        return Problem(status, slug, detail, headers=kept)
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        detail = "Nothing was kept. Try again in a few seconds; /readyz says what is not ready."
        return Problem(503, "unavailable", detail, headers=(("Retry-After", "5"),))
    return Problem(500, "internal", "Nothing was kept. The operator finds more under this request id.")


def document_of(problem: Problem) -> dict[str, Any]:
    """The problem as JSON."""
    document: dict[str, Any] = {
        "type": f"/docs#{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if request_id := g.get("request_id"):
        document["instance"] = f"urn:btl:request:{request_id}"
    if problem.faults:
        document["errors"] = [{"pointer": fault.pointer, "detail": fault.detail} for fault in problem.faults]
        for line, fault in zip(document["errors"], problem.faults, strict=True):
            if fault.line is not None:
                line["line"] = fault.line
    return document


def answer(problem: Problem) -> Response:
    """The problem as an answer of its own."""
    response = Response(
        json.dumps(document_of(problem), ensure_ascii=True),
        status=problem.status,
        headers=list(problem.headers),
        content_type="application/problem+json",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def render_with(app: Flask, prefix: str, page: Callable[[Problem], Response]) -> None:
    """Answer errors below an address in another form than JSON, such as the desk's pages.

    :param prefix: e.g. ``"/desk"``; the longest one that fits is asked.
    """
    app.extensions.setdefault(_PAGES, {})[prefix] = page


def on_error(error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status >= 500:
        # Where, not what: the message of a database error holds the values it was given, a reader's text.
        log_of(__name__).error("request_failed", error=type(error).__name__, where=_places_of(error))
        # Flask's own word for it, which a handler of ours keeps it from saying; Sentry listens.
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=error)
    return _form_for(request.path)(problem)


def register(app: Flask) -> None:
    app.register_error_handler(Exception, on_error)
    app.before_request(refuse_odd_names)


def refuse_odd_names() -> None:
    """What no id of ours holds must not reach the database: PostgreSQL refuses NUL with an error of its own.

    :raises NotFound: there is nothing of such a name.
    """
    for value in (request.view_args or {}).values():
        if isinstance(value, str) and not value.isprintable():
            raise errors.NotFound("name")


def _form_for(path: str) -> Callable[[Problem], Response]:
    pages: dict[str, Callable[[Problem], Response]] = current_app.extensions.get(_PAGES, {})
    fitting: Iterable[str] = (
        prefix for prefix in pages if path == prefix or path.startswith(prefix.rstrip("/") + "/")
    )
    longest = max(fitting, key=len, default=None)
    return pages[longest] if longest is not None else answer


def _places_of(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]

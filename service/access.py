"""Each request gets an id, one log line without its query string, and one count."""

from __future__ import annotations

import re
import time
from functools import cache

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from moderation.logs import log_of
from moderation.tables import new_id
from service.metrics import REQUEST_SECONDS, REQUESTS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = log_of(__name__)
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    # A caller's own id is kept when it cannot forge a log line or a header.
    g.request_id = request_id = given if _SANE_ID.fullmatch(given) else new_id()
    clear_contextvars()
    bind_contextvars(request=request_id)


def end(response: Response) -> Response:
    if "began" not in g:
        return response
    seconds = time.perf_counter() - g.began
    rule, method, arguments = request.url_rule, request.method, request.view_args
    # The rule, not the path: an invitation's token stands in a path.
    route = rule.rule if rule is not None else "none"
    method = method if method in _METHODS else "other"
    _counted(method, route, response.status_code).inc()
    _timed(route).observe(seconds)
    line = {"method": method, "route": route, "status": response.status_code}
    if arguments and (comment := arguments.get("comment_id")):
        line["comment"] = comment[:40]
    if "site" in g:
        line["site"] = g.site.id
    _log.info("request", **line, ms=round(seconds * 1000, 1))
    response.headers.add("X-Request-Id", g.request_id)
    return response


# Each is found once: by its labels it is looked for under a lock, and these are as many as there are routes.
_counted = cache(REQUESTS.labels)
_timed = cache(REQUEST_SECONDS.labels)


def register(app: Flask) -> None:
    app.before_request(begin)
    app.after_request(end)

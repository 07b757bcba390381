"""The desk: server-rendered pages at ``/desk`` for the people who decide."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, g, request
from flask_babel import Babel

from service import problems
from service.auth import OWN, allow
from service.door import door_of
from service.review import (
    account,
    acts,
    bulk,
    deliveries,
    desk,
    filters,
    gate,
    keys,
    learning,
    live,
    numbers,
    oidc,
    policy,
    queue,
    team,
    words,
)

_STATIC = Path(__file__).parent.parent / "static"


def register(app: Flask) -> None:
    """Put the desk into an application whose door is open (service.door)."""
    app.config.update(
        SESSION_COOKIE_NAME="btl_desk",
        SESSION_COOKIE_PATH="/desk",
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        # The token lives as long as the session: a page that was open over lunch still works.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,
        BABEL_TRANSLATION_DIRECTORIES=str(Path(__file__).parent.parent / "translations"),
    )
    desk.csrf.init_app(app)
    Babel(app, locale_selector=_language, timezone_selector=_timezone)
    # The pages are full of loops: without this, half of what is sent would be blank lines.
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    words.register(app)
    keys.register(app)
    app.jinja_env.globals["static_version"] = _version_of_static()
    live.register(app, door_of(app).database)
    app.register_blueprint(desk.bp)
    # A moderator's session is asked for by the blueprint itself, before each of its views.
    allow(app, {rule.endpoint: OWN for rule in app.url_map.iter_rules() if rule.endpoint.startswith("desk.")})
    app.after_request(_keep_static)
    problems.render_with(app, "/desk", desk.error_page)


def _language() -> str:
    """The person's choice, else the browser's, else English."""
    if "rights" in g and g.rights.person.language in desk.LANGUAGES:
        return str(g.rights.person.language)
    return request.accept_languages.best_match(list(desk.LANGUAGES)) or "en"


def _timezone() -> str:
    return str(g.rights.person.timezone) if "rights" in g else "UTC"


def _keep_static(response: Response) -> Response:
    """Files asked for by their version never change: a browser need not ask again."""
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _version_of_static() -> str:
    """Changes with the files, so that a browser may keep them for long and still sees a new release."""
    digest = hashlib.sha256()
    for name in ("desk.css", "desk.js", "live.js", "policy.css", "policy.js", "learning.css"):
        digest.update((_STATIC / name).read_bytes())
    return digest.hexdigest()[:10]


__all__ = ["account", "acts", "bulk", "deliveries", "filters", "gate", "learning", "live", "numbers", "oidc",
           "policy", "queue", "register", "team"]  # fmt: skip

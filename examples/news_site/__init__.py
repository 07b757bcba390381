"""A small news site with comments, moderated by Below the Line.

Copy what you need. Three files matter: ``below_the_line.py`` (sending, changing, withdrawing a comment),
``webhooks.py`` (hearing what became of it), ``comments.py`` (what the site keeps: never an e-mail address).

Settings, all from the environment:

=====================  ====================================================================
``BTL_API_URL``        where Below the Line answers, e.g. ``http://127.0.0.1:8000``
``BTL_SITE_KEY``       this site's key; stays on the server
``BTL_WEBHOOK_SECRET`` ``whsec_…``, as given when the endpoint was registered
``NEWS_SITE_DATABASE`` SQLite file of this site
``NEWS_SITE_PORT``     port for ``python -m examples.news_site`` (8001)
``NEWS_SITE_URL``      how readers reach the site (``http://127.0.0.1:<port>``)
=====================  ====================================================================
"""

import os
from collections.abc import Mapping
from pathlib import Path

from flask import Flask, Response, g

from . import comments, pages, webhooks
from .below_the_line import BelowTheLine

REQUIRED = ("BTL_API_URL", "BTL_SITE_KEY", "BTL_WEBHOOK_SECRET", "NEWS_SITE_DATABASE")


class SettingsMissing(RuntimeError):
    """Settings that the site cannot start without; names each of them."""


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """Compose the site.

    :param environ: settings by name; the process's environment when left out.
    :raises SettingsMissing: naming every setting that is missing or faulty.
    """
    environ = os.environ if environ is None else environ
    missing = [name for name in REQUIRED if not environ.get(name)]
    if missing:
        raise SettingsMissing(f"The news site cannot start. Please set {', '.join(missing)}.")
    try:
        webhook_key = webhooks.key_of(environ["BTL_WEBHOOK_SECRET"])
    except ValueError as fault:
        raise SettingsMissing(f"BTL_WEBHOOK_SECRET is not usable: {fault}") from None

    app = Flask(__name__)
    app.config.update(
        DATABASE=Path(environ["NEWS_SITE_DATABASE"]),
        WEBHOOK_KEY=webhook_key,
        PUBLIC_URL=(
            environ.get("NEWS_SITE_URL") or f"http://127.0.0.1:{environ.get('NEWS_SITE_PORT', '8001')}"
        ).rstrip("/"),
        MAX_CONTENT_LENGTH=512 * 1024,
        SESSION_COOKIE_NAME="estuary_reader",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
    )
    app.config["SESSION_COOKIE_SECURE"] = app.config["PUBLIC_URL"].startswith("https://")
    app.extensions["below_the_line"] = BelowTheLine(environ["BTL_API_URL"], environ["BTL_SITE_KEY"])
    # Kept in the database, so that every process signs cookies alike and a restart signs nobody out.
    app.secret_key = comments.prepare(app.config["DATABASE"])

    app.register_blueprint(pages.bp)
    app.register_blueprint(webhooks.bp)

    @app.after_request
    def keep_the_browser_strict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        if response.mimetype == "text/html":
            # A page may show a reader what only that reader may see.
            response.headers["Cache-Control"] = "private, no-store"
        return response

    @app.teardown_appcontext
    def close_database(_: BaseException | None) -> None:
        if (db := g.pop("db", None)) is not None:
            db.close()

    return app

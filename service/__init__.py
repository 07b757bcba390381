"""The web door (Flask): ``flask --app service run``."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from moderation.settings import Settings
    from moderation.store import Database

#: Packages with views, each of which exposes ``register(app)``; in this order.
VIEWS = (
    "service.health",
    "service.api",
    "service.api_endpoints",
    "service.api_deliveries",
    "service.api_erasures",
    "service.api_score",
    "service.api_statements",
    "service.api_policy",
    "service.review",
    "service.compat",
    "service.embed",
)
#: Larger requests are refused before they are read; a call that takes more says so itself.
LARGEST_REQUEST = 1_000_000


def create_app(settings: Settings | None = None, database: Database | None = None) -> Flask:
    """Compose the web door.

    :param settings: read from the environment when not given.
    :param database: opened from the settings when not given.
    :raises SettingsFaults: with every fault of the environment.
    """
    from moderation import logs
    from moderation.settings import Settings
    from moderation.store import open_database
    from moderation.vault import vault_of
    from service import access, auth, headers, limits, openapi, problems, reporting
    from service.aside import Aside
    from service.door import App, Door, open_door
    from service.nudge import Nudger
    from service.sessions import DeskSessions

    if settings is None:
        settings = Settings.from_environment(os.environ)
        logs.set_up(settings.log_level)
    app = App(__name__)
    app.session_interface = DeskSessions()
    app.config |= {
        "SECRET_KEY": settings.secret_key,
        "MAX_CONTENT_LENGTH": LARGEST_REQUEST,
        "MAX_FORM_MEMORY_SIZE": LARGEST_REQUEST,
        "MAX_FORM_PARTS": 200,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.is_public,
    }
    door = Door(
        settings=settings,
        database=database or open_database(settings.database_url),
        vault=vault_of(settings.email_keys, settings.hash_key),
        nudger=Nudger(settings.broker_url, settings.redis_master),
        aside=Aside(),
    )
    open_door(app, door)
    reporting.register(app, settings, door.database.engine)
    if settings.trusted_proxies:
        from werkzeug.middleware.proxy_fix import ProxyFix

        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    # In this order: an id first, so that even a refusal has one; then who asks; then how often.
    access.register(app)
    problems.register(app)
    headers.register(app, https=settings.is_public)
    app.before_request(auth.check)
    limits.register(app, settings.redis_url, settings.redis_master)
    app.before_request(limits.check_key)
    openapi.register(app)
    for name in VIEWS:
        if importlib.util.find_spec(name) is not None:
            module = importlib.import_module(name)
            if hasattr(module, "register"):
                module.register(app)
    return app

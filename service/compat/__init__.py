"""Other products' protocols: their callers change one address and keep their code."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Add the compatible endpoints; each protocol says its own errors in its own words."""
    from service.auth import OPEN, OWN, allow
    from service.compat import akismet, akismet_accounts, audit, coral, openai, perspective  # noqa: F401
    from service.door import door_of
    from service.problems import render_with

    audit.register(app, door_of(app).database)
    before = {rule.endpoint for rule in app.url_map.iter_rules()}
    for protocol in (akismet, coral, openai, perspective):
        app.register_blueprint(protocol.bp)
        for prefix in protocol.PREFIXES:
            render_with(app, prefix, protocol.page)
    ours = {rule.endpoint for rule in app.url_map.iter_rules()} - before
    # Each asks for its own proof; the discovery document says nothing that is not public.
    allow(app, dict.fromkeys(ours, OWN) | {"perspective.discover": OPEN})

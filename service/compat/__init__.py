"""Other products' protocols: their callers change one address and keep their code."""

from __future__ import annotations

import logging
import re

from flask import Flask

_KEYS = re.compile(r"([?&](?:key|api_key|access_token|oauth_token)=)[^&\s\"]+")


class _WithoutKeys(logging.Filter):
    """Takes keys out of a server's own access log: callers of Perspective put them there.

    Gunicorn's is off (gunicorn_conf.py); Flask's development server cannot be told to keep quiet.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _KEYS.sub(r"\1…", part) if isinstance(part, str) else part for part in record.args
            )
        record.msg = _KEYS.sub(r"\1…", str(record.msg))
        return True


_without_keys = _WithoutKeys()


def register(app: Flask) -> None:
    """Add the compatible endpoints; each protocol says its own errors in its own words."""
    from service.auth import OPEN, OWN, allow
    from service.compat import akismet, akismet_accounts, audit, coral, openai, perspective  # noqa: F401
    from service.door import door_of
    from service.problems import render_with

    logging.getLogger("werkzeug").addFilter(_without_keys)
    audit.register(app, door_of(app).database)
    before = {rule.endpoint for rule in app.url_map.iter_rules()}
    for protocol in (akismet, coral, openai, perspective):
        app.register_blueprint(protocol.bp)
        for prefix in protocol.PREFIXES:
            render_with(app, prefix, protocol.page)
    ours = {rule.endpoint for rule in app.url_map.iter_rules()} - before
    # Each asks for its own proof; the discovery document says nothing that is not public.
    allow(app, dict.fromkeys(ours, OWN) | {"perspective.discover": OPEN})

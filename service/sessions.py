"""Browser sessions belong to the desk: its cookie is sent below /desk only, and a site's key needs none."""

from __future__ import annotations

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

ROOT = "/desk"


class DeskSessions(SecureCookieSessionInterface):
    """Nothing is opened and signed for other requests, which come by the hundred a second."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if not request.path.startswith(ROOT):
            return None
        return super().open_session(app, request)

"""A signed note of when a comment form was shown: a reader needs seconds to write, a script does not."""

from __future__ import annotations

from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

#: A form that was open longer was forgotten in a tab, or its token was passed around.
LASTS = timedelta(hours=24)


def issue(secret_key: str, site_id: str, now: datetime) -> str:
    return _signer(secret_key).dumps([site_id, int(now.timestamp())])


def seconds_since(secret_key: str, site_id: str, token: str, now: datetime) -> float | None:
    """:return: seconds since the form was shown; None for a token that is forged, stale or another site's."""
    try:
        whose, shown = _signer(secret_key).loads(token)
        seconds = now.timestamp() - float(shown)
    except (BadSignature, ValueError, TypeError):
        return None
    return seconds if whose == site_id and -5 <= seconds <= LASTS.total_seconds() else None


def _signer(secret_key: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret_key, salt="comment-form")

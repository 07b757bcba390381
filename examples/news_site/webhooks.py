"""Hearing from Below the Line: verify, then apply once and in order.

``key_of`` and ``verify`` are all that a Standard Webhooks receiver needs. They are written out so that you
can copy them; the ``standardwebhooks`` libraries do the same.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time

from flask import Blueprint, current_app, request

from . import comments

TOLERANCE_SECONDS = 300
bp = Blueprint("webhooks", __name__)


def key_of(secret: str) -> bytes:
    """The signing key in a secret: base64 after ``whsec_``.

    :raises ValueError: for anything else, or for a key shorter than 24 bytes.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it must be whsec_ followed by base64.") from None
    if len(key) < 24:
        raise ValueError("it must hold at least 24 bytes.")
    return key


def verify(key: bytes, webhook_id: str, timestamp: str, signatures: str, body: bytes, now: float) -> bool:
    """Whether the sender knows the key and the message is fresh.

    :param signatures: the ``webhook-signature`` header: several, space-separated, while a secret rotates.
    :param body: the raw bytes as they came. A parsed and re-written document no longer matches.
    :param now: seconds since 1970.

    Source: Standard Webhooks 1.0.0.
    """
    if not webhook_id or len(timestamp) > 12 or not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = webhook_id.encode() + b"." + timestamp.encode() + b"." + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    return any(hmac.compare_digest(expected, given.encode()) for given in signatures.split())


@bp.post("/webhooks")
def hear():
    """Answer 2xx only once the event is in our database: anything else makes the sender try again."""
    body = request.get_data()
    webhook_id = request.headers.get("webhook-id", "")
    if not verify(
        current_app.config["WEBHOOK_KEY"],
        webhook_id,
        request.headers.get("webhook-timestamp", ""),
        request.headers.get("webhook-signature", ""),
        body,
        time.time(),
    ):
        return {"error": "The signature does not match, or the message is older than five minutes."}, 401

    try:
        event = json.loads(body)
        kind, data = str(event["type"]), event["data"]
        if kind == "ping" or not kind.startswith(("comment.", "appeal.")):
            # A kind that this site has no use for, now or in a later version, is no reason for a retry.
            return {"outcome": "ignored"}, 200
        outcome = comments.apply_event(comments.database(), webhook_id, kind, data)
    except (KeyError, TypeError, ValueError, AttributeError):
        return {"error": "This is signed, but not an event that this site can read."}, 422
    current_app.logger.info("webhook %s %s: %s", webhook_id, kind, outcome)
    return {"outcome": outcome}, 200

"""Standard Webhooks signatures: what proves to a receiver that an event is ours and fresh.

The signed string is ``id.timestamp.body``; a signature is ``v1,`` and the base64 of its HMAC-SHA256
(RFC 2104). Source: Standard Webhooks 1.0.0, standardwebhooks.com. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from secrets import token_bytes

PREFIX = "whsec_"
#: Seconds that a receiver's clock and ours may differ, both ways.
TOLERANCE_SECONDS = 300


class SignatureRefused(ValueError):
    """The message is not signed with a secret that we share, or is too old. Answer 400 and log why."""


def new_secret() -> str:
    """A secret for one endpoint: 32 random bytes."""
    return PREFIX + base64.b64encode(token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key inside a secret.

    :param secret: ``whsec_`` and the base64 of 24 to 64 bytes.
    :raises ValueError: says what is wrong, without the secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"must be {PREFIX} followed by the base64 of 24 to 64 random bytes")
    return key


def sign(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` header.

    :param secrets: the endpoint's present secret and, while it is being changed, the one before: a
        receiver accepts the message when either matches, so no event is lost while it is updated.
    :param webhook_id: the event's id, the same in all attempts; without a ``.``, which separates.
    :param timestamp: Unix time of this attempt, in whole seconds.
    :raises ValueError: for a malformed secret or id, or none at all.
    """
    if not secrets or "." in webhook_id or not webhook_id:
        raise ValueError("a signature takes at least one secret and an id without a dot")
    return " ".join(_signature(key_of(secret), webhook_id, timestamp, body) for secret in secrets)


def verify(
    secrets: Sequence[str],
    *,
    webhook_id: str,
    timestamp: str,
    signature: str,
    body: bytes,
    now: float,
    tolerance_seconds: int = TOLERANCE_SECONDS,
) -> None:
    """Check a message as a receiver must; nothing is returned when all is well.

    :param timestamp: the ``webhook-timestamp`` header as it came.
    :param signature: the ``webhook-signature`` header as it came; any one of its list may match.
    :param body: the bytes as they came, before any parsing.
    :param now: Unix time.
    :raises SignatureRefused: with the reason.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureRefused("webhook-timestamp is not a Unix time in seconds")
    if abs(now - int(timestamp)) > tolerance_seconds:
        raise SignatureRefused("webhook-timestamp is too far from now: an old message, or a wrong clock")
    given = [one.encode() for one in signature.split(" ")]
    for secret in secrets:
        wanted = _signature(key_of(secret), webhook_id, int(timestamp), body).encode()
        # Every pair is compared, in constant time: how long it takes tells nothing about the secret.
        if sum(hmac.compare_digest(wanted, one) for one in given):
            return
    raise SignatureRefused("no signature matches: wrong secret, or the body was changed on the way")


def _signature(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()

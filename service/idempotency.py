"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): the same request twice is one comment.

The key's row is written in the comment's own transaction, so there is never one without the other. Of many
equal requests at once the database lets one in; the others wait for it there and repeat its answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import request
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from moderation.errors import KeyReused
from moderation.tables import Idempotency
from moderation.vault import Vault

#: Afterwards the key may be used for something new.
KEPT = timedelta(hours=24)
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+")


def key_sent() -> str | None:
    """The request's key: a quoted string as in the draft, or a bare word as most clients send it.

    :raises BadRequest: it is neither, empty, or above 255 characters.
    """
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    header = header.strip()
    if quoted := _QUOTED.fullmatch(header):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(header):
        key = header
    else:
        key = ""
    if not 0 < len(key) <= 255:
        raise BadRequest('Idempotency-Key must be 1 to 255 printable characters, such as "8e03978e-40d5".')
    return key


def digest_of(fields: dict[str, Any], vault: Vault) -> str:
    """What was asked, as a keyed digest: equal for equal fields, and nothing to guess a text by."""
    return vault.token_hash(json.dumps(fields, sort_keys=True, default=str))


def remember(
    session: Session, *, site_id: str, key: str, digest: str, comment_id: str, now: datetime
) -> None:
    """:raises sqlalchemy.exc.IntegrityError: when the key was used before."""
    session.add(
        Idempotency(site_id=site_id, key=key, request_digest=digest, comment_id=comment_id, created_at=now)
    )
    session.flush()


@dataclass(frozen=True, slots=True)
class Answered:
    """What the key's first request made."""

    comment_id: str


def answered(session: Session, *, site_id: str, key: str, digest: str, now: datetime) -> Answered | None:
    """What this key was used for; None when it was not, or so long ago that it is forgotten just now.

    :raises KeyReused: the first request was another one.
    """
    row = session.get(Idempotency, (site_id, key))
    if row is None:
        return None
    if now - row.created_at > KEPT:
        session.delete(row)
        return None
    if row.request_digest != digest:
        raise KeyReused
    return Answered(row.comment_id)

"""Sites, their keys, endpoints and people: what must be there before a first comment can come."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from moderation.tables import Endpoint, Moderator, Site, SiteKey
from moderation.vault import Vault, key_digest

SCOPES = ("submit", "read", "moderate", "manage")
#: Characters of a key that are kept readable: enough to find the row and to tell keys apart, no more.
PREFIX_LENGTH = 12

_HASHER = PasswordHasher()  # argon2id with RFC 9106's low-memory profile


def new_site_key() -> str:
    """A key that speaks for a site: 256 random bits behind a word that secret scanners can look for."""
    return "btl_" + secrets.token_urlsafe(32)


def new_publishable_key() -> str:
    """A key that may stand in a page: it only submits, and only from its origins."""
    return "btlpub_" + secrets.token_urlsafe(24)


def new_akismet_key() -> str:
    """Akismet's clients accept twelve letters and digits and nothing else."""
    return "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(12))


def new_coral_secret() -> str:
    """Coral signs its calls with this, hexadecimal as in its own pages."""
    return secrets.token_hex(32)


def new_webhook_secret() -> str:
    """A Standard Webhooks secret: ``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def open_site(
    session: Session, *, name: str, slug: str, now: datetime, url: str = "", language: str = "en"
) -> Site:
    """:param slug: its short name in commands and addresses, unique."""
    site = Site(name=name, slug=slug, url=url, language=language, created_at=now)
    session.add(site)
    session.flush()
    return site


def issue_key(
    session: Session,
    vault: Vault,
    *,
    site_id: str,
    key: str,
    now: datetime,
    kind: str = "site",
    label: str = "",
    scopes: Sequence[str] = SCOPES,
) -> SiteKey:
    """Keep a new key: its digest, and for Coral the secret itself, encrypted, to verify signatures with.

    :param key: from one of the functions above; it is shown once and not kept.
    :param kind: site, akismet, coral or publishable.
    """
    row = SiteKey(
        site_id=site_id,
        kind=kind,
        label=label,
        prefix=key[:PREFIX_LENGTH] if kind in ("site", "publishable") else key[:4],
        digest=key_digest(key),
        secret_encrypted=vault.encrypt(key) if kind == "coral" else None,
        scopes=list(scopes),
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def add_endpoint(
    session: Session,
    vault: Vault,
    *,
    site_id: str,
    url: str,
    secret: str,
    now: datetime,
    events: Sequence[str] = (),
    description: str = "",
) -> Endpoint:
    """:param events: the event types wanted; none means all."""
    endpoint = Endpoint(
        site_id=site_id,
        url=url,
        events=list(events),
        secret_encrypted=vault.encrypt(secret),
        description=description,
        created_at=now,
    )
    session.add(endpoint)
    session.flush()
    return endpoint


def add_moderator(
    session: Session, *, email: str, name: str, password: str | None, now: datetime, is_admin: bool = False
) -> Moderator:
    """:param password: None for a person who signs in by OpenID Connect alone."""
    moderator = Moderator(
        email=email.strip().lower(),
        name=name,
        password_hash=hash_password(password) if password is not None else None,
        is_admin=is_admin,
        created_at=now,
    )
    session.add(moderator)
    session.flush()
    return moderator


def hash_password(password: str) -> str:
    """:returns: an argon2id string with its own salt and cost."""
    return _HASHER.hash(password)

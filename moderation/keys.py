"""Keys that speak for a site: drawn, kept as digests, found again in constant time, revoked."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation import sites
from moderation.errors import NotFound
from moderation.sites import PREFIX_LENGTH, SCOPES
from moderation.tables import Site, SiteKey
from moderation.vault import Vault, key_digest

_DRAW = {
    "site": sites.new_site_key,
    "publishable": sites.new_publishable_key,
    "akismet": sites.new_akismet_key,
    "coral": sites.new_coral_secret,
}
KINDS = tuple(_DRAW)
#: What a kind may do when nothing else is said. A publishable key stands in pages that anyone can read.
SCOPES_OF = {"site": SCOPES, "publishable": ("submit",), "akismet": ("submit",), "coral": ("submit",)}


def issue_key(
    session: Session,
    vault: Vault,
    *,
    site_id: str,
    now: datetime,
    kind: str = "site",
    label: str = "",
    scopes: Sequence[str] | None = None,
    origins: Sequence[str] = (),
    secret: str | None = None,
) -> tuple[SiteKey, str]:
    """Draw a key for a site and keep what is needed to know it again.

    :param kind: one of ``KINDS``.
    :param origins: for a publishable key, the web origins whose pages may use it.
    :param secret: the one that Coral drew itself; everywhere else one is drawn here.
    :return: the row, and the secret, which is shown once.
    """
    secret = _DRAW[kind]() if secret is None else secret
    row = sites.issue_key(
        session,
        vault,
        site_id=site_id,
        key=secret,
        now=now,
        kind=kind,
        label=label,
        scopes=SCOPES_OF[kind] if scopes is None else scopes,
    )
    row.origins = list(origins)
    session.flush()
    return row, secret


def key_of(
    session: Session, secret: str, *, kinds: Sequence[str], now: datetime
) -> tuple[SiteKey, Site] | None:
    """The key's row and its site, or None for a key that is unknown, revoked or out of date.

    The readable prefix finds the row, so that the comparison of the digests takes the same time for
    every wrong key.
    """
    digest = key_digest(secret)
    rows = session.execute(
        select(SiteKey, Site)
        .join(Site, Site.id == SiteKey.site_id)
        .where(SiteKey.prefix.in_((secret[:PREFIX_LENGTH], secret[:4])), SiteKey.kind.in_(kinds))
    )
    for key, site in rows:
        is_current = key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
        if hmac.compare_digest(key.digest, digest) and is_current:
            return key, site
    return None


def revoke_key(session: Session, site_id: str, key_id: str, *, now: datetime) -> SiteKey:
    """Refuse a key from now on; the web doors follow within seconds. Doing it twice is no fault.

    :raises NotFound: no such key on this site.
    """
    row = session.scalar(select(SiteKey).where(SiteKey.id == key_id, SiteKey.site_id == site_id))
    if row is None:
        raise NotFound("key")
    row.revoked_at = row.revoked_at or now
    return row

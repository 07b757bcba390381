"""Who asks, and may they: one rule for every route, checked before the view.

A site speaks through a key in ``Authorization: Bearer``; its scopes say what it may do. A route without a
rule is closed to everyone, so that a new view cannot be forgotten here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, current_app, g, request
from sqlalchemy import update
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from moderation.errors import Forbidden
from moderation.keys import key_of
from moderation.sites import SCOPES
from moderation.tables import Site, SiteKey
from moderation.vault import key_digest
from service import limits
from service.door import aside, database, utcnow

#: Anyone may ask.
OPEN = "open"
#: The view's own package asks for its own proof (a moderator's session, a foreign protocol's key).
OWN = "own"
#: A revoked key is refused after this at the latest, in every process.
CACHE_SECONDS = 5.0
_MOST_CACHED = 2_000
_USED_EVERY = timedelta(minutes=1)
_RULES = "below-the-line-rules"


@dataclass(frozen=True, slots=True)
class Caller:
    """A site that proved itself by a key. Rows are detached: read them, never change them."""

    site: Site
    key: SiteKey


def allow(app: Flask, rules: Mapping[str, str]) -> None:
    """State who may use which route.

    :param rules: endpoint as Flask names it, ``"api.create_comment"`` -> a scope of site keys, OPEN or OWN.
    """
    for rule in rules.values():
        if rule not in (*SCOPES, OPEN, OWN):
            raise ValueError(f"no such rule: {rule}")
    rules_of(app).update(rules)


def rules_of(app: Flask) -> dict[str, str]:
    found: dict[str, str] = app.extensions.setdefault(_RULES, {"static": OPEN})
    return found


def check() -> None:
    """Before every request: let it pass or raise.

    Afterwards ``g.site`` and ``g.key`` are the caller's.

    :raises Unauthorized: no key, or one that is not known (any more).
    :raises Forbidden: the key lacks the scope, or the route has no rule.
    """
    if request.endpoint is None:
        return  # no such address: the answer is 404 for everyone
    rule = rules_of(current_app).get(request.endpoint)
    if rule in (OPEN, OWN):
        return
    if rule is None:
        raise Forbidden("a rule for this address")
    caller = bearer()
    if rule not in caller.key.scopes:
        raise Forbidden(rule)
    g.site, g.key = caller.site, caller.key


def bearer() -> Caller:
    """The site behind the Authorization header.

    :raises Unauthorized: with a hint how to ask.
    """
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise _refusal("Send a site key as “Authorization: Bearer btl_…”.")
    caller = caller_of(authorization.token)
    if caller is None:
        limits.check("wrong-keys", limits.caller_hash(), limits.DEFAULTS["wrong_keys_per_ip"])
        raise _refusal("This key is not known, was revoked, or is out of date.")
    return caller


def caller_of(secret: str, *kinds: str) -> Caller | None:
    """The site that a key speaks for; other doors (compatible endpoints) ask here too.

    :param kinds: which kinds of key will do; by default a site's own only. A publishable key stands in
        pages for all to read, so it opens nothing but the calls made for it.
    """
    kinds = kinds or ("site",)
    cache = _cache()
    at = (key_digest(secret), *kinds)
    found = cache.get(at)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    # utf-8 with surrogates refused, and no NUL: PostgreSQL takes neither, and no key of ours has them.
    if not secret.isascii() or not secret.isprintable():
        return None
    now = utcnow()
    with database().reading() as session:
        pair = key_of(session, secret, kinds=kinds, now=now)
        if pair is None:
            return None
        session.expunge_all()
    caller = Caller(site=pair[1], key=pair[0])
    if len(cache) >= _MOST_CACHED:
        cache.clear()
    cache[at] = (time.monotonic() + CACHE_SECONDS, caller)
    last = caller.key.last_used_at
    if last is None or now - last >= _USED_EVERY:
        _note_use(caller.key.id)
    return caller


def _cache() -> dict[tuple[str, ...], tuple[float, Caller]]:
    found: dict[tuple[str, ...], tuple[float, Caller]] = current_app.extensions.setdefault(
        "below-the-line-callers", {}
    )
    return found


def _note_use(key_id: str) -> None:
    """When a key was last used, to the minute; nobody's request waits for that."""
    kept, now = database(), utcnow()

    def write() -> None:
        with kept.writing() as session:
            session.execute(update(SiteKey).where(SiteKey.id == key_id).values(last_used_at=now))

    aside().later(write)


def _refusal(detail: str) -> Unauthorized:
    return Unauthorized(detail, www_authenticate=WWWAuthenticate("bearer", {"realm": "below-the-line"}))

"""Take a comment in over any web address: one transaction, then the nudge.

This is the path that must be quick and must never lose anything: what it answers is committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from flask import g
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.exceptions import TooManyRequests

from moderation import jobs, lifecycle
from moderation.errors import AlreadyReceived, Fault, InFlight, Invalid, Refused
from moderation.intake import clean, clean_line
from moderation.store import comment_by_external_id, comment_of
from moderation.tables import Comment, Revision, Site
from moderation.vault import Vault
from service import form_token, idempotency, limits
from service.door import database, nudge, settings, utcnow, vault
from service.metrics import COMMENTS
from service.reading import load
from service.schemas import CommentIn, limits_of

COMMENT = CommentIn()

_counted = cache(COMMENTS.labels)
#: What stood in the way can be gone a moment later (rolled back, forgotten): try again, but not for ever.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Accepted:
    """:param is_new: False for a repetition, which changes nothing."""

    comment: Comment
    is_new: bool


def accept(fields: dict[str, Any], *, key: str | None = None, way: str = "api") -> Accepted:
    """Accept a checked comment of the site in ``g.site``.

    :param fields: as service.schemas.CommentIn loads them.
    :param key: the request's Idempotency-Key.
    :param way: how it came, kept with the comment.
    :raises AlreadyReceived: its external id was sent before with another text.
    """
    site: Site = g.site
    keeper, now = vault(), utcnow()
    check_limits(site, fields)
    limits.check("email", keeper.email_hash(fields["email"])[:32], limits.limit_of(site, "per_email"))
    digest = idempotency.digest_of(fields, keeper) if key is not None else ""
    ready = prepared(fields, site, way=way, now=now)
    for _ in range(_TRIES):
        try:
            if key is None:
                with database().at_once() as connection:
                    comment = lifecycle.receive(connection, site_id=site.id, vault=keeper, now=now, **ready)
            else:
                with database().writing() as session:
                    comment = lifecycle.receive(session, site_id=site.id, vault=keeper, now=now, **ready)
                    idempotency.remember(
                        session, site_id=site.id, key=key, digest=digest, comment_id=comment.id, now=now
                    )
        except (AlreadyReceived, IntegrityError):
            found = _earlier(site, fields, key=key, digest=digest, keeper=keeper, now=now)
            if found is not None:
                return Accepted(found, is_new=False)
        else:
            nudge(jobs.SCORE)
            _counted(way).inc()
            return Accepted(comment, is_new=True)
    raise InFlight


def accept_all(documents: Sequence[Any], *, way: str = "batch") -> list[Accepted | Exception]:
    """Accept many comments of the site in ``g.site`` in one transaction, each for itself.

    :param documents: as they were sent.
    :return: for each in order what became of it, or why it was refused.
    """
    site, keeper, now = g.site, vault(), utcnow()
    results: list[Accepted | Exception] = []
    with database().writing() as session:
        for document in documents:
            try:
                fields = load(COMMENT, document)
                check_limits(site, fields)
                hashed = keeper.email_hash(fields["email"])[:32]
                limits.check("email", hashed, limits.limit_of(site, "per_email"))
                results.append(_received(session, site, fields, way=way, keeper=keeper, now=now))
            except (Refused, TooManyRequests) as refusal:
                results.append(refusal)
    count = sum(isinstance(result, Accepted) and result.is_new for result in results)
    if count:
        nudge(jobs.SCORE)
        _counted(way).inc(count)
    return results


def _received(
    session: Session, site: Site, fields: dict[str, Any], *, way: str, keeper: Vault, now: datetime
) -> Accepted:
    """Receive one of many, so that a repetition takes none of the others down with it."""
    ready = prepared(fields, site, way=way, now=now)
    external_id = fields.get("external_id")
    earlier = comment_by_external_id(session, site.id, external_id) if external_id else None
    if earlier is None:
        try:
            with session.begin_nested() if external_id else nullcontext():
                comment = lifecycle.receive(session, site_id=site.id, vault=keeper, now=now, **ready)
            return Accepted(comment, is_new=True)
        except AlreadyReceived:  # by another request, between the question and the answer
            earlier = comment_by_external_id(session, site.id, external_id or "")
    if earlier is None or not _is_same(session, earlier, fields, keeper):
        raise AlreadyReceived(external_id or "")
    return Accepted(earlier, is_new=False)


def check_limits(site: Site, fields: dict[str, Any]) -> None:
    """The site's own limits, where they are narrower than everyone's.

    :raises Invalid: with every fault.
    """
    longest_body, longest_name = limits_of(site.options)
    faults = [
        Fault(f"/{name}", f"Has {len(fields[name])} characters; this site takes at most {most}.")
        for name, most in (("name", longest_name), ("body", longest_body))
        if len(fields[name]) > most
    ]
    if faults:
        raise Invalid(faults)


def prepared(fields: dict[str, Any], site: Site, *, way: str, now: datetime) -> dict[str, Any]:
    """The schema's fields as lifecycle.receive takes them: the form's tell-tales become context."""
    ready = dict(fields)
    context: dict[str, Any] = {"way": way}
    if honeypot := ready.pop("honeypot", ""):
        context["honeypot"] = honeypot
    token = ready.pop("form_token", None)
    if token is not None:
        seconds = form_token.seconds_since(settings().secret_key, site.id, token, now)
        context |= {"form_token_faulty": True} if seconds is None else {"form_seconds": seconds}
    elif site.options.get("form_token_required"):
        context["form_token_faulty"] = True
    # Nobody writes in the future; a clock that is wrong must not order the comment before all others.
    if "submitted_at" in ready:
        ready["submitted_at"] = min(ready["submitted_at"], now)
    return {**ready, "context": context}


def _earlier(
    site: Site, fields: dict[str, Any], *, key: str | None, digest: str, keeper: Vault, now: datetime
) -> Comment | None:
    """The comment that stands in the way of a second one; None when the way is free again.

    :raises KeyReused: the Idempotency-Key was for another request.
    :raises AlreadyReceived: the external id was for another text.
    """
    with database().writing() as session:
        if key is not None:
            before = idempotency.answered(session, site_id=site.id, key=key, digest=digest, now=now)
            if before is not None:
                return comment_of(session, site.id, before.comment_id)
        external_id = fields.get("external_id")
        comment = comment_by_external_id(session, site.id, external_id) if external_id else None
        if comment is not None and not _is_same(session, comment, fields, keeper):
            raise AlreadyReceived(comment.external_id or "")
        return comment


def _is_same(session: Session, comment: Comment, fields: dict[str, Any], keeper: Vault) -> bool:
    """Whether it is the very comment as it was first received."""
    first = session.get(Revision, (comment.id, 1)) if comment.revision > 1 else comment
    return (
        first is not None
        and first.body == clean(fields["body"])[0]
        and first.name == clean_line(fields["name"])[0]
        and comment.email_hash == keeper.email_hash(fields["email"])
    )

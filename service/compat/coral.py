"""Coral's external moderation phase, and Coral's webhooks as labels.

Coral waits 200 ms and publishes when the answer is late or strange, so every answer is small and exactly in
its words. It signs the raw bytes with a secret of its own (Coral shows it once; ``btl keys issue --kind coral
--ask-secret`` keeps it encrypted); which site speaks follows from whose secret fits.

A label needs a text and a person's word. The phase has the text and no comment's id, the event of the
queue an id and no text: they meet by the story, and only where a single comment can be meant.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.intake import is_blank
from moderation.labels import learn
from moderation.reason_codes import OF_MACHINE
from moderation.signals import Subject
from moderation.tables import ForeignCall, Site, SiteKey
from moderation.verdict import Reason
from service.auth import Caller
from service.compat import audit, quota, scoring
from service.compat.akismet import SPAM_REASONS
from service.door import database, utcnow, vault
from service.problems import Problem

bp = Blueprint("coral", __name__)
PREFIXES = ("/coral",)
CACHE_SECONDS = 5.0
#: Between the phase's answer and the event that the comment entered or left a queue.
MEETING_DAYS = 30
_TRUSTED = frozenset(("STAFF", "MODERATOR", "ADMIN"))
_TOXIC = frozenset(["toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"])
_SECRETS = "below-the-line-coral-secrets"


class NotAnswered(Exception):
    """A call that is refused; Coral goes on without us."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@bp.post("/coral/moderation")
def moderate() -> Response:
    """An opinion on a comment that Coral is about to publish."""
    caller = _signed()
    now = utcnow()
    quota.spend(caller, now)
    document = _document()
    comment, author, story = (_object(document, name) for name in ("comment", "author", "story"))
    body = comment.get("body")
    if not isinstance(body, str) and body is not None:
        raise NotAnswered(400, "INVALID_REQUEST", "comment.body must be a string.")
    words = scoring.words_of(body or "")
    if _word(author, "role") in _TRUSTED or is_blank(words):
        return _no_opinion()
    story_id, author_id = _word(story, "id"), _word(author, "id")
    text = scoring.text_of(words, language=caller.site.language)
    found = scoring.judged(caller.site, text, Subject(body=text.body, article=story_id), now)
    outcome = found.verdict.outcome
    call = audit.Call(
        caller.site,
        caller.key,
        "coral",
        "moderation",
        now,
        text_hash=vault().text_hash(text.body),
        model=found.model,
        scores={name: round(score, 6) for name, score in found.scored.scores.items()},
        answer=outcome,
    )
    if outcome != "approve":
        # a moderator will see it: kept until their word comes
        call.more = {"story": story_id, "author": author_id, "text": text.body.replace("\x00", "")}
    audit.keep(call)
    if outcome == "approve":
        return _no_opinion()
    return _json(_answer(outcome, [r for r in found.verdict.reasons if r.verdict in ("hold", "reject")]))


def _answer(outcome: str, reasons: list[Reason]) -> dict[str, Any]:
    """In Coral's words; one value that it does not know and it drops the whole answer."""
    flags = []
    if any(reason.name in _TOXIC for reason in reasons):
        flags.append("COMMENT_DETECTED_TOXIC")
    if any(reason.name in SPAM_REASONS for reason in reasons):
        flags.append("COMMENT_DETECTED_SPAM")
    answer: dict[str, Any] = {}
    if flags:
        answer["actions"] = [{"actionType": "FLAG", "reason": flag} for flag in flags]
    if outcome == "hold":
        return {"status": "PREMOD", **answer}
    deciding = [reason for reason in reasons if reason.verdict == "reject"]
    code = next((OF_MACHINE[r.name] for r in deciding if r.name in OF_MACHINE), "OTHER")
    rejection: dict[str, Any] = {"code": code}
    if code == "OTHER" and deciding:
        rejection["customReason"] = deciding[0].name
    return {
        "status": "REJECTED",
        **answer,
        "moderationAction": {"status": "REJECTED", "rejectionReason": rejection},
    }


@bp.post("/coral/events")
def receive_event() -> Response:
    """What Coral's people decided, from its webhooks."""
    caller = _signed()
    now = utcnow()
    quota.spend(caller, now)
    document = _document()
    kind, data = _word(document, "type"), _object(document, "data")
    if kind in ("COMMENT_ENTERED_MODERATION_QUEUE", "COMMENT_LEFT_MODERATION_QUEUE"):
        with database().writing() as session:
            met = _meet(session, caller.site, data, now)
            value = _VALUES.get(_word(data, "status"))
            if met is not None and value is not None and kind == "COMMENT_LEFT_MODERATION_QUEUE":
                _learn(session, caller, met, value, now)
    return _no_opinion()


_VALUES = {"APPROVED": 0.0, "REJECTED": 1.0}


def _meet(session: Session, site: Site, data: dict[str, Any], now: datetime) -> ForeignCall | None:
    """The call of the phase that a queue's event is about, or None where it is not certain."""
    comment_id, story = _word(data, "commentID"), _word(data, "storyID")
    if not comment_id:
        return None
    waiting = select(ForeignCall).where(ForeignCall.site_id == site.id, ForeignCall.protocol == "coral")
    known = session.scalar(waiting.where(ForeignCall.external_id == comment_id))
    if known is not None:
        return known
    if not story:
        return None
    alone = session.scalars(
        waiting.where(
            ForeignCall.story == story,
            ForeignCall.external_id.is_(None),
            ForeignCall.text.is_not(None),
            ForeignCall.created_at > now - timedelta(days=MEETING_DAYS),
        ).limit(2)
    ).all()
    if len(alone) != 1:
        return None
    alone[0].external_id = comment_id
    return alone[0]


def _learn(session: Session, caller: Caller, call: ForeignCall, value: float, now: datetime) -> None:
    if call.text is None:
        return
    learn(
        session,
        vault(),
        site=caller.site,
        origin="coral",
        attribute="likely_to_reject",
        value=value,
        text=call.text,
        key_id=caller.key.id,
        now=now,
    )
    call.text = None  # the label holds it now


# -- who asks --------------------------------------------------------------------------------------------


def _signed() -> Caller:
    """The site whose secret signed these bytes."""
    body = request.get_data(cache=True)
    header = request.headers.get("X-Coral-Signature", "")
    given = [part.strip()[7:].lower() for part in header.split(",")[:10] if part.strip()[:7] == "sha256="]
    if not given:
        raise NotAnswered(401, "SIGNATURE_MISSING", "Sign the body: X-Coral-Signature: sha256=<hex>.")
    for caller, secret in _secrets():
        expected = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        if any(hmac.compare_digest(expected, one.encode("utf-8", "replace")) for one in given):
            g.site, g.key = caller.site, caller.key
            return caller
    raise NotAnswered(401, "SIGNATURE_INVALID", "No secret of a site here made this signature.")


def _secrets() -> list[tuple[Caller, bytes]]:
    """Every Coral secret in force; the prefix is part of it, nothing is decoded."""
    until, found = current_app.extensions.get(_SECRETS, (0.0, []))
    if until > time.monotonic():
        return list(found)
    now = utcnow()
    with database().reading() as session:
        rows = session.execute(
            select(SiteKey, Site)
            .join(Site, Site.id == SiteKey.site_id)
            .where(SiteKey.kind == "coral", SiteKey.revoked_at.is_(None))
        )
        found = [
            (Caller(site=site, key=key), vault().decrypt(key.secret_encrypted or "").encode())
            for key, site in rows
            if key.expires_at is None or key.expires_at > now
        ]
        session.expunge_all()
    current_app.extensions[_SECRETS] = (time.monotonic() + CACHE_SECONDS, found)
    return list(found)


def _document() -> dict[str, Any]:
    try:
        document = json.loads(request.get_data(cache=True).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotAnswered(400, "INVALID_REQUEST", "The body is not JSON in UTF-8.") from error
    if not isinstance(document, dict):
        raise NotAnswered(400, "INVALID_REQUEST", "The body must be a JSON object.")
    return document


def _object(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise NotAnswered(400, "INVALID_REQUEST", f"{name} must be an object.")
    return found


def _word(of: dict[str, Any], name: str) -> str:
    value = of.get(name)
    return scoring.readable(value).replace("\x00", "")[:255] if isinstance(value, str) else ""


# -- what is answered ------------------------------------------------------------------------------------


def _no_opinion() -> Response:
    return Response(status=204, headers={"Cache-Control": "no-store"})


def _json(document: Any, status: int = 200) -> Response:
    response = Response(json.dumps(document), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.errorhandler(NotAnswered)
def not_answered(error: NotAnswered) -> Response:
    return _json({"error": {"code": error.code, "message": str(error)}}, error.status)


@bp.errorhandler(quota.QuotaUsedUp)
def used_up(error: quota.QuotaUsedUp) -> Response:
    response = _json({"error": {"code": "QUOTA_EXCEEDED", "message": str(error)}}, 429)
    response.headers["Retry-After"] = str(error.retry_seconds)
    return response


def page(problem: Problem) -> Response:
    """Everything else that goes wrong below these addresses, in the same form."""
    code = problem.slug.upper().replace("-", "_")
    response = _json({"error": {"code": code, "message": problem.detail}}, problem.status)
    response.headers.update({k: v for k, v in problem.headers if k.lower() != "content-length"})
    return response

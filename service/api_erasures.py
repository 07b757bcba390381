"""Erase a person on a site (GDPR Article 17)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, jsonify

from moderation import erasure, jobs
from moderation.errors import Fault, Invalid
from service.door import aside, database, nudge, utcnow, vault
from service.reading import Blueprint
from service.schemas import ErasureIn
from service.schemas_out import ErasureOut

bp = Blueprint("erasures", __name__, url_prefix="/v1", description="Erase a person")
RULES = {"erasures.erase_person": "manage"}


@bp.post("/erasures")
@bp.arguments(ErasureIn(), location="json")
@bp.response(200, ErasureOut)
def erase_person(fields: dict[str, Any]) -> Response:
    """Erase a person: what they wrote, who they were, and what was sent about it

    Whom: by `email`, by the site's own `author_id`, or both. It cannot be undone. The site gets
    `comment.erased` for each comment; that something was decided stays in the log, without them.
    """
    email, author_id = fields.get("email"), fields.get("author_id")
    if email is None and author_id is None:
        raise Invalid([Fault("/email", "Say whom: email or author_id.")])
    with database().writing() as session:
        erased = erasure.erase_person(
            session,
            site_id=g.site.id,
            email_hash=vault().email_hash(email) if email is not None else None,
            author_id=author_id,
            by_kind="site",
            by_id=g.key.id,
            now=utcnow(),
        )
    nudge(jobs.DELIVER)
    engine = database().engine
    aside().later(lambda: erasure.sweep_bytes(engine))
    return jsonify({"erased": erased.counts})


def register(app: Flask) -> None:
    from service import auth
    from service.openapi import api_of

    auth.allow(app, RULES)
    api_of(app).register_blueprint(bp)

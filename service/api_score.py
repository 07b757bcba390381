"""Score a text without keeping it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Flask, Response, g, jsonify

from service.door import utcnow
from service.reading import Blueprint
from service.schemas import ScoreIn
from service.schemas_out import ScoreOut

bp = Blueprint("score", __name__, url_prefix="/v1", description="Scores without keeping anything")
RULES = {"score.score_text": "submit"}


@bp.post("/score")
@bp.arguments(ScoreIn(), location="json")
@bp.response(200, ScoreOut)
def score_text(fields: dict[str, Any]) -> Response:
    """Score a text and say what the site's policy would do, without keeping it

    The author's history is not asked: there is no author here yet.
    """
    # The model is heavy: a process that never scores never loads it.
    from moderation.signals import Subject
    from service.compat import scoring

    text = scoring.text_of(
        fields["text"],
        name=fields["name"],
        email=fields["email"],
        url=fields["url"],
        language=fields["language"] or g.site.language,
    )
    subject = Subject(body=fields["text"], name=fields["name"], email=fields["email"])
    found = scoring.judged(g.site, text, subject, utcnow())
    return jsonify(
        {
            "scores": found.scored.scores,
            "verdict": found.verdict.outcome,
            "reasons": [asdict(reason) for reason in found.verdict.reasons],
            "model": found.scored.model,
            "language": found.scored.language,
            "language_supported": found.scored.language_supported,
        }
    )


def register(app: Flask) -> None:
    from service import auth
    from service.openapi import api_of

    auth.allow(app, RULES)
    api_of(app).register_blueprint(bp)

"""Why a comment was kept from readers, as its author may ask (DSA Article 17)."""

from __future__ import annotations

from flask import Flask, Response, g, jsonify
from marshmallow import fields

from moderation import statements
from moderation.store import comment_of
from service.door import database
from service.reading import Blueprint
from service.schemas_out import Out

bp = Blueprint("statements", __name__, url_prefix="/v1", description="Statements of reasons")
RULES = {"statements.read_statement": "read"}


class StatementOut(Out):
    comment = fields.String()
    external_id = fields.String(allow_none=True)
    decision = fields.String()
    decided_at = fields.DateTime()
    restriction = fields.Dict()
    facts = fields.Dict()
    automated_detection = fields.Boolean()
    automated_decision = fields.Boolean()
    ground = fields.String()
    model = fields.String(allow_none=True)
    policy = fields.String(allow_none=True)
    redress = fields.Dict()
    note = fields.String()
    text = fields.String()


@bp.get("/comments/<comment_id>/statement")
@bp.response(200, StatementOut)
def read_statement(comment_id: str) -> Response:
    """Read the statement of reasons for a comment that is held or rejected

    It says what was restricted, on which facts, whether software found it and whether software decided, on
    which ground, and how to appeal. `text` can be sent to the author as it is. 404: nothing restricts it.
    """
    with database().reading() as session:
        comment = comment_of(session, g.site.id, comment_id)
        decision = statements.restriction_of(session, comment)
        said = statements.statement_of(session, comment, decision, g.site)
    return jsonify(said)


def register(app: Flask) -> None:
    from service import auth
    from service.openapi import api_of

    auth.allow(app, RULES)
    api_of(app).register_blueprint(bp)

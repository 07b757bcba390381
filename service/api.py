"""JSON for sites: comments come in, are asked for, changed, complained about and decided."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, jsonify, request, url_for

from moderation import complaints, jobs, lifecycle
from moderation.errors import Fault, Invalid
from moderation.reason_codes import CODES, house_rules_of
from moderation.store import comment_of, comments_of
from service import accepting, idempotency, limits, shaping, waiting
from service.door import database, nudge, settings, utcnow, vault
from service.problems import document_of, problem_of
from service.reading import Blueprint, load, read_json_or_form
from service.schemas import AppealIn, BatchIn, CommentIn, DecisionIn, EditIn, ListQuery, ReportIn
from service.schemas_out import (
    AcceptedOut,
    AppealOut,
    BatchOut,
    CommentOut,
    PageOut,
    ReportOut,
    WholeCommentOut,
)

bp = Blueprint("comments", __name__, url_prefix="/v1", description="Comments and what becomes of them")
RULES = {
    "comments.create_comment": "submit",
    "comments.create_comments": "submit",
    "comments.list_comments": "read",
    "comments.read_comment": "read",
    "comments.edit_comment": "submit",
    "comments.withdraw_comment": "submit",
    "comments.report_comment": "submit",
    "comments.appeal_comment": "submit",
    "comments.decide_comment": "moderate",
    "comments.issue_form_token": "submit",
}
#: Five hundred comments of ten thousand characters, most of them of one byte.
BATCH_BYTES = 8_000_000
_ONCE = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[A-Za-z0-9._-]+$"},
    "description": "The same request with the same key is one comment.",
}
_COMMENT = {"required": True, "content": {"application/json": {"schema": CommentIn}}}
_WAIT = {
    "in": "query",
    "name": "wait",
    "schema": {"type": "integer", "minimum": 0, "maximum": waiting.LONGEST_SECONDS},
    "description": "Seconds to wait for the decision.",
}
_PREFER = {
    "in": "header",
    "name": "Prefer",
    "schema": {"type": "string", "pattern": "^wait=([0-9]|[12][0-9]|30)$"},
    "description": "wait=N: wait up to N seconds for the decision (RFC 7240).",
}


@bp.post("/comments")
@bp.doc(parameters=[_ONCE, _PREFER, _WAIT], requestBody=_COMMENT)
@bp.response(202, AcceptedOut, description="Kept; the decision comes by webhook")
@bp.alt_response(200, schema=CommentOut, description="Decided in time, or received before", success=True)
def create_comment() -> Response:
    """Take a comment in and promise a decision by webhook

    With `Prefer: wait=N` or `?wait=N` the answer is the decided comment (200) if there is one in time.
    An `Idempotency-Key` makes repetition safe for 24 hours, an `external_id` for ever.
    """
    seconds, key = waiting.seconds_asked(), idempotency.key_sent()
    taken = accepting.accept(load(accepting.COMMENT, read_json_or_form()), key=key)
    comment = taken.comment
    if seconds and waiting.is_judged_in(database(), comment.id, comment.revision, seconds):
        with database().reading() as session:
            response = jsonify(shaping.comment(comment_of(session, g.site.id, comment.id)))
        response.headers["Preference-Applied"] = f"wait={seconds}"
    elif taken.is_new or key is not None:
        # A repeated request gets the first one's answer, whatever became of the comment since.
        response = jsonify(shaping.accepted(comment, status="pending"))
        response.status_code = 202
    else:
        response = jsonify(shaping.comment(comment))
    response.headers["Location"] = f"{request.script_root}/v1/comments/{comment.id}"
    return response


@bp.post("/comments/batch")
@bp.arguments(BatchIn(), location="json")
@bp.response(200, BatchOut)
def create_comments(fields: dict[str, Any]) -> Response:
    """Take up to 500 comments in, each for itself

    One result for each, in order. What is at fault is refused alone; the others are kept.
    """
    documents = fields["comments"]
    limits.check("key", g.key.id, limits.limit_of(g.site, "per_key"), amount=len(documents) - 1)
    results: list[dict[str, Any]] = []
    for index, result in enumerate(accepting.accept_all(documents)):
        if isinstance(result, Exception):
            problem = problem_of(result)
            results.append({"index": index, "status": problem.status, "problem": document_of(problem)})
        else:
            status = 202 if result.is_new else 200
            results.append({"index": index, "status": status, "comment": shaping.accepted(result.comment)})
    refused = sum("problem" in line for line in results)
    return jsonify({"accepted": len(results) - refused, "refused": refused, "results": results})


@bp.before_request
def take_more() -> None:
    """A batch may be larger than other requests."""
    if request.endpoint == "comments.create_comments":
        request.max_content_length = BATCH_BYTES


@bp.get("/comments")
@bp.arguments(ListQuery(), location="query")
@bp.response(200, PageOut)
def list_comments(query: dict[str, Any]) -> Response:
    """List the site's comments, newest first

    `next_cursor` leads to the next page; a deep page costs no more than the first.
    """
    limit = query["limit"]
    with database().reading() as session:
        rows = comments_of(
            session,
            g.site.id,
            status=query.get("status"),
            article=query.get("article"),
            external_id=query.get("external_id"),
            before=query.get("cursor"),
            limit=limit + 1,
        )
    more = len(rows) > limit
    cursor = rows[limit - 1].id if more else None
    response = jsonify({"comments": [shaping.comment(row) for row in rows[:limit]], "next_cursor": cursor})
    if cursor is not None:
        again = {**{name: value for name, value in query.items() if value is not None}, "cursor": cursor}
        response.headers["Link"] = f'<{url_for("comments.list_comments", **again)}>; rel="next"'
    return response


@bp.get("/comments/<comment_id>")
@bp.response(200, WholeCommentOut)
def read_comment(comment_id: str) -> Response:
    """Read one comment: status, scores, signals, reasons, decisions, deliveries"""
    with database().reading() as session:
        return jsonify(shaping.whole_comment(session, comment_of(session, g.site.id, comment_id)))


@bp.put("/comments/<comment_id>")
@bp.doc(parameters=[_PREFER, _WAIT])
@bp.arguments(EditIn(), location="json")
@bp.response(202, CommentOut, description="Kept as a new revision, to be judged again")
@bp.alt_response(200, schema=CommentOut, description="Judged in time", success=True)
def edit_comment(fields: dict[str, Any], comment_id: str) -> Response:
    """Send a new revision

    What readers see stays until the new verdict; held or rejected, it comes down.
    """
    seconds = waiting.seconds_asked()
    accepting.check_limits(g.site, {"name": "", **fields})
    with database().writing() as session:
        comment = comment_of(session, g.site.id, comment_id, lock=True)
        lifecycle.edit(session, comment, body=fields["body"], name=fields.get("name"), now=utcnow())
    nudge(jobs.SCORE)
    in_time = bool(seconds) and waiting.is_judged_in(database(), comment.id, comment.revision, seconds)
    if in_time:
        with database().reading() as session:
            comment = comment_of(session, g.site.id, comment_id)
    response = jsonify(shaping.comment(comment))
    response.status_code = 200 if in_time else 202
    if in_time:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


@bp.delete("/comments/<comment_id>")
@bp.response(204, description="Withdrawn")
def withdraw_comment(comment_id: str) -> Response:
    """Withdraw a comment: its author or the site takes it back

    Withdrawing it again changes nothing. To remove a person's data, see erasures.
    """
    with database().writing() as session:
        comment = comment_of(session, g.site.id, comment_id, lock=True)
        if comment.status != "withdrawn":
            lifecycle.withdraw(session, comment, by_kind="site", by_id=g.key.id, now=utcnow())
    nudge(jobs.DELIVER)
    return Response(status=204)


@bp.post("/comments/<comment_id>/reports")
@bp.arguments(ReportIn(), location="json")
@bp.response(201, ReportOut)
def report_comment(fields: dict[str, Any], comment_id: str) -> Response:
    """Pass on a reader's complaint

    With `illegal` it is a notice under Article 16 of the Digital Services Act.
    """
    reporter = fields.get("reporter") or {}
    keeper, email = vault(), reporter.get("email", "")
    whose = keeper.email_hash(email) if email else None
    if whose is None and "id" in reporter:
        whose = keeper.token_hash(f"reporter:{g.site.id}:{reporter['id']}")
    with database().writing() as session:
        row = complaints.report(
            session,
            comment_of(session, g.site.id, comment_id, lock=True),
            now=utcnow(),
            reason=fields["reason"],
            text=fields["text"],
            illegal=fields["illegal"],
            reporter_hash=whose,
            reporter_email_encrypted=keeper.encrypt(email) or None,
        )
        document = shaping.report(row)
    return _created(document)


@bp.post("/comments/<comment_id>/appeals")
@bp.arguments(AppealIn(), location="json")
@bp.response(201, AppealOut)
def appeal_comment(fields: dict[str, Any], comment_id: str) -> Response:
    """Ask for a second look on behalf of the author, within six months"""
    with database().writing() as session:
        comment = comment_of(session, g.site.id, comment_id, lock=True)
        document = shaping.appeal(complaints.appeal(session, comment, text=fields["text"], now=utcnow()))
    return _created(document)


@bp.post("/comments/<comment_id>/decisions")
@bp.arguments(DecisionIn(), location="json")
@bp.response(201, CommentOut)
def decide_comment(fields: dict[str, Any], comment_id: str) -> Response:
    """Decide: the site's or its moderator's own word, which outranks the machine's"""
    code = fields["reason_code"]
    if code and code not in (*CODES, *house_rules_of(g.site.options)):
        known = "Is no reason code and no house rule of this site (option `house_rules`)."
        raise Invalid([Fault("/reason_code", known)])
    with database().writing() as session:
        comment = comment_of(session, g.site.id, comment_id, lock=True)
        lifecycle.decide(
            session,
            comment,
            action=fields["action"],
            by_kind="site",
            by_id=g.key.id,
            now=utcnow(),
            reason_code=code,
            note=fields["note"],
            expected=fields.get("expected"),
            undo_seconds=0,
        )
    nudge(jobs.DELIVER)
    return _created(shaping.comment(comment))


@bp.post("/form-token")
@bp.response(201, description="A token to put into a comment form")
def issue_form_token() -> Response:
    """Sign the moment in which a form is shown; it comes back in the comment's `form_token`"""
    from service import form_token

    return _created({"form_token": form_token.issue(settings().secret_key, g.site.id, utcnow())})


def _created(document: dict[str, Any]) -> Response:
    response = jsonify(document)
    response.status_code = 201
    return response


def register(app: Flask) -> None:
    from service import auth
    from service.openapi import api_of

    auth.allow(app, RULES)
    api_of(app).register_blueprint(bp)

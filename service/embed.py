"""Comments for sites without a server: one script, and two calls that pages make with a publishable key.

A publishable key stands in pages that anyone can read. It may hand comments in and read what is public
anyway, from pages of its own origins, and nothing else.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, g, jsonify, request, send_from_directory
from marshmallow import fields as kinds
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import Fault, Forbidden, Invalid, NotFound
from moderation.store import comment_of, published_text_of
from moderation.tables import Comment
from service import accepting, auth, form_token, idempotency, limits
from service.auth import OPEN, OWN
from service.door import database, settings, utcnow
from service.fields import Name
from service.reading import load, read_json
from service.schemas import CommentIn, In
from service.shaping import time_of

bp = Blueprint("embed", __name__)
RULES = {"embed.script": OPEN, "embed.list_comments": OWN, "embed.post_comment": OWN}
PAGE = 50
#: A busy article is asked for by every reader: seconds for which an answer may be kept on the way.
FRESH_SECONDS = 10
READS_PER_WRITE = 20
_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key",
    "Access-Control-Expose-Headers": "Retry-After",
    "Access-Control-Max-Age": "7200",
}
#: What a page may say. Its reader's address and browser are seen, not told; nobody is vouched for.
COMMENT = CommentIn(only=("name", "email", "body", "article", "parent", "language", "honeypot", "form_token"))


class EmbedQuery(In):
    """The query of both calls."""

    key = kinds.String(required=True)
    article = Name(most=255, required=True)
    cursor = Name(most=26)


@bp.get("/embed.js")
def script() -> Response:
    """The form and the list of comments, for pages elsewhere."""
    response = send_from_directory(f"{bp.root_path}/static", "embed.js", max_age=3600)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@bp.before_request
def know_the_page() -> None:
    """:raises Forbidden: for a page of another origin than the key's."""
    if request.endpoint == "embed.script":
        return
    caller = auth.caller_of(request.args.get("key", ""), "publishable")
    if caller is None:
        limits.check("wrong-keys", limits.caller_hash(), limits.DEFAULTS["wrong_keys_per_ip"])
        raise Forbidden("a publishable key that is known and current")
    origin = request.headers.get("Origin")
    # Browsers name the origin of every cross-origin request; what is public may be read without one.
    if origin not in caller.key.origins and (origin is not None or request.method == "POST"):
        raise Forbidden("a page of one of the key's origins")
    g.site, g.embedded_in = caller.site, origin
    most = limits.limit_of(g.site, "per_ip")
    if request.method == "POST":
        limits.check("address", limits.caller_hash(), most)
    elif request.method == "GET":
        # A whole school may read behind one address.
        limits.check("address-reads", limits.caller_hash(), most * READS_PER_WRITE)


@bp.after_request
def let_the_page_read(response: Response) -> Response:
    """CORS for the key's own origins; for others the browser keeps the answer to itself."""
    if request.endpoint != "embed.script":
        response.vary.add("Origin")
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if g.get("embedded_in"):
        response.headers["Access-Control-Allow-Origin"] = g.embedded_in
        response.headers.update(_ALLOWED)
    return response


@bp.get("/embed/comments")
def list_comments() -> Response:
    """An article's published comments, newest first, 50 a page, and a token for the form."""
    query = load(EmbedQuery(), request.args.to_dict())
    with database().reading() as session:
        rows = _published(session, g.site.id, query["article"], before=query.get("cursor"))
        parents = _ids_of_parents(session, g.site.id, rows[:PAGE])
        comments = [_shown(session, row, parents) for row in rows[:PAGE]]
    response = jsonify(
        {
            "comments": comments,
            "next_cursor": rows[PAGE - 1].id if len(rows) > PAGE else None,
            "form_token": form_token.issue(settings().secret_key, g.site.id, utcnow()),
        }
    )
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    return response


@bp.post("/embed/comments")
def post_comment() -> tuple[Response, int]:
    """Take a comment in from a page; it appears in the list once it is approved."""
    query = load(EmbedQuery(), request.args.to_dict())
    fields = load(COMMENT, read_json())
    fields.setdefault("article", {})["id"] = query["article"]
    _check_page(fields["article"])
    if parent := fields.get("parent"):
        fields["parent"] = _answered(parent.get("id", ""), query["article"])
    fields |= {"ip": request.remote_addr, "user_agent": request.user_agent.string[:2000]}
    key = idempotency.key_sent()
    taken = accepting.accept(fields, key=f"embed:{key}"[:255] if key else None, way="embed")
    return jsonify({"id": taken.comment.id, "status": "pending"}), 202


def _check_page(article: dict[str, Any]) -> None:
    """An address elsewhere would lead moderators from the desk to wherever a stranger likes."""
    url = urlsplit(article.get("url", ""))
    if article.get("url") and f"{url.scheme}://{url.netloc}" != g.embedded_in:
        raise Invalid([Fault("/article/url", "Must be a page of the origin that the form stands on.")])


def _answered(comment_id: str, article: str) -> dict[str, str]:
    with database().reading() as session:
        try:
            comment = comment_of(session, g.site.id, comment_id)
        except NotFound:
            comment = None
        text = published_text_of(session, comment) if comment is not None else None
        if comment is None or text is None or comment.article_id != article:
            raise Invalid([Fault("/parent/id", "There is no such comment any more.")])
        return {"id": comment.id, "body": text[1]}


def _published(session: Session, site_id: str, article: str, before: str | None) -> list[Comment]:
    query = select(Comment).where(
        Comment.site_id == site_id, Comment.article_id == article, Comment.published_revision.is_not(None)
    )
    if before is not None:
        query = query.where(Comment.id < before)
    return list(session.scalars(query.order_by(Comment.id.desc()).limit(PAGE + 1)))


def _ids_of_parents(session: Session, site_id: str, rows: list[Comment]) -> dict[str, str]:
    """A site's server names a parent by its own id; pages know ours."""
    named = {row.parent_id for row in rows if row.parent_id}
    found = session.execute(
        select(Comment.external_id, Comment.id).where(
            Comment.site_id == site_id, Comment.external_id.in_(named)
        )
    )
    return {external_id: comment_id for external_id, comment_id in found if external_id}


def _shown(session: Session, row: Comment, parents: dict[str, str]) -> dict[str, Any]:
    name, body = published_text_of(session, row) or ("", "")
    return {
        "id": row.id,
        "parent": parents.get(row.parent_id, row.parent_id) or None,
        "name": name,
        "body": body,
        "submitted_at": time_of(row.submitted_at),
        "edited": (row.published_revision or 1) > 1,
    }


def register(app: Flask) -> None:
    auth.allow(app, RULES)
    app.register_blueprint(bp)

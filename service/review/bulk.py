"""Acts on many: what is selected in the list, and everything that is like one comment."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from moderation import acts, jobs, queue
from moderation.errors import Fault, Invalid, NotFound
from moderation.queue import Question
from moderation.tables import Comment
from service.door import nudge
from service.review.acts import answer_with_next, said_of
from service.review.desk import bp, database, demand, is_htmx, me, rights, utcnow
from service.review.queue import asked_of, question_asked, take_next, whole_page

_ACTS = {"approve": "approved", "reject": "rejected", "spam": "rejected"}
_SHOWN = 6


@bp.post("/bulk")
def bulk() -> AnyResponse:
    """One act on the comments that are selected."""
    question, ids = question_asked(request.args.get("view", "held")), request.form.getlist("ids")
    if not ids:
        raise Invalid([Fault("/ids", _("Select a comment first."))])
    return _act_on(question, list(dict.fromkeys(ids)), request.form.get("action", ""))


@bp.get("/like/<any(author, cluster, domain):kind>/<comment_id>")
def like(kind: str, comment_id: str) -> str:
    """The dry run: how many wait that are like this one, and the first of them."""
    question = question_asked(request.args.get("view", "held"))
    context = _likes(kind, comment_id)
    if is_htmx():
        return render_template("desk/_like.html", question=question, asked=asked_of(question), **context)
    with database().reading() as db:
        page = queue.page_of(db, question, now=utcnow())
    return whole_page(question, None, page, is_reading=True, like=context)


@bp.post("/like/<any(author, cluster, domain):kind>/<comment_id>")
def act_on_likes(kind: str, comment_id: str) -> AnyResponse:
    """The same act on all of them, as many as the dry run found."""
    question = question_asked(request.args.get("view", "held"))
    return _act_on(question, _likes(kind, comment_id)["ids"], request.form.get("action", ""))


def _likes(kind: str, comment_id: str) -> dict[str, Any]:
    with database().reading() as db:
        found = db.get(Comment, comment_id)
        if found is None:
            raise NotFound("comment")
        demand("moderator", found.site_id)
        value = {
            "author": found.author_identity,
            "cluster": found.cluster or "none",
            # Not `domain`: that is a filter of the queue, and stands in the same address beside it.
            "domain": request.args.get("of", "")[:300] or "none",
        }[kind]
        asked = Question(view="held", site_ids=(found.site_id,), person_id=me().id, order="newest")
        asked = asked.like(**{kind: value})
        return {
            "kind": kind,
            "value": found.name if kind == "author" else value,
            "comment": found,
            "ids": queue.ids_of(db, asked, limit=acts.MOST_AT_ONCE),
            "likes": queue.page_of(db, asked, now=utcnow(), limit=_SHOWN).rows,
        }


def _act_on(question: Question, ids: list[str], action: str) -> AnyResponse:
    if action not in _ACTS:
        raise Invalid([Fault("/action", _("Approve, reject or spam."))])
    code = "SPAM" if action == "spam" else "OTHER" if action == "reject" else ""
    with database().writing() as db:
        done = acts.decide_all(
            db,
            ids,
            action,
            site_ids=rights().site_ids("moderator"),
            person_id=me().id,
            now=utcnow(),
            reason_code=code,
        )
    nudge(jobs.DELIVER)
    said = said_of(_ACTS[action], "SPAM" if action == "spam" else "")
    text = ngettext("%(said)s: %(num)s comment", "%(said)s: %(num)s comments", done.moved, said=said)
    if done.overtaken:
        text += " · " + ngettext(
            "%(num)s was not: decided before", "%(num)s were not: decided before", done.overtaken
        )
    following = take_next(question, after="")
    return answer_with_next(
        question, following, text=text, undo_at=done.at if done.moved else None, left=ids, fresh=True
    )

"""What a moderator does to one comment: decide, pass on, undo; and the answer that opens the next one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from moderation import acts, dossier, jobs, queue
from moderation.complaints import decide_appeal
from moderation.errors import Fault, Forbidden, Invalid, NotFound, Overtaken, TransitionRefused
from moderation.queue import Question
from moderation.tables import Comment, Site
from service.door import nudge
from service.review.desk import bp, database, demand, is_htmx, me, rights, utcnow
from service.review.queue import (
    asked_of,
    comment_context,
    list_context,
    question_asked,
    take_next,
)
from service.review.words import code_title, status_title

#: Acts that end a person's work on the comment: the next one opens.
_DECIDES = {"approve", "reject", "reject_for", "spam", "ban", "hold", "escalate", "keep"}


@bp.post("/comments/<comment_id>/decisions")
def act(comment_id: str) -> AnyResponse:
    """Carry an act out and open the next comment in the same answer."""
    question, form = question_asked(request.args.get("view", "held")), request.form
    action = form.get("action", "")
    undo_at, text, kind = None, "", "done"
    now = utcnow()
    try:
        with database().writing() as db:
            found = _actable(db, comment_id)
            if question.view == "second":
                text = _answer_blind(db, found, action, now)
            elif action in _DECIDES:
                text, undo_at = _decide(db, found, action, now)
            else:
                raise Invalid([Fault("/action", _("This act is not known."))])
    except (Overtaken, TransitionRefused) as refusal:
        kind, text = "error", _overtaken(refusal)
    if undo_at is not None:
        nudge(jobs.DELIVER)
    following = take_next(question, after=form.get("key", ""))
    return answer_with_next(question, following, text=text, kind=kind, undo_at=undo_at, left=[comment_id])


@bp.post("/comments/<comment_id>/appeal")
def answer_appeal(comment_id: str) -> AnyResponse:
    """Uphold or overturn; never by the person whose decision is appealed."""
    question, form, now = question_asked("appeals"), request.form, utcnow()
    kind = "done"
    try:
        with database().writing() as db:
            found = _actable(db, comment_id)
            file = dossier.dossier_of(db, found, person_id=me().id, now=now)
            if file.appeal is None:
                raise TransitionRefused(found.status, "answer")
            overturn = form.get("action") == "overturn"
            decide_appeal(
                db,
                file.appeal,
                found,
                overturn=overturn,
                by_id=me().id,
                answer=form.get("answer", ""),
                now=now,
            )
            text = (
                _("Appeal granted: the comment is approved.") if overturn else _("Appeal answered: upheld.")
            )
    except (Overtaken, TransitionRefused) as refusal:
        kind, text = "error", _overtaken(refusal)
    nudge(jobs.DELIVER)
    following = take_next(question, after=form.get("key", ""))
    return answer_with_next(question, following, text=text, kind=kind, left=[comment_id])


@bp.post("/comments/<comment_id>/author")
def author(comment_id: str) -> AnyResponse:
    """What touches the author and not the comment: trust, an end to trust or ban, a note."""
    question, form, now = question_asked(request.args.get("view", "held")), request.form, utcnow()
    with database().writing() as db:
        found = _actable(db, comment_id)
        match form.get("action"):
            case "trust":
                acts.set_trust(db, found, trusted=True, now=now)
                text = _("%(name)s is trusted from now on.", name=found.name)
            case "distrust":
                acts.set_trust(db, found, trusted=False, now=now)
                text = _("%(name)s is not trusted any more.", name=found.name)
            case "lift_ban":
                acts.lift_ban(db, found)
                text = _("The ban of %(name)s is lifted.", name=found.name)
            case "note":
                acts.add_note(db, found, form.get("text", ""), person_id=me().id, now=now)
                text = _("Note kept.")
            case _:
                raise Invalid([Fault("/action", _("This act is not known."))])
    return answer_with_next(question, comment_id, text=text)


@bp.post("/undo")
def undo() -> AnyResponse:
    """Take back what the person did at one moment, one comment or many."""
    question = question_asked(request.args.get("view", "held"))
    try:
        at = datetime.fromisoformat(request.form.get("at", ""))
    except ValueError:
        raise Invalid([Fault("/at", _("Nothing to take back."))]) from None
    with database().writing() as db:
        done = acts.undo(db, at, person_id=me().id, site_ids=rights().site_ids("moderator"), now=utcnow())
    nudge(jobs.DELIVER)
    if not done.moved:
        text = _("Not taken back: someone decided anew.")
        return answer_with_next(question, take_next(question, after=""), text=text, kind="error", fresh=True)
    text = _("Taken back.")
    if done.moved > 1 or done.overtaken:
        text = ngettext("%(num)s comment taken back.", "%(num)s comments taken back.", done.moved)
    back = request.form.get("comment", "") if done.moved == 1 else ""
    return answer_with_next(question, back or take_next(question, after=""), text=text, fresh=True)


def _actable(db: Session, comment_id: str) -> Comment:
    """The comment, locked, if the person may act on it.

    :raises NotFound: on a site that the person may not see. :raises Forbidden: too small a role.
    """
    found = db.get(Comment, comment_id, with_for_update=True)
    if found is None:
        raise NotFound("comment")
    demand("moderator", found.site_id)
    if found.escalated_at is not None and not rights().may("senior", found.site_id):
        raise Forbidden("senior")
    return found


def _decide(db: Session, found: Comment, action: str, now: datetime) -> tuple[str, datetime]:
    form = request.form
    if action == "escalate":
        acts.escalate(db, found, person_id=me().id, note=form.get("note", ""), now=now)
        return _("Passed on to senior moderators."), now
    if action == "keep":
        acts.keep(db, found, person_id=me().id, expected=form.get("expected"), now=now)
        return _("Kept; the reports are answered."), now
    code = form.get("reason", "") if action == "reject_for" else form.get("suggested", "")
    line = acts.decide(
        db,
        found,
        "reject" if action == "reject_for" else action,
        person_id=me().id,
        now=now,
        reason_code=_known_code(db, found, code),
        note=form.get("note", "")[:4000],
        expected=form.get("expected") or None,
        ban_days=int(form.get("ban_days", "7")) if form.get("ban_days", "7").isdigit() else 7,
    )
    if action == "ban":
        return _("Rejected, and %(name)s is banned.", name=found.name), now
    return said_of(line.new_status, line.reason_code), now


def said_of(status: str, code: str) -> str:
    """ "Rejected for insult": what was done, in words."""
    if status == "rejected" and code:
        return _("Rejected: %(reason)s", reason=code_title(code))
    return {"approved": _("Approved"), "rejected": _("Rejected"), "held": _("Held")}[status]


def _known_code(db: Session, found: Comment, code: str) -> str:
    """Coral's code or a house rule of the site; anything else is OTHER."""
    if code in dossier.CODES:
        return code
    return code if code in dossier.house_rules_of(db.get_one(Site, found.site_id)) else "OTHER"


def _answer_blind(db: Session, found: Comment, action: str, now: datetime) -> str:
    answer = "reject" if action in ("reject", "reject_for", "spam", "ban") else action
    kept = acts.answer_second_look(
        db, found.id, answer, person_id=me().id, site_ids=rights().site_ids("moderator"), now=now
    )
    if not kept:
        raise Overtaken("answered")
    return _("Second look kept. The comment stays where it is.")


def _overtaken(refusal: Overtaken | TransitionRefused) -> str:
    if isinstance(refusal, TransitionRefused) and refusal.status == "decided by you":
        return _("Not saved: you took the decision that is appealed. Someone else must answer.")
    return _("Not saved: someone else was faster, it is %(status)s now.", status=status_title(refusal.status))


def answer_with_next(
    question: Question,
    following: str | None,
    *,
    text: str,
    kind: str = "done",
    undo_at: datetime | None = None,
    left: list[str] | None = None,
    fresh: bool = False,
) -> AnyResponse:
    """The next comment, what left the list, the counts and the line that says what was done.

    :param left: comments to take out of the list.
    :param fresh: draw the list anew: rows came back.
    """
    told = {"text": text, "kind": kind, "at": undo_at.isoformat() if undo_at else ""}
    if undo_at and left and len(left) == 1:
        told["comment"] = left[0]
    asked = asked_of(question)
    if not is_htmx():
        session["told"] = told
        if following is None:
            return redirect(url_for("desk.view", view=question.view, **asked), 303)
        return redirect(url_for("desk.comment", comment_id=following, view=question.view, **asked), 303)
    with database().reading() as db:
        context: dict[str, Any] = {"told": told, "left": left or [], "fresh": fresh, "asked": asked}
        context["counts"] = queue.counts_of(db, question)
        context["question"] = question
        if fresh or question.view == "decided":
            context |= list_context(question, queue.page_of(db, question, now=utcnow()))
            context["fresh"] = True
        context["open"] = following is not None
        if following:
            context |= comment_context(db, question, following)
        else:
            context["last"] = dossier.last_decision(db, question.site_ids)
        response: Response = make_response(render_template("desk/_answer.html", **context))
    address = (
        url_for("desk.comment", comment_id=following, view=question.view, **asked)
        if following
        else url_for("desk.view", view=question.view, **asked)
    )
    response.headers["HX-Replace-Url"] = address
    return response

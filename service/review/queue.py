"""The queue's views, one comment at a glance, and the pulse that keeps pages fresh."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import redirect, render_template, request, session, url_for
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from moderation import dossier, leases, moves, policies, queue
from moderation.errors import NotFound
from moderation.queue import Question
from moderation.tables import Comment, Notice
from service.review.desk import bp, database, demand, is_htmx, me, rights, sites_asked, utcnow
from service.review.filters import choices_of, saved_by
from service.review.words import capped, fired

#: How far back a pulse looks for what others decided: several pulses, in case one is late.
_PULSE_LOOKS_BACK = timedelta(seconds=60)
#: A lease is renewed when less than this is left of it: two pulses of a page that has a stream.
_RENEW_SECONDS = 50
#: Views whose rows may leave without a decision on the comment.
_ANSWERED = ("appeals", "second")
_TRIES = 5


@bp.get("/")
def home() -> AnyResponse:
    return redirect(url_for("desk.view", view="held"), 302)


@bp.get(f"/<any({', '.join(queue.VIEWS)}):view>")
def view(view: str) -> str:
    """A view of the queue: its list, and the first comment that nobody else has open."""
    question, after = question_asked(view), request.args.get("after", "")
    if after:
        with database().reading() as db:
            page = queue.page_of(db, question, now=utcnow(), after=after)
        return render_template("desk/_rows.html", **list_context(question, page))
    with database().reading() as db:
        page = queue.page_of(db, question, now=utcnow())
    opened = None if request.args.get("list") else take_first(question, page)
    return whole_page(question, opened, page)


@bp.get("/comments/<comment_id>")
def comment(comment_id: str) -> str:
    """One comment, within the view that it was opened from."""
    question = question_asked(request.args.get("view", "held"))
    take(comment_id)
    if is_htmx():
        with database().reading() as db:
            return render_template("desk/_comment.html", **comment_context(db, question, comment_id))
    with database().reading() as db:
        page = queue.page_of(db, question, now=utcnow())
    return whole_page(question, comment_id, page, is_reading=True)


@bp.get("/pulse")
def pulse() -> str:
    """What changed since the page was drawn: rows that left, counts, who has what open."""
    question, now = question_asked(request.args.get("view", "held")), utcnow()
    opened, shown = request.args.get("open", ""), request.args.get("shown", "")
    with database().reading() as db:
        moved = set(moves.moved_since(db, now - _PULSE_LOOKS_BACK).values())
        places = moves.places_of(db, moved) if moved else {}
        gone = {
            one
            for one, (site_id, views) in places.items()
            if site_id in question.site_ids and question.view not in views
        }
        counts = queue.counts_of(db, question)
        found = db.get(Comment, opened) if opened else None
        busy = leases.busy_with_others(
            leases.open_now(db, now), person_id=question.person_id, site_ids=question.site_ids
        )
        page = None
        count = counts.get(question.view, 0)
        is_answered = question.view in _ANSWERED and shown != str(min(count, queue.PAGE))
        if (shown == "0" and count) or is_answered:
            page = queue.page_of(db, question, now=utcnow())
        last = dossier.last_decision(db, question.site_ids) if opened in moved else None
    if found is not None and _is_running_out(found, now):
        take(found.id)
    return render_template(
        "desk/_pulse.html",
        gone=sorted(gone - {opened}),
        counts=counts,
        busy=busy,
        overtaken=found if opened in gone else None,
        last=last,
        redraw=page is not None,
        **list_context(question, page or queue.Page()),
    )


def question_asked(view: str) -> Question:
    """What the address asks for, on the sites that the person may see."""
    if view not in queue.VIEWS:
        raise NotFound("view")
    _site, site_ids = sites_asked()
    return Question.asked(request.args, view=view, site_ids=site_ids, person_id=me().id)


def take(comment_id: str) -> bool:
    """Take the lease on a comment, and give back the one before."""
    with database().writing() as db:
        taken = leases.open_for(db, comment_id, me().id, utcnow())
        if taken:
            leases.let_go(db, me().id, but=comment_id)
    return taken


def take_first(question: Question, page: queue.Page) -> str | None:
    """The first comment of a page that nobody else has open, with its lease."""
    now = utcnow()
    for row in page.rows:
        if not leases.is_busy(row, me().id, now) and (not may_act(row.site_id) or take(row.id)):
            return str(row.id)
    return take_next(question, after="") if page.next_key else None


def take_next(question: Question, *, after: str) -> str | None:
    """Find the next comment and take its lease; two people who ask at once get two comments."""
    now = utcnow()
    for _try in range(_TRIES):
        with database().reading() as db:
            row = queue.next_of(db, question, after=after, now=now)
        if row is None:
            return None
        if not may_act(row.site_id) or take(row.id):
            return str(row.id)
    return None


def may_act(site_id: str) -> bool:
    return rights().may("moderator", site_id)


def whole_page(
    question: Question,
    opened: str | None,
    page: queue.Page,
    *,
    is_reading: bool = False,
    like: dict[str, Any] | None = None,
) -> str:
    """The desk: queues, list and the open comment.

    :param like: the dry run of an act on many, in place of a comment.
    """
    with database().reading() as db:
        context: dict[str, Any] = list_context(question, page)
        context |= choices_of(db, question)
        context["counts"] = queue.counts_of(db, question)
        context["saved"] = saved_by(db, me().id)
        context["notices"] = _notices(db, question)
        if question.is_filtered:
            context["found"] = _found(db, question, page)
        if not page.rows:
            context["last"] = dossier.last_decision(db, question.site_ids)
        context["open"] = opened is not None
        if opened:
            context |= comment_context(db, question, opened)
    return render_template(
        "desk/desk.html",
        is_reading=is_reading,
        told=session.pop("told", None),
        like=like,
        site_asked=request.args.get("site", ""),
        **context,
        **(like or {}),
    )


def list_context(question: Question, page: queue.Page) -> dict[str, Any]:
    return {
        "question": question,
        "rows": page.rows,
        "next_key": page.next_key,
        "looked_at": page.looked_at and page.looked_at + _looked_before(),
        "asked": asked_of(question),
        "now": utcnow(),
    }


def asked_of(question: Question) -> dict[str, Any]:
    """The parameters that bring a person back to where they are."""
    asked: dict[str, Any] = dict(question.args())
    site = request.args.get("site", "")
    return {**asked, "site": site} if site else asked


def comment_context(db: Session, question: Question, comment_id: str) -> dict[str, Any]:
    """:raises NotFound: no such comment on a site that the person may see."""
    found = db.get(Comment, comment_id)
    if found is None or not rights().role_on(found.site_id) or found.status == "erased":
        raise NotFound("comment")
    demand("read-only", found.site_id)
    file = dossier.dossier_of(db, found, person_id=me().id, now=utcnow())
    policy = policies.in_force(db, found.site_id)[0].at(found.section, found.article_id)
    attributes = fired(file)
    return {
        "file": file,
        "comment": found,
        "lines": policy.thresholds,
        "shown_attributes": attributes,
        "question": question,
        "asked": asked_of(question),
        "key": queue.key_for(found, question),
        "may_act": may_act(found.site_id),
        "may_escalated": rights().may("senior", found.site_id),
        "is_blind": question.view == "second",
        "templates": dossier.templates_of(file.site),
        "codes": dossier.CODES,
        "now": utcnow(),
    }


def _looked_before() -> int:
    """Comments that the steps of a search before this one looked at."""
    said = request.args.get("looked", "")
    return int(said) if said.isdecimal() and len(said) < 10 else 0


def _found(db: Session, question: Question, page: queue.Page) -> str:
    """How many fit a filter. Counting what a search finds would cost more than finding a page of it."""
    if not page.next_key:
        return str(len(page.rows))
    if question.text:
        return f"{len(page.rows)}+" if page.rows else "0"
    return capped(queue.matches(db, question))


def _notices(db: Session, question: Question) -> list[Notice]:
    """What the people at the desk should know, the latest first."""
    ours = or_(Notice.site_id.in_(question.site_ids), Notice.site_id.is_(None))
    query = select(Notice).where(ours, Notice.dismissed_at.is_(None))
    return list(db.scalars(query.order_by(Notice.created_at.desc()).limit(3)))


def _is_running_out(found: Comment, now: datetime) -> bool:
    """Whether the person's own lease needs to be renewed."""
    mine = found.status == "held" and found.opened_by == me().id and found.opened_until is not None
    return bool(mine and found.opened_until - now < timedelta(seconds=_RENEW_SECONDS))  # type: ignore[operator]

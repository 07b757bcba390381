"""What a view can be narrowed to, and the filters that a person gave a name."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from moderation.errors import Fault, Invalid
from moderation.policy_schema import ATTRIBUTES, SIGNALS
from moderation.queue import VIEWS, Question
from moderation.tables import Article, SavedFilter, new_id
from service.review.desk import bp, database, me, sites_asked, utcnow
from service.review.words import attribute_title, signal_words

_MOST_SAVED = 30
_ARTICLES_READ = 2_000


def choices_of(db: Session, question: Question) -> dict[str, Any]:
    """What the filter form offers. One statement."""
    # Some thousand articles name every section there is, and reading them costs the same in a large archive.
    some = (
        select(Article.section)
        .where(Article.site_id.in_(question.site_ids), Article.section != "")
        .limit(_ARTICLES_READ)
        .subquery()
    )
    sections = db.scalars(select(some.c.section).distinct().order_by(some.c.section).limit(100))
    return {
        "sections": list(sections),
        "attributes": [(name, attribute_title(name)) for name in ATTRIBUTES],
        "reasons": [(name, attribute_title(name)) for name in ATTRIBUTES]
        + sorted(((name, signal_words(name)) for name in SIGNALS), key=lambda pair: pair[1]),
    }


def saved_by(db: Session, person_id: str) -> list[SavedFilter]:
    return list(
        db.scalars(
            select(SavedFilter).where(SavedFilter.moderator_id == person_id).order_by(SavedFilter.name)
        )
    )


@bp.post("/filters")
def save_filter() -> AnyResponse:
    """Give the filters of a view a name."""
    name = request.form.get("name", "").strip()[:100]
    view = request.form.get("view", "held")
    if not name or view not in VIEWS:
        raise Invalid([Fault("/name", _("Give the filter a name."))])
    site, site_ids = sites_asked(request.form.get("site", ""))
    question = Question.asked(request.form, view=view, site_ids=site_ids, person_id=me().id)
    asked: dict[str, Any] = {**question.args(), **({"site": site.slug} if site else {})}
    with database().writing() as db:
        if len(saved_by(db, me().id)) >= _MOST_SAVED:
            raise Invalid([Fault("/name", _("You have many saved filters. Remove one first."))])
        db.add(
            SavedFilter(
                id=new_id(),
                moderator_id=me().id,
                site_id=site.id if site else "",
                name=name,
                query=f"{view}?{urlencode(asked)}"[:1000],
                created_at=utcnow(),
            )
        )
    return redirect(url_for("desk.view", view=view, **asked), 303)


@bp.post("/filters/<filter_id>/remove")
def remove_filter(filter_id: str) -> AnyResponse:
    with database().writing() as db:
        db.execute(
            delete(SavedFilter).where(SavedFilter.id == filter_id, SavedFilter.moderator_id == me().id)
        )
    return redirect(url_for("desk.view", view="held"), 303)

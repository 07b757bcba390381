"""The desk's one blueprint: who is asking, what they may do, and how pages and errors look."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response as AnyResponse

from moderation import people
from moderation.errors import Forbidden, NotFound
from moderation.people import Rights
from moderation.tables import Moderator, Site
from service.door import aside, database, utcnow, vault
from service.problems import Problem

bp = Blueprint("desk", __name__, url_prefix="/desk")
#: Checks the desk's forms alone: the API's callers hold keys, not cookies.
csrf = CSRFProtect()

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "pt": "Português"}
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}
#: endpoint, title, smallest role: the pages of the masthead beside the queue.
PLACES: list[tuple[str, Any, str]] = []
_QUEUE = {"desk.view", "desk.comment", "desk.like"}
#: Addresses that answer somebody who is not signed in.
_OPEN: set[str] = set()


def open_to_all(view: Any) -> Any:
    """Mark a view that needs no sign-in; every other one does."""
    _OPEN.add(f"{bp.name}.{view.__name__}")
    return view


@bp.before_request
def know_who_asks() -> AnyResponse | None:
    csrf.protect()
    now = utcnow()
    token = session.get("sign_in", "")
    if token:
        with database().reading() as db:
            found = people.signed_in(db, vault(), token, now=now)
        if found is None:
            session.clear()
        else:
            g.rights, row = found
            g.sign_in = row.digest
            if people.is_stale(row, now):
                _touch_later(row.digest)
    if "rights" in g or request.endpoint in _OPEN:
        return None
    if is_htmx():
        # A session that ended under an open page: the whole page goes to the sign-in, not a corner of it.
        return Response(status=204, headers={"HX-Redirect": url_for("desk.sign_in")})
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("desk.sign_in", to=target))


def _touch_later(digest: str) -> None:
    """Note that the session is in use, in a thread that nobody waits for."""
    kept = database()

    def touch() -> None:
        with kept.writing() as db:
            people.touch_session(db, digest, utcnow())

    aside().later(touch)


@bp.after_request
def keep_out_of_caches(response: Response) -> Response:
    # Readers' words and moderators' names stay out of every cache.
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.app_context_processor
def for_every_template() -> dict[str, Any]:
    locale = get_locale()
    language = str(locale.language if locale else "en")
    return {
        "language": language,
        "direction": "rtl" if language in RIGHT_TO_LEFT else "ltr",
        "rights": g.get("rights"),
        "me": g.rights.person if "rights" in g else None,
        "is_htmx": is_htmx(),
        "places": places(),
        "place": "desk.home" if request.endpoint in _QUEUE else request.endpoint,
    }


def places() -> list[tuple[str, str]]:
    """The pages of the masthead that this person may open."""
    if "rights" not in g:
        return []
    known = [("desk.home", _("Queue")), *((endpoint, str(title)) for endpoint, title, _role in PLACES)]
    allowed = {endpoint for endpoint, _title, role in PLACES if _has(role)} | {"desk.home"}
    return [(endpoint, title) for endpoint, title in known if endpoint in allowed]


def _has(role: str) -> bool:
    return any(g.rights.may(role, site.id) for site in g.rights.sites) or g.rights.person.is_admin


def rights() -> Rights:
    return g.rights


def me() -> Moderator:
    return g.rights.person


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def sites_asked(slug: str | None = None) -> tuple[Site | None, tuple[str, ...]]:
    """The site that the address names and the ids to look at: that one, or all that the person may see.

    :raises NotFound: for a site that is not there for this person.
    """
    slug = request.args.get("site", "") if slug is None else slug
    if not slug:
        return None, tuple(rights().site_ids())
    for site in rights().sites:
        if site.slug == slug:
            return site, (site.id,)
    raise NotFound("site")


def demand(role: str, site_id: str | None) -> None:
    """:raises NotFound: a site that the person has no role on. :raises Forbidden: too small a role."""
    if rights().may(role, site_id):
        return
    if site_id is not None and not rights().role_on(site_id):
        raise NotFound("comment")
    raise Forbidden(role)


def error_page(problem: Problem) -> Response:
    """An error as a page, or as a line in the page that asked."""
    if is_htmx():
        response = make_response(render_template("desk/_told.html", text=problem.detail, kind="error"))
        response.headers["HX-Retarget"] = "#told"
        response.headers["HX-Reswap"] = "innerHTML"
    else:
        response = make_response(render_template("desk/error.html", problem=problem))
    response.status_code = problem.status
    return keep_out_of_caches(response)

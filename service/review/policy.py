"""The policy page: the site's rules as text, checked while one types, tried before they bite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from moderation import policies
from moderation.errors import Fault, NotFound, PolicyRefused
from moderation.policy import Policy
from moderation.policy_document import faults_of, read
from moderation.tables import Site, SitePolicy
from service.review import pictures
from service.review.desk import PLACES, bp, database, demand, is_htmx, me, rights, utcnow
from service.review.policy_text import PRESETS, as_text, compared, line_of, starting_text, with_lines
from service.review.trying import DAYS, advise_on, try_policy

PLACES.append(("desk.policy", lazy_gettext("Policy"), "read-only"))

_WISHES = ("missed", "per_hour")


@bp.get("/policy")
def policy() -> str:
    """The policy in force as it was written, or a preset to start from."""
    site, scope = _site(), _scope(request.args.get("scope", "site"))
    preset = request.args.get("preset", "")
    with database().reading() as db:
        text = None
        if preset in PRESETS:
            text = starting_text(preset=preset)
            flash(_("This is not saved yet: look at it, try it, then save."))
        return _page(db, site, scope, text=text)


@bp.post("/policy/check")
def check_policy() -> str:
    """What is wrong with the text, and what it would do; nothing is saved."""
    site, scope, text = _sent()
    with database().reading() as db:
        if not is_htmx():
            return _page(db, site, scope, text=text)
        return render_template("desk/policy_checked.html", **_checked(db, site.id, scope, text))


@bp.post("/policy")
def save_policy() -> AnyResponse | Response:
    """Save a new version; with faults, or when somebody else saved meanwhile, the running one stays."""
    site, scope, text = _sent()
    seen, now = request.form.get("seen", ""), utcnow()
    with database().writing() as db:
        _lock(db, site.id)
        newest = _newest_version(db, site.id)
        if seen.isdigit() and int(seen) != newest:
            told = _("Not saved: version %(version)s was saved a moment ago. Compare, then save again.",
                     version=newest)  # fmt: skip
            return _answer(_page(db, site, scope, text=text, told=told), 409)
        try:
            row = policies.save_text(
                db,
                site.id,
                text,
                now=now,
                by=me().name,
                scope=scope,
                note=request.form.get("note", "")[:1000],
            )
        except PolicyRefused:
            told = _("Not saved: the policy in force stays as it is.")
            return _answer(_page(db, site, scope, text=text, told=told), 422)
        flash(_("Saved: version %(version)s is in force.", version=row.version))
    return redirect(_address(site, scope), 303)


@bp.post("/policy/try")
def try_policy_out() -> Response:
    """What this text would have done with the comments of the last days; nothing is saved."""
    site, scope, text = _sent()
    with database().reading() as db:
        checked = _checked(db, site.id, scope, text)
        more: dict[str, Any] = {"untried": True}
        if checked["policy"] is not None:
            found, material = try_policy(db, site.id, checked["policy"], days=_days(), now=utcnow())
            more = {
                "found": found,
                "material": material,
                "outcomes": pictures.outcomes(found.before, found.after),
                "by_hour": pictures.by_hour(found.queue_before.by_hour, found.queue.by_hour),
                "moves": _moves(found),
            }
        return _result(db, "desk/policy_tried.html", site, scope, text, more)


@bp.post("/policy/advise")
def advise_policy() -> Response:
    """Hold lines for a wanted miss rate or queue, with the trade-off drawn; nothing is saved."""
    site, scope, text = _sent()
    wish = request.form.get("wish", "")
    amount = _number(request.form.get("amount", ""))
    with database().reading() as db:
        checked = _checked(db, site.id, scope, text)
        more: dict[str, Any] = {"untried": True}
        if wish not in _WISHES or amount is None or (wish == "missed" and amount > 100):
            more = {
                "no_advice": _("Say what you want as a number: a share from 0 to 100, or comments an hour.")
            }
        elif checked["policy"] is not None:
            wanted = {"missed": None, "per_hour": None, wish: amount / 100 if wish == "missed" else amount}
            try:
                advice, material = advise_on(
                    db, site.id, checked["policy"], days=_days(), now=utcnow(), **wanted
                )
                if wish == "missed" and not advice.today.missed.of_all:
                    raise ValueError("nobody rejected anything")
                more = {
                    "advice": advice,
                    "material": material,
                    "wish": wish,
                    "amount": amount,
                    "drawing": pictures.trade_off(advice),
                }
            except ValueError:
                more = {"no_advice": _("Nothing to tell it from: in these days people rejected nothing.")}
        return _result(db, "desk/policy_advised.html", site, scope, text, more)


@bp.post("/policy/take")
def take_advice() -> Response:
    """Put proposed hold lines into the text; it is not saved yet."""
    site, scope, text = _sent()
    lines = {name: _number(request.form.get(f"line-{name}", "")) for name in pictures.ATTRIBUTES}
    wanted = {name: line for name, line in lines.items() if line is not None and 0 <= line <= 1}
    with database().reading() as db:
        if _checked(db, site.id, scope, text)["policy"] is not None:
            text = with_lines(text, wanted)
        told = _("The proposed lines are in the text. They are not saved yet.")
        return _answer(_page(db, site, scope, text=text, told=told), 200)


@bp.get("/policy/versions/<int:number>")
def policy_version(number: int) -> str:
    """One version as it was written, and what is different today."""
    site = _site()
    with database().reading() as db:
        row = _version(db, site.id, number)
        today = next((one for one in policies.newest(db, site.id) if one.scope == row.scope), row)
    text, now = as_text(row.document, row.source), as_text(today.document, today.source)
    return render_template(
        "desk/policy_version.html",
        site=site,
        row=row,
        today=today,
        text=text,
        changes=list(compared(text, now)),
        may_save=rights().may("senior", site.id),
    )


@bp.post("/policy/restore")
def restore_policy() -> AnyResponse:
    """Save an earlier version again, as the newest."""
    site = _site(request.form.get("site_id", ""))
    demand("senior", site.id)
    number = request.form.get("version", "")
    with database().writing() as db:
        _lock(db, site.id)
        row = _version(db, site.id, int(number) if number.isdigit() else 0)
        new = policies.save(
            db,
            site.id,
            row.document,
            now=utcnow(),
            by=me().name,
            scope=row.scope,
            source=row.source,
            note=_("Version %(version)s again", version=row.version),
        )
        flash(_("Version %(old)s is in force again, as version %(new)s.", old=row.version, new=new.version))
    return redirect(_address(site, row.scope), 303)


def _page(
    db: Session, site: Site, scope: str, *, text: str | None = None, told: str = "", **more: Any
) -> str:
    rows = policies.versions(db, site.id)
    newest = {row.scope: row for row in policies.newest(db, site.id)}
    running = newest.get(scope)
    if text is None:
        text = as_text(running.document, running.source) if running else starting_text(scope=scope)
    may_save = rights().may("senior", site.id)
    return render_template(
        "desk/policy.html",
        site=site,
        scope=scope,
        scopes=["site", *sorted((set(newest) | {scope}) - {"site"})],
        text=text,
        told=told,
        running=running,
        seen=rows[0].version if rows else 0,
        versions=rows,
        presets=PRESETS,
        days_offered=DAYS,
        days=_days(),
        may_save=may_save,
        asked=request.form,
        **_checked(db, site.id, scope, text),
        **more,
    )  # fmt: skip


def _result(
    db: Session, template: str, site: Site, scope: str, text: str, more: Mapping[str, Any]
) -> Response:
    """A result: a part of the page for htmx, the whole page with it for everybody else."""
    if is_htmx():
        return _answer(render_template(template, site=site, days=_days(), **more), 200)
    return _answer(_page(db, site, scope, text=text, result=template, **more), 200)


def _checked(db: Session, site_id: str, scope: str, text: str) -> dict[str, Any]:
    """The text read as this scope's policy: the whole policy with it, or its faults with their lines."""
    document, lines, faults = read(text)
    found: Policy | None = None
    if document is not None:
        faults = [*faults, *faults_of(document, lines)]
    if document is not None and not faults:
        documents = {row.scope: row.document for row in policies.newest(db, site_id)}
        try:
            found = policies.check({**documents, scope: document}, scope)
        except PolicyRefused as refused:
            faults = [Fault(f.pointer, f.detail, f.line or lines.get(f.pointer)) for f in refused.faults]
    here = found.at(*_names(scope)) if found else None
    return {
        "policy": found,
        "here": here,
        "faults": [(fault, line_of(text, fault.line)) for fault in faults],
        "lines": pictures.thresholds(here) if here else [],
    }


def _names(scope: str) -> tuple[str, str]:
    kind, _colon, name = scope.partition(":")
    return (name if kind == "section" else "", name if kind == "article" else "")


def _moves(found: Any) -> list[tuple[str, str, int, list[Any]]]:
    """(verdict then, verdict with this policy, how many, examples), the most first."""
    moves = []
    for move, count in sorted(found.moved.items(), key=lambda pair: -pair[1]):
        before, _arrow, after = move.partition(">")
        examples = [one for one in found.examples if (one.before, one.after) == (before, after)]
        moves.append((before, after, count, examples))
    return moves


def _site(site_id: str | None = None) -> Site:
    """The site that is asked about: by its slug in the address, its id in a form, else the first one.

    :raises NotFound: it is not there for this person.
    """
    slug = request.args.get("site", "")
    for site in rights().sites:
        if site.id == site_id or (site_id is None and slug in ("", site.slug)):
            return site
    raise NotFound("site")


def _sent() -> tuple[Site, str, str]:
    """Site, scope and text of a form; only who may save may send one."""
    site = _site(request.form.get("site_id", ""))
    demand("senior", site.id)
    # Browsers send lines with CRLF; the text is kept with the line ends that it was written with.
    text = request.form.get("text", "").replace("\r\n", "\n")
    return site, _scope(request.form.get("scope", "site")), text


def _scope(said: str) -> str:
    """:raises NotFound: it names neither the site nor one of its sections or articles."""
    kind, _colon, name = said.partition(":")
    if said == "site" or (kind in ("section", "article") and name and len(said) <= 300):
        return said
    raise NotFound("scope")


def _version(db: Session, site_id: str, number: int) -> SitePolicy:
    row = db.scalar(
        select(SitePolicy).where(SitePolicy.site_id == site_id, SitePolicy.version == number).limit(1)
    )
    if row is None:
        raise NotFound("version of this policy")
    return row


def _lock(db: Session, site_id: str) -> None:
    """One save at a time for a site: two at once would both take the same number."""
    db.get_one(Site, site_id, with_for_update=True)


def _newest_version(db: Session, site_id: str) -> int:
    rows: Sequence[SitePolicy] = policies.versions(db, site_id, limit=1)
    return rows[0].version if rows else 0


def _address(site: Site, scope: str) -> str:
    named = site.slug if len(rights().sites) > 1 else None
    return url_for("desk.policy", site=named, scope=None if scope == "site" else scope)


def _days() -> int:
    asked = request.form.get("days", "")
    return int(asked) if asked.isdigit() and int(asked) in DAYS else 30


def _number(said: str) -> float | None:
    """A number of 0 or more as a person writes it, with a point or a comma."""
    try:
        value = float(said.strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _answer(page: str, status: int) -> Response:
    response = make_response(page)
    response.status_code = status
    return response

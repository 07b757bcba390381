"""The people page: who sits at the desk, with which role where; invitations and new passwords by link."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from moderation import people
from moderation.errors import Fault, Forbidden, Invalid, NotFound
from moderation.tables import ROLES, Moderator
from service.door import settings
from service.review.desk import PLACES, bp, database, me, rights, utcnow, vault

PLACES.append(("desk.team", lazy_gettext("People"), "admin"))


@bp.get("/people")
def team() -> str:
    """Everybody, with roles by site; only admins see this page."""
    _admins_only()
    with database().reading() as db:
        everybody = people.people_on(db, rights().site_ids())
    return render_template(
        "desk/team.html",
        everybody=everybody,
        roles_offered=ROLES[:0:-1],
        link=session.pop("invitation", None),
    )


@bp.post("/people/invite")
def invite() -> AnyResponse:
    """Make a link for a new account, or a new password for a known address. It is shown once."""
    _admins_only()
    form = request.form
    site_id = form.get("site_id") or None
    if site_id is not None and site_id not in rights().site_ids():
        raise NotFound("site")
    role = form.get("role", "moderator")
    with database().writing() as db:
        token = people.invite(
            db,
            vault(),
            email=form.get("email", ""),
            site_id=None if role == "admin" else site_id,
            role=role,
            invited_by=me().id,
            now=utcnow(),
        )
    address = url_for("desk.accept_invitation", token=token)
    session["invitation"] = {"email": form.get("email", ""), "link": settings().public_url + address}
    return redirect(url_for("desk.team"), 303)


@bp.post("/people/<person_id>/role")
def set_role(person_id: str) -> AnyResponse:
    """A person's role on one site; an empty one takes it away."""
    _admins_only()
    site_id, role = request.form.get("site_id", ""), request.form.get("role", "")
    if site_id not in rights().site_ids() or (role and role not in ROLES) or role == "admin":
        raise Invalid([Fault("/role", _("Choose a site and a role."))])
    with database().writing() as db:
        person = _person(db, person_id)
        people.give_role(db, person.id, site_id, role)
    flash(_("Role changed."))
    return redirect(url_for("desk.team"), 303)


@bp.post("/people/<person_id>/<any(disable, enable, unlock):what>")
def set_person(person_id: str, what: str) -> AnyResponse:
    """Shut a person out at once, let them in again, or take away a second factor that they lost."""
    _admins_only()
    if person_id == me().id:
        raise Invalid([Fault("/person", _("Not yourself: ask another admin."))])
    with database().writing() as db:
        person = _person(db, person_id)
        if what == "unlock":
            people.drop_totp(person)
        else:
            people.set_disabled(db, person, disabled=what == "disable", now=utcnow())
    flash({"disable": _("Shut out."), "enable": _("Let in again.")}.get(what, _("Second factor removed.")))
    return redirect(url_for("desk.team"), 303)


def _admins_only() -> None:
    if not me().is_admin:
        raise Forbidden("admin")


def _person(db: Session, person_id: str) -> Moderator:
    person = db.get(Moderator, person_id)
    if person is None:
        raise NotFound("person")
    return person

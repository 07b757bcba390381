"""A person's own page: name, language, appearance, password, second factor, open sessions."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import segno
from flask import flash, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from moderation import people
from moderation.errors import Invalid
from moderation.tables import Moderator
from service import limits
from service.review.desk import LANGUAGES, bp, database, me, utcnow, vault
from service.review.gate import PER_ACCOUNT, browser, let_in


@bp.get("/account")
def account() -> str:
    """The page."""
    return _page()


@bp.post("/account")
def keep_account() -> AnyResponse:
    """Name, language, zone and how the desk looks."""
    form = request.form
    with database().writing() as db:
        person = db.get_one(Moderator, me().id, with_for_update=True)
        person.name = form.get("name", "").strip()[:200] or person.name
        person.language = form.get("language", "") if form.get("language", "") in LANGUAGES else ""
        zone = form.get("timezone", "")
        person.timezone = zone if zone in available_timezones() else person.timezone
        person.preferences = {
            **person.preferences,
            "theme": form.get("theme") if form.get("theme") in ("light", "dark") else "",
            "blur": "blur" in form,
        }
    flash(_("Kept."))
    return redirect(url_for("desk.account"), 303)


@bp.post("/account/password")
def change_password() -> AnyResponse | tuple[str, int]:
    """A new password ends every other session."""
    limits.check("account", "password:" + me().id, PER_ACCOUNT)
    with database().writing() as db:
        person = people.person_by_password(db, email=me().email, password=request.form.get("old", ""))
        if person is None or person.id != me().id:
            return _page(password_fault=_("The present password is not right.")), 422
        try:
            people.set_password(db, person, request.form.get("password", ""))
        except Invalid as error:
            return _page(password_fault=error.faults[0].detail), 422
        let_in(person, people.start_session(db, vault(), person, now=utcnow(), **browser()))
    flash(_("The new password holds. Other sessions are signed out."))
    return redirect(url_for("desk.account"), 303)


@bp.route("/account/second-factor", methods=["GET", "POST"])
def set_up_totp() -> AnyResponse | tuple[str, int] | str:
    """Show a QR code, and switch the second factor on once a code from the app proves it was read."""
    secret = session.get("new_totp") or people.new_totp_secret()
    session["new_totp"] = secret
    fault = ""
    if request.method == "POST":
        limits.check("account", "code:" + me().id, PER_ACCOUNT)
        with database().writing() as db:
            person = db.get_one(Moderator, me().id, with_for_update=True)
            is_on = people.keep_totp(person, vault(), secret, request.form.get("code", ""), utcnow())
        if is_on:
            session.pop("new_totp")
            flash(_("The second factor is on."))
            return redirect(url_for("desk.account"), 303)
        fault = _("This code is not right. Try the next one.")
    code = segno.make(people.totp_address(secret, me().email), error="m")
    drawing = Markup(code.svg_inline(omitsize=True, border=0, dark="#000"))  # noqa: S704  # nosec B704  # segno's own drawing
    page = render_template("desk/totp.html", drawing=drawing, secret=secret, fault=fault)
    return (page, 422) if fault else page


@bp.post("/account/second-factor/off")
def drop_totp() -> AnyResponse | tuple[str, int]:
    """Takes a code: a session left open on a shared machine must not be enough."""
    limits.check("account", "code:" + me().id, PER_ACCOUNT)
    with database().writing() as db:
        person = db.get_one(Moderator, me().id, with_for_update=True)
        if not people.check_totp(person, vault(), request.form.get("code", ""), utcnow()):
            return _page(
                totp_fault=_("This code is not right, or was used already. Wait for the next one.")
            ), 422
        people.drop_totp(person)
    flash(_("The second factor is off."))
    return redirect(url_for("desk.account"), 303)


@bp.post("/account/sessions/end")
def end_session() -> AnyResponse:
    with database().writing() as db:
        people.end_session(db, me().id, request.form.get("digest", ""), utcnow())
    flash(_("That session is signed out."))
    return redirect(url_for("desk.account"), 303)


def _page(**faults: Any) -> str:
    with database().reading() as db:
        sessions = people.sessions_of(db, me().id)
    return render_template(
        "desk/account.html",
        languages=LANGUAGES,
        zones=sorted(available_timezones()),
        sessions=sessions,
        this_session=g.sign_in,
        **faults,
    )

"""In and out: sign-in with a password and a second factor, sign-out, the link of an invitation."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from moderation import people
from moderation.errors import Invalid, NotFound
from moderation.tables import Moderator
from service import limits
from service.door import settings
from service.review.desk import bp, database, is_htmx, open_to_all, utcnow, vault

#: Tries a minute: for one address on the network, and for one account from everywhere.
PER_ADDRESS, PER_ACCOUNT = 30, 10
#: A right password waits this long for the code of the second factor.
_HALF_WAY_SECONDS = 300


@bp.get("/sign-in")
@open_to_all
def sign_in() -> str:
    """The form, with where to go afterwards."""
    return _form(to=safe(request.args.get("to", "")))


@bp.post("/sign-in")
@open_to_all
def enter() -> AnyResponse | tuple[str, int]:
    """Check the password, then the second factor where there is one.

    The answer to a wrong address and to a wrong password is the same, and takes as long.
    """
    email, to = request.form.get("email", ""), safe(request.form.get("to", ""))
    limits.check("address", "sign-in:" + limits.caller_hash(), PER_ADDRESS)
    limits.check("account", "sign-in:" + vault().email_hash(email), PER_ACCOUNT)
    with database().writing() as db:
        person = people.person_by_password(db, email=email, password=request.form.get("password", ""))
        if person is None:
            fault = _("This address and password do not go together.")
            return _form(to=to, email=email, fault=fault), 401
        return _admit(db, person, to)


@bp.route("/sign-in/code", methods=["GET", "POST"])
@open_to_all
def second_factor() -> AnyResponse | tuple[str, int] | str:
    """Ask for the code from the person's app."""
    person_id, began, stamp = session.get("half_way") or ("", 0, "")
    if not person_id or utcnow().timestamp() - began > _HALF_WAY_SECONDS:
        session.pop("half_way", None)
        return redirect(url_for("desk.sign_in"), 303)
    to = safe(request.values.get("to", ""))
    if request.method == "GET":
        return render_template("desk/code.html", to=to, fault="")
    limits.check("account", "code:" + person_id, PER_ACCOUNT)
    with database().writing() as db:
        person = db.get(Moderator, person_id, with_for_update=True)
        # A password that was changed meanwhile takes its half-open doors with it.
        is_same = person is not None and person.disabled_at is None and _stamp(person) == stamp
        if person is None or not is_same:
            session.clear()
            return redirect(url_for("desk.sign_in"), 303)
        if not people.check_totp(person, vault(), request.form.get("code", ""), utcnow()):
            fault = _("This code is not right, or was used already. Wait for the next one.")
            return render_template("desk/code.html", to=to, fault=fault), 401
        let_in(person, people.start_session(db, vault(), person, now=utcnow(), **browser()))
    return redirect(to or url_for("desk.home"), 303)


@bp.post("/sign-out")
@open_to_all
def sign_out() -> AnyResponse:
    token = session.get("sign_in", "")
    if token:
        with database().writing() as db:
            found = people.signed_in(db, vault(), token, now=utcnow())
            if found is not None:
                people.end_session(db, found[0].person.id, found[1].digest, utcnow())
    session.clear()
    return redirect(url_for("desk.sign_in"), 303)


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@open_to_all
def accept_invitation(token: str) -> AnyResponse | tuple[str, int] | str:
    """Make the account that a link is for, or set a new password."""
    limits.check("address", "invitation:" + limits.caller_hash(), PER_ADDRESS)
    name, fault = request.form.get("name", ""), ""
    try:
        if request.method == "POST":
            with database().writing() as db:
                person = people.accept(
                    db, vault(), token, name=name, password=request.form.get("password", ""), now=utcnow()
                )
                # A link that came by e-mail is one factor: whoever set up a second one still shows it.
                return _admit(db, person, "")
        with database().reading() as db:
            email = people.invitation_of(db, vault(), token, now=utcnow()).email
    except NotFound:
        flash(_("This link was used or is too old. Ask for a new one."))
        return redirect(url_for("desk.sign_in"), 303)
    except Invalid as error:
        fault = error.faults[0].detail
        with database().reading() as db:
            email = people.invitation_of(db, vault(), token, now=utcnow()).email
    page = render_template("desk/invitation.html", email=email, name=name, fault=fault)
    return (page, 422) if fault else page


def _admit(db: Session, person: Moderator, to: str) -> AnyResponse:
    """Ask for the second factor where there is one, else sign in."""
    if person.totp_encrypted:
        session.clear()
        session["half_way"] = [person.id, int(utcnow().timestamp()), _stamp(person)]
        return redirect(url_for("desk.second_factor", to=to or None), 303)
    let_in(person, people.start_session(db, vault(), person, now=utcnow(), **browser()))
    return redirect(to or url_for("desk.home"), 303)


def let_in(person: Moderator, token: str) -> None:
    """Begin a new browser session: nothing that an attacker may have planted survives the sign-in."""
    session.clear()
    session.permanent = True
    session["sign_in"] = token


def _form(*, to: str, email: str = "", fault: str = "") -> str:
    oidc_name = settings().oidc_name if settings().oidc_issuer else ""
    return render_template("desk/sign_in.html", to=to, email=email, fault=fault, oidc_name=oidc_name)


def safe(to: str) -> str:
    """An address on the desk itself, else "": a sign-in must not send people elsewhere."""
    parts = urlsplit(to)
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/desk") and "\\" not in to
    return to if is_ours and not parts.path.startswith("/desk/sign-") and not is_htmx() else ""


def _stamp(person: Moderator) -> str:
    return hashlib.sha256((person.password_hash or "").encode()).hexdigest()[:16]


def browser() -> dict[str, str]:
    return {"user_agent": request.user_agent.string, "ip": request.remote_addr or ""}

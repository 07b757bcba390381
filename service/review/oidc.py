"""Sign-in by OpenID Connect, where the operator names an issuer (Authlib, authorization code with PKCE)."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, redirect, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from moderation import people
from moderation.errors import NotFound
from moderation.logs import log_of
from service import limits
from service.door import settings
from service.review.desk import bp, database, open_to_all, utcnow, vault
from service.review.gate import PER_ADDRESS, browser, let_in, safe

_NAME = "below-the-line-oidc"


@bp.get("/sign-in/oidc")
@open_to_all
def oidc_begin() -> AnyResponse:
    """Send the browser to the issuer."""
    limits.check("address", "oidc:" + limits.caller_hash(), PER_ADDRESS)
    session["oidc_to"] = safe(request.args.get("to", ""))
    back = settings().public_url + url_for("desk.oidc_end")
    try:
        answer: AnyResponse = _client().authorize_redirect(back)
    except Exception as error:
        return _refuse(error, _("The sign-in service does not answer. Try again in a minute."))
    return answer


@bp.get("/sign-in/oidc/end")
@open_to_all
def oidc_end() -> AnyResponse:
    """The browser comes back with a code: check it, and let in who has an account here.

    A second factor is the issuer's business: whoever runs it asks for one there.
    """
    limits.check("address", "oidc:" + limits.caller_hash(), PER_ADDRESS)
    to = session.get("oidc_to", "")
    try:
        token = _client().authorize_access_token()
    except Exception as error:
        # The state is gone, the code is old, the signature wrong, the issuer silent: all end here.
        return _refuse(error, _("The sign-in did not succeed. Try again."))
    claims: dict[str, Any] = token.get("userinfo") or {}
    with database().writing() as db:
        person = people.person_by_oidc(
            db,
            issuer=str(claims.get("iss", "")),
            subject=str(claims.get("sub", "")),
            email=str(claims.get("email", "")),
            is_verified=claims.get("email_verified") is True,
            name=str(claims.get("name", "")),
            now=utcnow(),
        )
        if person is None or not claims.get("sub"):
            flash(_("There is no account for you here. Ask an admin of this desk for an invitation."))
            return redirect(url_for("desk.sign_in"), 303)
        let_in(person, people.start_session(db, vault(), person, now=utcnow(), **browser()))
    return redirect(to or url_for("desk.home"), 303)


def _client() -> Any:
    """:raises NotFound: no issuer is set."""
    if not settings().oidc_issuer:
        raise NotFound("sign-in")
    registry = current_app.extensions.get(_NAME)
    if registry is None:
        from authlib.integrations.flask_client import OAuth

        registry = current_app.extensions[_NAME] = OAuth(current_app)
        registry.register(
            "issuer",
            client_id=settings().oidc_client_id,
            client_secret=settings().oidc_client_secret or None,
            server_metadata_url=settings().oidc_issuer + "/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
        )
    return registry.issuer


def _refuse(error: Exception, words: str) -> AnyResponse:
    if isinstance(error, NotFound):
        raise error
    log_of(__name__).warning("oidc_failed", error=type(error).__name__)
    flash(words)
    return redirect(url_for("desk.sign_in"), 303)

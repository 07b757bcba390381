"""Sign-in by OpenID Connect against a small provider of our own, over real HTTP."""

from __future__ import annotations

import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from moderation import people
from moderation.settings import Settings
from moderation.tables import Moderator
from tests.desk import Visitor, open_desk


class Provider:
    """The authorization code flow, and the claims that a test wants to hear."""

    def __init__(self):
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self.claims = {"sub": "s-1", "email": "ana@desk.example", "email_verified": True, "name": "Ana"}
        self.signs_with = self.key
        self.nonces = {}
        app = Flask("provider")
        app.add_url_rule("/.well-known/openid-configuration", view_func=self.configuration)
        app.add_url_rule("/authorize", view_func=self.authorize)
        app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        app.add_url_rule("/jwks", view_func=self.jwks)
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.issuer = f"http://127.0.0.1:{self.server.port}"

    def configuration(self):
        return jsonify(
            issuer=self.issuer,
            authorization_endpoint=self.issuer + "/authorize",
            token_endpoint=self.issuer + "/token",
            jwks_uri=self.issuer + "/jwks",
            id_token_signing_alg_values_supported=["RS256"],
        )

    def authorize(self):
        assert request.args["code_challenge_method"] == "S256"
        self.nonces["c-1"] = request.args["nonce"]
        return redirect(f"{request.args['redirect_uri']}?code=c-1&state={request.args['state']}")

    def token(self):
        assert request.form["code_verifier"]
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "desk", "iat": now, "exp": now + 60,
                  "nonce": self.nonces[request.form["code"]], **self.claims}  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signs_with)
        return jsonify(access_token="a-1", token_type="Bearer", id_token=signed, expires_in=60)

    def jwks(self):
        return jsonify(keys=[self.key.as_dict(private=False)])


@pytest.fixture
def provider():
    made = Provider()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def desk(environment, sqlite_database, provider):
    settings = Settings.from_environment(
        {**environment, "BTL_OIDC_ISSUER": provider.issuer, "BTL_OIDC_CLIENT_ID": "desk",
         "BTL_OIDC_CLIENT_SECRET": "secret", "BTL_OIDC_NAME": "House login"}
    )  # fmt: skip
    return open_desk(settings, sqlite_database)


def come_in(desk, provider):
    """Walk the browser's way, to the provider and back."""
    import requests

    visitor = Visitor(desk.app.test_client())
    assert "Sign in with House login" in visitor.get("/desk/sign-in").text
    away = visitor.get("/desk/sign-in/oidc").headers["Location"]
    assert away.startswith(provider.issuer)
    back = urlsplit(requests.get(away, allow_redirects=False, timeout=5).headers["Location"])
    assert set(parse_qs(back.query)) == {"code", "state"}
    return visitor, f"{back.path}?{back.query}"


def test_who_has_an_account_comes_in_and_is_known_again_by_subject(desk, provider):
    person = desk.add_person("Ana")
    visitor, back = come_in(desk, provider)

    assert visitor.get(back).headers["Location"] == "/desk/"
    assert visitor.get("/desk/held").status_code == 200
    provider.claims["email"] = "married@desk.example"
    again, back = come_in(desk, provider)
    again.get(back)

    assert again.get("/desk/held").status_code == 200
    with desk.database.reading() as session:
        assert session.get_one(Moderator, person.id).oidc_subject == f"{provider.issuer}|s-1"


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "stranger@desk.example"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"aud": "another"},
    ],
    ids=["no account", "address not verified", "a word for a truth", "a token for another client"],
)
def test_being_known_to_the_issuer_alone_opens_nothing(desk, provider, claims):
    desk.add_person("Ana")
    provider.claims |= claims
    visitor, back = come_in(desk, provider)

    assert visitor.get(back).headers["Location"] == "/desk/sign-in"
    assert visitor.get("/desk/held").status_code == 302


def test_a_token_that_someone_else_signed_opens_nothing(desk, provider):
    desk.add_person("Ana")
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "k1"})
    visitor, back = come_in(desk, provider)

    visitor.get(back)

    assert visitor.get("/desk/held").status_code == 302


def test_a_code_without_the_state_of_this_browser_opens_nothing(desk, provider):
    desk.add_person("Ana")
    _visitor, back = come_in(desk, provider)
    victim = Visitor(desk.app.test_client())

    victim.get(back)

    assert victim.get("/desk/held").status_code == 302


def test_an_invitation_is_taken_up_by_signing_in(desk, provider):
    from datetime import UTC, datetime

    with desk.database.writing() as session:
        people.invite(session, desk.vault, email="ana@desk.example", now=datetime.now(UTC),
                      site_id=desk.site.id, role="senior")  # fmt: skip
    visitor, back = come_in(desk, provider)

    visitor.get(back)

    assert visitor.get("/desk/deliveries").status_code == 200

"""Every route has a rule, every rule holds for everyone, and a key's rights end when they should."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from moderation.keys import issue_key, revoke_key
from moderation.sites import SCOPES
from moderation.tables import SiteKey
from service import auth
from service.auth import OPEN, OWN, rules_of
from service.door import door_of, utcnow
from tests.service.conftest import HELLO, Caller, make_caller


def routes(app):
    """(endpoint, rule, method, path with an id that is nobody's)."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "01ARZ3NDEKTSV4RRFFQ69G5FAV", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, rules_of(app).get(rule.endpoint), method, path


def test_every_route_has_a_rule_and_every_rule_a_route(app):
    endpoints = {endpoint for endpoint, *_ in routes(app)}

    assert endpoints == set(rules_of(app))


def test_a_route_without_a_rule_is_closed(app):
    app.add_url_rule("/v1/forgotten", "forgotten", lambda: "open to all")

    assert app.test_client().get("/v1/forgotten").status_code == 403


def test_without_a_key_only_open_routes_answer(app):
    client = app.test_client()

    for endpoint, rule, method, path in routes(app):
        if rule not in (OPEN, OWN):
            answer = client.open(path, method=method)
            assert (answer.status_code, answer.json["type"]) == (401, "/docs#unauthorized"), endpoint
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_the_routes_of_its_scope_and_no_others(app, scope):
    site = make_caller(app, scopes=(scope,))

    for endpoint, rule, method, path in routes(app):
        if rule in SCOPES:
            answer = site.call(method, path, json={})
            assert (answer.status_code == 403) == (rule != scope), endpoint
            if rule != scope:
                assert f"“{rule}”" in answer.json["detail"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer btl_wrong",
        "Bearer btl_\u00e9\u00e9\u00e9",
        "Bearer " + "x" * 5000,
        "bearer \x00",
    ],
)
def test_what_is_no_key_is_refused_in_one_way(app, header):
    answer = app.test_client().get("/v1/comments", headers={"Authorization": header.encode("latin-1")})

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


def test_a_revoked_key_is_refused_within_seconds(app, site, monkeypatch):
    monkeypatch.setattr(auth, "CACHE_SECONDS", 0)
    with site.database.writing() as session:
        row = session.query(SiteKey).one()
        revoke_key(session, site.site_id, row.id, now=utcnow())

    assert site.get("/v1/comments").status_code == 401


def test_a_key_is_refused_after_its_time(app, site, monkeypatch):
    monkeypatch.setattr(auth, "CACHE_SECONDS", 0)
    with site.database.writing() as session:
        session.execute(update(SiteKey).values(expires_at=utcnow() - timedelta(seconds=1)))

    assert site.get("/v1/comments").status_code == 401


def test_only_a_sites_own_keys_open_the_api(app):
    door = door_of(app)
    site = make_caller(app)
    for kind in ("akismet", "coral", "publishable"):
        with door.database.writing() as session:
            _, key = issue_key(
                session, door.vault, site_id=site.site_id, now=utcnow(), kind=kind, scopes=SCOPES
            )
        other = Caller(app.test_client(), door.database, site.site_id, key)

        assert other.get("/v1/comments").status_code == 401, kind


def test_a_key_is_kept_as_a_digest_and_its_use_is_noted_aside(app, site):
    site.send()
    door_of(app).aside.wait()

    with site.database.reading() as session:
        row = session.query(SiteKey).one()
    assert row.last_used_at is not None
    assert site.key.startswith(row.prefix)
    assert site.key not in {row.digest, row.secret_encrypted, row.prefix}


def test_guessing_keys_is_slowed_down(app):
    client = app.test_client()
    guesses = [
        client.get("/v1/comments", headers={"Authorization": f"Bearer btl_{number}"}).status_code
        for number in range(40)
    ]

    assert guesses[0] == 401
    assert guesses[-1] == 429


def test_two_sites_see_their_own_comments_only(app):
    mine, theirs = make_caller(app), make_caller(app, slug="other")
    comment = mine.post("/v1/comments", HELLO).json["id"]

    assert [one["id"] for one in mine.get("/v1/comments").json["comments"]] == [comment]
    assert theirs.get("/v1/comments").json["comments"] == []

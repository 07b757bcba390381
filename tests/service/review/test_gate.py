"""Nobody comes in who should not, and a browser session cannot be planted, replayed or kept alive."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import extract_parameters
from sqlalchemy import select, update
from werkzeug.routing.converters import NumberConverter

from moderation import people
from moderation.tables import Moderator, SignIn
from tests.desk import PASSWORD, Visitor


def test_every_address_of_the_desk_asks_who_comes(desk):
    stranger = desk.app.test_client()
    open_to_all = {
        "sign_in",
        "enter",
        "second_factor",
        "sign_out",
        "accept_invitation",
        "oidc_begin",
        "oidc_end",
    }

    for rule in desk.app.url_map.iter_rules():
        name = rule.endpoint.removeprefix("desk.")
        if not rule.endpoint.startswith("desk.") or name in open_to_all or "GET" not in rule.methods:
            continue
        values = {one: _any_value(rule, one) for one in rule.arguments}
        with desk.app.test_request_context():
            address = desk.app.url_for(rule.endpoint, **values)
        answer = stranger.get(address)
        assert answer.status_code == 302, address
        assert answer.headers["Location"].startswith("/desk/sign-in"), address


def _any_value(rule, name):
    if isinstance(rule._converters[name], NumberConverter):
        return 1
    return {"view": "held", "kind": "author", "what": "ping", "name": "outcomes"}.get(name, "x")


def test_a_form_without_its_token_does_nothing(desk):
    comment = desk.add_comment()
    visitor = desk.client_of(desk.add_person())

    answer = visitor.post(f"/desk/comments/{comment.id}/decisions", {"action": "approve"}, token="")

    assert answer.status_code == 400
    assert desk.status_of(comment) == "held"


def test_a_wrong_password_and_a_wrong_address_are_answered_alike(desk):
    person = desk.add_person()
    answers = []
    for email in (person.email, "nobody@desk.example"):
        visitor = Visitor(desk.app.test_client())
        visitor.get("/desk/sign-in")
        answer = visitor.post("/desk/sign-in", {"email": email, "password": "wrong"})
        answers.append((answer.status_code, re.findall(r"(?s)<main.*?<form", answer.text)))

    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_a_wrong_address_takes_as_long_as_a_wrong_password(desk, monkeypatch):
    """No clock: both are held against one argon2 digest, made with the same parameters."""
    person, checked = desk.add_person(), []

    class Hasher:
        def __getattr__(self, name):
            return getattr(argon2, name)

        def verify(self, digest, password):
            checked.append(extract_parameters(digest))
            return argon2.verify(digest, password)

    argon2 = people._HASHER
    monkeypatch.setattr(people, "_HASHER", Hasher())
    for email in (person.email, "nobody@desk.example", "no address", ""):
        visitor = Visitor(desk.app.test_client())
        visitor.get("/desk/sign-in")
        visitor.post("/desk/sign-in", {"email": email, "password": "wrong"})

    assert len(checked) == 4
    assert len(set(map(str, checked))) == 1


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded"])
def test_a_forged_host_name_goes_into_no_address(desk, header):
    forged = {header: "host=evil.example" if header == "Forwarded" else "evil.example"}
    visitor = desk.client_of(desk.add_person(is_admin=True))
    visitor.get("/desk/team")
    invited = visitor.post(
        "/desk/team", {"email": "new@desk.example", "name": "New", "role": "moderator"}, headers=forged
    )
    stranger = desk.app.test_client()
    answers = [invited, visitor.get("/desk/team", headers=forged)]
    for path in ("/", "/desk/", "/desk/held", "/desk/sign-in", "/docs", "/openapi.json", "/$discovery/rest"):
        answers.append(stranger.get(path, headers=forged))

    for answer in answers:
        assert "evil.example" not in answer.headers.get("Location", "")
        assert "evil.example" not in answer.text


def test_guessing_is_slowed_down(desk):
    person = desk.add_person()
    visitor = Visitor(desk.app.test_client())
    visitor.get("/desk/sign-in")

    # Ten in a minute; the twenty-first is one too many also where a new minute begins meanwhile.
    answers = []
    while len(answers) < 21 and 429 not in answers:
        answer = visitor.post("/desk/sign-in", {"email": person.email, "password": "x" * 300})
        answers.append(answer.status_code)

    assert answers[-1] == 429
    assert len(answers) > 10


def test_a_session_begins_anew_at_sign_in_and_ends_at_sign_out(desk):
    person = desk.add_person()
    visitor = Visitor(desk.app.test_client())
    visitor.get("/desk/sign-in")
    with visitor.client.session_transaction(path="/desk") as planted:
        planted["attacker"] = "was here"
    visitor.post("/desk/sign-in", {"email": person.email, "password": PASSWORD})
    with visitor.client.session_transaction(path="/desk") as session:
        assert "attacker" not in session
        kept = dict(session)
    visitor.get("/desk/held")

    visitor.post("/desk/sign-out")

    thief = desk.app.test_client()
    with thief.session_transaction(path="/desk") as session:
        session.update(kept)
    assert thief.get("/desk/held").status_code == 302


@pytest.mark.parametrize(
    "change",
    [
        {"last_seen_at": datetime.now(UTC) - timedelta(hours=people.IDLE_HOURS, minutes=1)},
        {"created_at": datetime.now(UTC) - timedelta(days=people.LONGEST_DAYS, minutes=1)},
        {"revoked_at": datetime.now(UTC)},
    ],
    ids=["idle", "too old", "revoked"],
)
def test_a_session_that_is_over_opens_nothing(desk, change):
    visitor = desk.client_of(desk.add_person())
    with desk.database.writing() as session:
        session.execute(update(SignIn).values(**change))

    assert visitor.get("/desk/held").status_code == 302
    answer = visitor.get("/desk/pulse", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/desk/sign-in")


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/desk/", "/desk/../api", "javascript:x"]
)
def test_a_sign_in_leads_nowhere_but_to_the_desk(desk, to):
    person = desk.add_person()
    visitor = Visitor(desk.app.test_client())
    visitor.get("/desk/sign-in")

    answer = visitor.post("/desk/sign-in", {"email": person.email, "password": PASSWORD, "to": to})

    assert answer.headers["Location"] in ("/desk/", "/desk/../api")
    assert visitor.get("/desk/held").status_code == 200


def test_a_second_factor_is_asked_for_and_a_code_works_once(desk):
    person, secret = desk.add_person(), people.new_totp_secret()
    with desk.database.writing() as session:
        row = session.get_one(Moderator, person.id)
        earlier = datetime.now(UTC) - timedelta(minutes=5)
        assert people.keep_totp(row, desk.vault, secret, pyotp.TOTP(secret).at(earlier), earlier)
    visitor, thief = Visitor(desk.app.test_client()), Visitor(desk.app.test_client())
    for one in (visitor, thief):
        one.get("/desk/sign-in")
        answer = one.post("/desk/sign-in", {"email": person.email, "password": PASSWORD})
        assert answer.headers["Location"] == "/desk/sign-in/code"
        assert one.get("/desk/held").status_code == 302
        one.get("/desk/sign-in/code")
    code = pyotp.TOTP(secret).now()

    assert visitor.post("/desk/sign-in/code", {"code": code}).status_code == 303
    assert thief.post("/desk/sign-in/code", {"code": code}).status_code == 401

    assert visitor.get("/desk/held").status_code == 200
    assert thief.get("/desk/held").status_code == 302


def test_an_invitation_makes_one_account_once(desk):
    root = desk.client_of(desk.add_person("Root", is_admin=True))
    root.get("/desk/people")
    root.post(
        "/desk/people/invite", {"email": "New@Desk.example", "role": "moderator", "site_id": desk.site.id}
    )
    link = re.search(r"/desk/invitations/[\w-]+", root.get("/desk/people").text).group(0)
    assert link not in root.get("/desk/people").text
    guest, late = Visitor(desk.app.test_client()), Visitor(desk.app.test_client())
    late.get(link)
    guest.get(link)

    assert guest.post(link, {"name": "New", "password": "short"}).status_code == 422
    assert guest.post(link, {"name": "New", "password": PASSWORD}).status_code == 303
    assert late.post(link, {"name": "Late", "password": PASSWORD}).headers["Location"] == "/desk/sign-in"

    assert guest.get("/desk/held").status_code == 200
    with desk.database.reading() as session:
        made = session.scalar(select(Moderator).where(Moderator.email == "new@desk.example"))
        assert (made.name, made.is_admin) == ("New", False)
        assert people.rights_of(session, made).roles == {desk.site.id: "moderator"}


def test_roles_are_asked_for_on_each_site(desk):
    from moderation import sites

    with desk.database.writing() as session:
        other = sites.open_site(session, name="Other", slug="other", now=datetime.now(UTC))
    elsewhere = desk.add_comment(site_id=other.id)
    here = desk.add_comment()
    reader = desk.client_of(desk.add_person("Rea", role="read-only"))
    moderator = desk.client_of(desk.add_person("Mo"))

    assert reader.get(f"/desk/comments/{here.id}").status_code == 200
    assert reader.post(f"/desk/comments/{here.id}/decisions", {"action": "approve"}).status_code == 403
    moderator.get("/desk/held")
    assert moderator.get(f"/desk/comments/{elsewhere.id}").status_code == 404
    assert (
        moderator.post(f"/desk/comments/{elsewhere.id}/decisions", {"action": "approve"}).status_code == 404
    )
    assert moderator.get("/desk/held?site=other").status_code == 404
    assert moderator.post("/desk/bulk", {"action": "approve", "ids": elsewhere.id}).status_code == 303
    assert moderator.get("/desk/people").status_code == 403
    assert {desk.status_of(here), desk.status_of(elsewhere)} == {"held"}


def test_a_person_ends_other_sessions_and_a_new_password_ends_them_all(desk):
    person = desk.add_person()
    office, phone = desk.client_of(person), desk.client_of(person)
    digest = re.search(r'name="digest" value="(\w+)"', office.get("/desk/account").text).group(1)
    office.post("/desk/account/sessions/end", {"digest": digest})
    assert phone.get("/desk/held").status_code == 302

    phone = desk.client_of(person)
    office.post("/desk/account/password", {"old": PASSWORD, "password": "another long evening"})

    assert office.get("/desk/held").status_code == 200
    assert phone.get("/desk/held").status_code == 302

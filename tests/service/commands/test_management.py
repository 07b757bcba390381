"""Sites, keys, people, endpoints and numbers from the command line, as an operator types them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import select

from moderation.keys import key_of
from moderation.lifecycle import receive
from moderation.people import person_by_password
from moderation.settings import Settings
from moderation.tables import Comment, Endpoint, Site, SiteKey
from moderation.vault import vault_of
from service.cli import group, main
from tests.conftest import NOON, make_site


@pytest.fixture
def btl(environment, monkeypatch):
    for name, value in {**environment, "BTL_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)

    def run(*words, code=0, **how):
        done = CliRunner().invoke(group, list(words), **how)
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def vault(environment):
    settings = Settings.from_environment(environment)
    return vault_of(settings.email_keys, settings.hash_key)


@pytest.fixture
def site(sqlite_database, vault):
    with sqlite_database.writing() as session:
        return make_site(session, vault)


def test_a_site_is_opened_listed_and_given_options(btl, sqlite_database):
    opened = json.loads(btl("sites", "add", "The Daily Line", "--language", "de", "--json"))
    btl("sites", "set", "the-daily-line", "limits.per_key=600", "blogs=[]", "motto=plain text")
    btl("sites", "set", "the-daily-line", "motto=")

    with sqlite_database.reading() as session:
        site = session.scalar(select(Site))
    assert (opened["slug"], site.language) == ("the-daily-line", "de")
    assert site.options == {"limits": {"per_key": 600}, "blogs": []}
    assert "already" in btl("sites", "add", "The Daily Line", code=1)
    assert [row["slug"] for row in json.loads(btl("sites", "list", "--json"))] == ["the-daily-line"]


def test_a_key_is_issued_found_rotated_and_revoked(btl, site, sqlite_database):
    issued = json.loads(btl("keys", "issue", "--scope", "submit", "--label", "web", "--days", "7", "--json"))
    rotated = json.loads(btl("keys", "rotate", issued["id"], "--json"))
    btl("keys", "revoke", rotated["id"])

    assert issued["scopes"] == rotated["scopes"] == ["submit"]
    listed = json.loads(btl("keys", "list", "--json"))
    assert [bool(row["revoked_at"]) for row in listed] == [False, True]
    assert issued["key"] not in btl("keys", "list")
    with sqlite_database.reading() as session:
        assert key_of(session, issued["key"], kinds=("site",), now=NOON) is not None
        assert key_of(session, rotated["key"], kinds=("site",), now=NOON) is None


def test_a_publishable_key_needs_its_origins(btl, site):
    btl("keys", "issue", "--kind", "publishable", code=2)
    btl("keys", "issue", "--origin", "https://news.example", code=2)

    issued = json.loads(
        btl("keys", "issue", "--kind", "publishable", "--origin", "https://news.example", "--json")
    )

    assert issued["origins"] == ["https://news.example"]


def test_addresses_and_secrets_move_to_a_new_key(btl, site, vault, environment, monkeypatch, sqlite_database):
    with sqlite_database.writing() as session:
        for n in range(3):
            receive(
                session,
                site_id=site.id,
                vault=vault,
                now=NOON,
                name="Ann",
                email=f"ann{n}@example.org",
                body="Hello",
            )
    btl("endpoints", "add", "http://127.0.0.1:9/hook")
    btl("keys", "issue", "--kind", "coral")
    new, old = Fernet.generate_key().decode(), environment["BTL_EMAIL_KEYS"]
    monkeypatch.setenv("BTL_EMAIL_KEYS", f"{new},{old}")

    said = btl("keys", "rotate-email")

    assert said.startswith("5 rows")
    alone = vault_of((new,), b"x" * 32)
    with sqlite_database.reading() as session:
        tokens = [
            *session.scalars(select(Comment.email_encrypted)),
            *session.scalars(select(Endpoint.secret_encrypted)),
        ]
        tokens += session.scalars(select(SiteKey.secret_encrypted).where(SiteKey.kind == "coral"))
        assert len([alone.decrypt(token) for token in tokens]) == 5


def test_a_key_that_was_taken_away_too_early_is_said(btl, site, vault, monkeypatch, sqlite_database):
    with sqlite_database.writing() as session:
        receive(session, site_id=site.id, vault=vault, now=NOON, name="Ann", email="a@example.org", body="Hi")
    monkeypatch.setenv("BTL_EMAIL_KEYS", Fernet.generate_key().decode())

    assert "BTL_EMAIL_KEYS" in btl("keys", "rotate-email", code=1)


def test_people_are_added_given_roles_and_shut_out(btl, site, sqlite_database):
    added = json.loads(
        btl("moderators", "add", "Mo@Example.org", "--name", "Mo", "--role", "senior", "--json")
    )
    reset = json.loads(btl("moderators", "password", "mo@example.org", "--json"))
    btl("moderators", "role", "mo@example.org", "moderator", "--site", "daily-line")

    with sqlite_database.reading() as session:
        assert person_by_password(session, email="mo@example.org", password=reset["password"])
        assert not person_by_password(session, email="mo@example.org", password=added["password"])
    [row] = json.loads(btl("moderators", "list", "--json"))
    assert row["roles"] == ["moderator on daily-line"]
    btl("moderators", "disable", "mo@example.org")
    with sqlite_database.reading() as session:
        assert not person_by_password(session, email="mo@example.org", password=reset["password"])


def test_a_password_of_ones_own_is_read_and_judged(btl, site):
    btl("moderators", "add", "mo@example.org", "--role", "admin")

    weak = btl("moderators", "password", "mo@example.org", "--password-stdin", input="12345\n", code=1)
    strong = btl(
        "moderators", "password", "mo@example.org", "--password-stdin", input="four words and a number 7\n"
    )

    assert "Error" not in strong
    assert "Traceback" not in weak


def test_an_invitation_is_a_link(btl, site):
    invited = json.loads(btl("moderators", "invite", "new@example.org", "--json"))

    assert "/desk/invitations/" in invited["link"]


def test_endpoints_are_managed_and_pinged(btl, site):
    made = json.loads(
        btl("endpoints", "add", "http://127.0.0.1:9/hook", "--event", "comment.approved", "--json")
    )
    ping = btl("endpoints", "ping", made["id"]).split()[-1]
    shown = json.loads(btl("deliveries", "show", ping, "--json"))
    btl("deliveries", "replay", ping)
    btl("endpoints", "set", made["id"], "--status", "disabled")
    btl("endpoints", "delete", made["id"])

    assert made["secret"].startswith("whsec_")
    assert (shown["event"], shown["attempts"]) == ("ping", [])
    assert btl("endpoints", "list").strip() == "There are none."


def test_numbers_are_shown_and_given_to_scripts(btl, site, vault, sqlite_database):
    with sqlite_database.writing() as session:
        receive(session, site_id=site.id, vault=vault, now=NOON, name="Ann", email="a@example.org", body="Hi")

    assert "pending" in btl("stats")
    assert json.loads(btl("stats", "--days", "30", "--json"))["now"] == {"pending": 1}


def test_lines_are_scored_and_a_bad_one_is_reported_by_number(btl):
    lines = [
        '{"text": "You are a stupid idiot, moron."}',
        "",
        "not json",
        '{"text": 7}',
        '{"texts": "x"}',
        '["x"]',
        '{"text": "Thank you for this article about the ferry.", "name": "Ann"}',
    ]

    said = btl("score", input="\n".join(lines), code=1)

    answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [answer.get("line") for answer in answers] == [None, 3, 4, 5, 6, None]
    assert answers[0]["scores"]["toxicity"] > 0.8
    assert (answers[0]["verdict"] in ("hold", "reject"), answers[5]["verdict"]) == (True, "approve")
    assert set(answers[0]) == {"scores", "verdict", "model"}


def test_another_policy_judges_otherwise(btl, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("thresholds:\n  toxicity: {hold_at: 0.0, reject_at: 1.0}\n")

    said = btl("score", "--policy", str(policy), input='{"text": "Thank you for this article."}\n')

    assert json.loads(said)["verdict"] == "hold"


def test_what_strangers_wrote_cannot_steer_the_terminal(btl):
    btl("sites", "add", "Evil \x1b[31m\nName", "--slug", "evil")

    assert "\x1b" not in btl("sites", "list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["endpoints", "add", "http://10.1.1.1/"], "not on the public internet"),
        (["keys", "revoke", "nobody"], "no such key"),
        (["deliveries", "replay", "nobody"], "no such delivery"),
        (["moderators", "disable", "nobody@example.org"], "no such moderator"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_one(btl, site, capsys, words, says):
    with pytest.raises(SystemExit) as ended:
        main(words)

    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith("Error: ")
    assert says in said


def test_an_unready_database_is_said_in_one_line(btl, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("BTL_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    with pytest.raises(SystemExit) as ended:
        main(["sites", "list"])

    assert ended.value.code == 1
    assert "btl doctor" in capsys.readouterr().err

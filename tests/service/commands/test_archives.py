"""Everything out and in again: export, import, erase, audit, as an operator types them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from moderation import lifecycle, sealing
from moderation.opinion import Judgement
from moderation.settings import Settings
from moderation.tables import Comment, Decision
from moderation.vault import vault_of
from service.cli import group
from tests.conftest import NOON, make_site


@pytest.fixture
def btl(environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*words, code=0, **how):
        done = CliRunner().invoke(group, [str(word) for word in words], **how)
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def filled(environment, sqlite_database):
    settings = Settings.from_environment(environment)
    vault = vault_of(settings.email_keys, settings.hash_key)
    with sqlite_database.writing() as session:
        site = make_site(session, vault)
        for name in ("ann", "bob"):
            comment = lifecycle.receive(
                session, site_id=site.id, vault=vault, now=NOON, name=name, email=f"{name}@example.com",
                body=f"By {name}.", external_id=name,
            )  # fmt: skip
            session.flush()
            session.expunge(comment)
            lifecycle.settle(session, [Judgement(comment, "approve", [], {"spam": 0.1})], now=NOON)
    return sqlite_database


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_exported_can_be_imported(filled, btl, tmp_path):
    btl("export", tmp_path / "out")
    for comment in rows(tmp_path / "out" / "comments.jsonl"):
        assert comment["email"] == f"{comment['name']}@example.com"
    with filled.writing() as session:
        make_site(session, None, slug="other")

    output = btl(
        "import", tmp_path / "out" / "comments.jsonl", "--format", "jsonl", "--site", "other", "--json"
    )

    assert json.loads(output) == {"added": 2, "known": 0, "bad": 0}


def test_a_copy_for_one_person_holds_nobody_else(filled, btl, tmp_path):
    btl("export", tmp_path / "out", "--email", "Ann@example.com")

    everything = "".join(path.read_text() for path in (tmp_path / "out").iterdir())

    assert "By ann." in everything
    assert "bob" not in everything


def test_addresses_stay_home_when_told(filled, btl, tmp_path):
    btl("export", tmp_path / "out", "--without-addresses")

    assert "@example.com" not in (tmp_path / "out" / "comments.jsonl").read_text()


def test_an_erasure_asks_first(filled, btl):
    assert "1 comments" in btl("erase", "--email", "ann@example.com", input="n\n", code=1)
    with filled.reading() as session:
        assert session.query(Comment).filter_by(status="erased").count() == 0

    btl("erase", "--email", "ann@example.com", "--yes")

    with filled.reading() as session:
        assert session.query(Comment).filter_by(status="erased").count() == 1


def test_erase_wants_to_know_whom(btl):
    assert "--email or --author" in btl("erase", code=2)


def test_a_forged_decision_is_found(filled, btl):
    with filled.writing() as session:
        sealing.seal(session, now=NOON.replace(day=29))
    assert "2 decisions hold, 0 broken" in btl("audit", "verify")
    with filled.writing() as session:
        session.query(Decision).first().by_id = "someone"

    assert "was changed" in btl("audit", "verify", code=1)


def test_the_site_must_be_named_when_there_are_several(filled, btl, tmp_path):
    with filled.writing() as session:
        make_site(session, None, slug="other")

    assert "daily-line, other" in btl("export", tmp_path / "out", code=2)

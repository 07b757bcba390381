"""An archive comes in once, however often the run is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from moderation.archives import Archived, BadRow
from moderation.importing import BATCH, import_archive
from moderation.tables import Author, Comment, Decision, Event, Label
from moderation.vault import vault_of
from tests.conftest import NOON, make_site
from tests.running import wait_for

ROW = Archived(
    external_id="1",
    name="Ann",
    body="Late",
    status="approved",
    created_at=NOON,
    email="ann@example.com",
    article_id="7",
)


@pytest.fixture
def site(database, vault):
    with database.writing() as session:
        return make_site(session, vault, endpoint="https://news.example/webhooks")


def bring(database, site, vault, rows):
    tally = None
    for tally in import_archive(database, rows, site=site, vault=vault, origin="csv", now=NOON):  # noqa: B007
        pass
    return tally


def test_decided_comments_come_in_with_decision_and_label_and_announce_nothing(database, site, vault):
    tally = bring(
        database, site, vault, [ROW, replace(ROW, external_id="2", status="rejected", is_spam=True)]
    )

    assert (tally.added, tally.known) == (2, 0)
    with database.reading() as session:
        assert set(session.scalars(select(Comment.status))) == {"approved", "rejected"}
        assert session.scalar(select(func.count(Decision.id)).where(Decision.action == "import")) == 2
        labels = session.execute(select(Label.attribute, Label.value).order_by(Label.attribute)).all()
        assert [tuple(label) for label in labels] == [("likely_to_reject", 0.0), ("spam", 1.0)]
        assert session.scalar(select(func.count(Event.id))) == 0
        assert session.scalars(select(Author)).one().approved == 1


def test_a_second_run_adds_only_what_is_new(database, site, vault):
    bring(database, site, vault, [ROW, BadRow("2", "no text")])

    tally = bring(database, site, vault, [ROW, replace(ROW, external_id="", body="No id")] * 2)

    assert (tally.added, tally.known) == (1, 3)


def test_many_batches(database, site, vault):
    rows = (replace(ROW, external_id=str(number)) for number in range(BATCH + 20))

    assert bring(database, site, vault, rows).added == BATCH + 20


def test_what_no_database_can_hold_ends_nothing(database, site, vault):
    odd = replace(
        ROW, name="A\ud800nn", email="ann\x00@example.com", article_title="x\x00", parent_id="p\x00"
    )
    long = replace(ROW, external_id="x" * 300)

    assert bring(database, site, vault, [odd, long]).added == 2
    assert bring(database, site, vault, [odd, long]).known == 2


@pytest.mark.processes
def test_a_run_killed_in_the_middle_goes_on_where_it_was(database, database_url, environment, tmp_path):
    """kill -9 while rows go in: the second run adds exactly what the first did not."""
    total, archive = 8_000, tmp_path / "comments.jsonl"
    with archive.open("w") as out:
        for number in range(total):
            row = {
                "external_id": f"c{number}",
                "name": f"Ann {number % 50}",
                "email": f"a{number % 50}@example.com",
            }
            row |= {"body": f"Number {number}.", "status": "approved", "submitted_at": "2024-05-01T10:00:00Z"}
            out.write(json.dumps(row) + "\n")
        out.write("not json\n")
    environment["BTL_DATABASE_URL"] = database_url
    with database.writing() as session:
        make_site(session, vault_of((environment["BTL_EMAIL_KEYS"],), environment["BTL_HASH_KEY"]))
    words = [sys.executable, "-m", "service", "import", str(archive), "--format", "jsonl", "--json"]
    whole = {"env": {**os.environ, **environment}, "stdout": subprocess.PIPE, "text": True}

    def count(table=Comment):
        with database.reading() as session:
            return session.scalar(select(func.count(table.id)))

    with subprocess.Popen(words, **whole) as first:
        wait_for(lambda: count() >= BATCH or first.poll() is not None, "the first rows")
        first.kill()
    there = count()
    second = subprocess.run(words, **whole, check=True)

    assert BATCH <= there < total
    assert there % BATCH == 0
    assert json.loads(second.stdout) == {"added": total - there, "known": there, "bad": 1}
    assert count() == count(Decision) == count(Label) == total
    with database.reading() as session:
        assert session.scalar(select(func.sum(Author.approved))) == total

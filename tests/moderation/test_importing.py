"""An archive comes in once, however often the run is started."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from moderation.archives import Archived, BadRow
from moderation.importing import BATCH, import_archive
from moderation.tables import Author, Comment, Decision, Event, Label
from tests.conftest import NOON, make_site

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

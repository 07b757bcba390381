"""An author learns why, and the EU's database learns it without a word of theirs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from moderation import complaints, lifecycle, statements, transparency
from moderation.errors import NotFound
from moderation.opinion import Judgement
from moderation.tables import Comment
from tests.conftest import NOON, make_site

LATER = NOON + timedelta(hours=2)
REASON = {"kind": "score", "name": "insult", "verdict": "reject", "value": 0.97, "threshold": 0.95,
          "text": "Insult 0.97, above this site's reject line of 0.95"}  # fmt: skip


@pytest.fixture
def site(session, vault):
    return make_site(session, vault)


def rejected(session, site, vault, outcome="reject"):
    comment = lifecycle.receive(
        session, site_id=site.id, vault=vault, now=NOON, name="Ann Zirkon", email="ann@example.com",
        body="You utter zirkonquark.", article={"id": "1", "title": "The ferry"},
    )  # fmt: skip
    session.flush()
    session.expunge(comment)
    lifecycle.settle(
        session, [Judgement(comment, outcome, [REASON], {"insult": 0.97}, model="2026.1")], now=NOON
    )
    return session.get(Comment, comment.id)


def test_the_statement_says_all_that_article_17_asks_for(session, site, vault):
    comment = rejected(session, site, vault)

    said = statements.statement_of(session, comment, statements.restriction_of(session, comment), site)

    assert said["automated_decision"]
    assert said["automated_detection"]
    assert said["facts"]["reason_code"] == "ABUSIVE"
    assert said["facts"]["reasons"] == [{"name": "insult", "text": REASON["text"]}]
    for part in (
        "not published",
        "abuse of other people",
        "software, without a person",
        "rules for comments",
        "appeal within six months",
        "Courts",
    ):
        assert part in said["text"]


def test_a_persons_decision_is_called_one(session, site, vault):
    comment = rejected(session, site, vault, "hold")
    lifecycle.decide(
        session,
        comment,
        action="reject",
        by_kind="moderator",
        by_id="m",
        reason_code="HATE_SPEECH",
        now=LATER,
    )

    said = statements.statement_of(session, comment, statements.restriction_of(session, comment), site)

    assert not said["automated_decision"]
    assert "decided on by a person, after software had found it" in said["text"]


def test_what_is_published_has_no_statement(session, site, vault):
    with pytest.raises(NotFound):
        statements.restriction_of(session, rejected(session, site, vault, "approve"))


def test_the_databases_row_holds_no_personal_data_and_keeps_its_limits(session, site, vault):
    comment = rejected(session, site, vault)
    ((decision, found),) = statements.restrictions_between(session, site.id, NOON - timedelta(days=1), LATER)

    row = statements.database_row(session, found, decision, site)

    assert "irkon" not in repr(row)
    assert "ann@" not in repr(row)
    assert comment.id == found.id
    assert re.fullmatch(r"[A-Za-z0-9\-_]{1,500}", row["puid"])
    assert row["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    assert row["decision_ground"] == "DECISION_GROUND_INCOMPATIBLE_CONTENT"
    assert len(row["incompatible_content_ground"]) <= 500
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["content_date"])


def test_the_years_figures(session, site, vault):
    machine = rejected(session, site, vault)
    held = rejected(session, site, vault, "hold")
    lifecycle.decide(
        session, held, action="reject", by_kind="moderator", by_id="m", reason_code="SPAM", now=LATER
    )
    appeal = complaints.appeal(session, machine, text="", now=LATER)
    complaints.decide_appeal(
        session, appeal, machine, overturn=True, by_id="m", answer="", now=LATER + timedelta(hours=3)
    )

    found = transparency.report_of(
        session, site.id, since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2027, 1, 1, tzinfo=UTC)
    )

    assert found["comments_received"] == 2
    assert found["restrictions"] == {
        "total": 2,
        "by_reason": {"ABUSIVE": 1, "SPAM": 1},
        "automated": 1,
        "by_people": 1,
    }
    assert found["machine_rejections_overturned_by_people"] == 1
    assert found["appeals"]["overturned"] == 1
    assert found["appeals"]["median_hours_to_answer"] == 3.0

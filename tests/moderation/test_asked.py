"""Many rows at once come out of the database as they went in, on both."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from moderation import decisions, lifecycle
from moderation.asked import change_all, put_all
from moderation.tables import Comment, Decision
from tests.conftest import NOON, make_site


@pytest.fixture
def comment(session, vault):
    site = make_site(session, vault)
    return lifecycle.receive(
        session,
        site_id=site.id,
        vault=vault,
        now=NOON,
        name="Ann",
        email="ann@example.com",
        body="Late again.",
    )


ODD = "“quoted”, 'single', back\\slash, {brace}, %s, 𝒻𝒶𝓃𝒸𝓎 😀, line\nbreak, \u2028"
LATER = NOON + timedelta(microseconds=123_456)


def test_rows_are_put_as_they_are(session, comment):
    line = decisions.line_of(comment, action="approve", old="pending", by_kind="policy", note=ODD, now=LATER)
    line |= {"reasons": [{"name": ODD, "value": 0.1 + 0.2, "threshold": None}], "model": None}

    put_all(session, Decision.__table__, [line])

    found = session.scalars(select(Decision).where(Decision.id == line["id"])).one()
    assert {name: getattr(found, name) for name in line} == line


def test_rows_are_changed_as_asked_and_no_others(session, comment):
    session.flush()
    change = {
        "id": comment.id,
        "scores": {"toxicity": 1e-17, ODD: 0.5},
        "judged_at": LATER,
        "top_score": 0.1 + 0.2,
    }
    change |= {"facts": None, "verdict": ODD[:10], "cluster": None, "published_revision": 1}

    change_all(session, Comment.__table__, [change, {**change, "id": "nobody"}])

    session.expire_all()
    found = session.scalars(select(Comment)).one()
    assert {name: getattr(found, name) for name in change} == change
    assert found.status == "pending"


def test_nothing_to_do_asks_nothing(session):
    put_all(session, Decision.__table__, [])
    change_all(session, Comment.__table__, [])

"""An author's record fades, mends, and bans only who was rejected often and lately."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from moderation import credit, lifecycle
from moderation.reputation import balance_of, weight_at
from moderation.tables import Author
from tests.conftest import NOON, make_site


def test_a_point_is_worth_half_after_thirty_days():
    stored = 4 * weight_at(NOON)

    assert balance_of(stored, NOON) == pytest.approx(4)
    assert balance_of(stored, NOON + timedelta(days=30)) == pytest.approx(2)
    assert balance_of(stored, NOON + timedelta(days=3650)) == pytest.approx(0, abs=1e-9)


@pytest.fixture
def rejected(session, vault) -> Any:
    site = make_site(session, vault)
    session.add(
        Author(site_id=site.id, identity="id:7", first_seen_at=NOON, last_seen_at=NOON, approved=0, rejected=0,
               strikes=0, reputation=0.0)
    )  # fmt: skip
    session.flush()
    comment = lifecycle.receive(
        session, site_id=site.id, vault=vault, now=NOON, name="A", email="a@example.org", body="Text",
        author={"id": "7", "verified": True},
    )  # fmt: skip

    def reject(at, undo=False) -> Author:
        old, new = ("rejected", "held") if undo else ("held", "rejected")
        credit.decide(session, comment, old=old, new=new, by_person=True, now=at, undone=undo)
        return session.get(Author, (site.id, "id:7"), populate_existing=True)

    return reject


def test_three_rejections_by_people_in_a_week_ban_for_a_week(rejected):
    assert rejected(NOON).banned_until is None
    assert rejected(NOON + timedelta(days=1)).banned_until is None

    author = rejected(NOON + timedelta(days=2))

    assert author.strikes == 3
    assert author.banned_until == NOON + timedelta(days=9)


def test_three_rejections_in_a_year_ban_nobody(rejected):
    for months in (0, 4, 8):
        author = rejected(NOON + timedelta(days=30 * months))

    assert author.strikes == 3
    assert author.banned_until is None


def test_undoing_the_rejection_that_banned_lifts_the_ban(rejected):
    for day in range(3):
        rejected(NOON + timedelta(days=day))

    author = rejected(NOON + timedelta(days=2), undo=True)

    assert (author.strikes, author.banned_until) == (2, None)
    assert balance_of(author.reputation, NOON + timedelta(days=2)) > -6

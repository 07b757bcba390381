"""Figures that a person could check by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from moderation import acts, lifecycle
from moderation.lifecycle import Judgement
from moderation.statistics import Period, cohens_kappa, numbers_of
from moderation.tables import Moderator, SecondReview
from tests.conftest import make_site

NOON = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pairs", "kappa"),
    [
        ({}, None),
        ({("approve", "approve"): 1}, None),
        ({("approve", "approve"): 9}, 1.0),
        ({("approve", "approve"): 5, ("reject", "reject"): 5}, 1.0),
        ({("approve", "reject"): 5, ("reject", "approve"): 5}, -1.0),
        ({("approve", "approve"): 25, ("approve", "reject"): 25,
          ("reject", "approve"): 25, ("reject", "reject"): 25}, 0.0),
        # the worked example of 50 grant applications: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no
        ({("a", "a"): 20, ("a", "r"): 5, ("r", "a"): 10, ("r", "r"): 15}, 0.4),
    ],
)  # fmt: skip
def test_kappa_is_agreement_beyond_chance(pairs, kappa):
    assert cohens_kappa(pairs) == (None if kappa is None else pytest.approx(kappa))


@pytest.mark.parametrize(("days", "steps", "hours"), [(1, 24, 1), (7, 28, 6), (30, 30, 24)])
def test_a_period_ends_now_and_has_equal_steps(days, steps, hours):
    period = Period.of(days, NOON)

    assert (len(period.starts), period.step_hours) == (steps, hours)
    assert period.place_of(NOON) == steps - 1
    assert period.place_of(period.since) == 0
    assert period.place_of(period.since - timedelta(seconds=1)) is None


def test_the_numbers_of_a_small_day(session, vault):
    site = make_site(session, vault)
    session.add(Moderator(id="M1", email="a@x.example", name="Ana", created_at=NOON))
    session.flush()
    made = []
    for index, outcome in enumerate(["approve", "approve", "reject", "hold", "hold"]):
        at = NOON - timedelta(hours=2, minutes=index)
        comment = lifecycle.receive(session, site_id=site.id, vault=vault, now=at, name="R", body="b",
                                    email=f"{index}@x.example", article={"id": "a", "title": "Ferry"})  # fmt: skip
        facts = {"links": [{"domain": "x.example"}]} if outcome == "hold" else {"links": []}
        lifecycle.settle(session, [Judgement(comment, outcome, [], scores={"spam": 0.5, "toxicity": 0.9},
                                             facts=facts)], now=at)  # fmt: skip
        made.append(comment)
    for comment, act in ((made[3], "reject"), (made[0], "reject")):
        acts.decide(session, comment, act, person_id="M1", now=NOON)
    session.query(SecondReview).delete()

    found = numbers_of(session, [site.id], days=1, now=NOON)

    assert {status: sum(counts) for status, counts in found.outcomes.items()} == {
        "approved": 2, "held": 2, "rejected": 1}  # fmt: skip
    assert [value for value in found.machine_share if value is not None] == [pytest.approx(3 / 5)]
    assert found.totals["overturned"] == 1
    assert [value for value in found.wait_median if value is not None] == [pytest.approx(123.0)]
    assert [value for value in found.averages["toxicity"] if value is not None] == [pytest.approx(0.9)]
    assert found.articles == [("Ferry", 5, 1, 0)]
    assert found.domains == [("x.example", 2)]
    assert found.load == [("Ana", 2, 2)]
    assert (found.agreement, found.second_looks) == (None, 0)

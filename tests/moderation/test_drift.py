"""Scores that lie elsewhere than before, and people who reverse more than before, are noticed."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from ulid import ULID

from moderation import drift, watching
from moderation.calibration import calibration_of
from moderation.policy_schema import ATTRIBUTES
from moderation.tables import Comment, Decision, Notice, Site
from tests.conftest import NOON, make_site


@pytest.fixture
def site(session, vault) -> Site:
    return make_site(session, vault)


class Past:
    """Comments and decisions at times long gone, as they would have been stored then."""

    def __init__(self, session, site):
        self.session, self.site, self.made = session, site, 0

    def id_at(self, days: float) -> str:
        self.made += 1
        at = NOON - timedelta(days=days)
        return str(ULID.from_datetime(at))[:10] + f"{self.made:016d}"

    def comment(self, days: float, *, verdict="approve", model="2026.1", shadow=None, **scores) -> Comment:
        at = NOON - timedelta(days=days)
        made = Comment(
            id=self.id_at(days), site_id=self.site.id, name="A", body="b", email_encrypted="", email_hash="",
            author_identity="a", submitted_at=at, received_at=at, judged_at=at, status="approved",
            scores=dict.fromkeys(ATTRIBUTES, 0.005) | scores, model=model, verdict=verdict, shadow=shadow,
        )  # fmt: skip
        self.session.add(made)
        return made

    def decide(self, comment, days, new, *, old="", by="moderator") -> None:
        self.session.flush()
        self.session.add(
            Decision(
                id=self.id_at(days), site_id=self.site.id, comment_id=comment.id, revision=1,
                action={"approved": "approve", "rejected": "reject"}[new], old_status=old or "pending",
                new_status=new, by_kind=by, reasons=[], created_at=NOON - timedelta(days=days),
            )
        )  # fmt: skip


@pytest.fixture
def past(session, site) -> Past:
    return Past(session, site)


def spread(found, attribute):
    return next(one for one in found.spreads if one.attribute == attribute)


def test_like_weeks_have_an_index_of_nothing_and_other_ones_a_large_one():
    alike = drift.stability_index([50, 30, 20], [500, 300, 200])
    other = drift.stability_index([20, 30, 50], [500, 300, 200])

    assert alike < 0.001
    # by hand: 0.3 ln(5/2) twice, and nothing from the middle
    assert other == pytest.approx(0.54, abs=0.02)


def test_a_week_whose_insults_rose_is_noticed_by_that_attribute_alone(session, site, past):
    for number in range(drift.FEWEST):
        past.comment(20, insult=0.03)
        past.comment(2, insult=0.65 if number % 2 else 0.03)

    found = drift.drift_of(session, site.id, now=NOON)

    assert [one.attribute for one in found.shifted] == ["insult"]
    assert spread(found, "spam").index == pytest.approx(0, abs=0.001)
    assert (found.comments, found.comments_before) == (drift.FEWEST, drift.FEWEST)


def test_with_few_comments_there_is_no_index_and_with_another_model_no_alarm(session, site, past):
    past.comment(20, insult=0.03)
    past.comment(2, insult=0.9)
    few = drift.drift_of(session, site.id, now=NOON)
    for _ in range(drift.FEWEST):
        past.comment(20, insult=0.03)
        past.comment(2, insult=0.9, model="2027.1")

    found = drift.drift_of(session, site.id, now=NOON)

    assert spread(few, "insult").index is None
    assert spread(found, "insult").index > drift.SHIFTED
    assert found.is_other_model
    assert found.shifted == ()


def test_more_comments_than_it_takes_are_drawn_from(session, site, past, monkeypatch):
    monkeypatch.setattr(drift, "MOST", 40)
    for _ in range(100):
        past.comment(2)

    assert 0 < drift.drift_of(session, site.id, now=NOON).comments <= 40


def test_a_week_in_which_people_reverse_much_more_stands_out(session, site, past):
    for days, reversed_ in ((3, 30), (10, 5), (17, 5), (24, 5), (31, 5)):
        for number in range(100):
            comment = past.comment(days)
            past.decide(comment, days, "approved", by="policy")
            if number < reversed_:
                past.decide(comment, days, "rejected", old="approved")

    found = drift.drift_of(session, site.id, now=NOON)

    assert [share.count for _, share in found.overturned] == [0, 0, 0, 0, 5, 5, 5, 5, 30]
    assert found.overturned_before.value == 0.05
    assert found.is_overturned_more


def test_an_alarm_is_said_once_and_stays_away_when_it_was_put_away(session, site, past):
    for _ in range(drift.FEWEST):
        past.comment(20, insult=0.03)
        past.comment(2, insult=0.9)
    drifts = {site.id: drift.drift_of(session, site.id, now=NOON)}

    first = watching.watch(session, now=NOON, drifts=drifts)
    second = watching.watch(session, now=NOON, drifts=drifts)
    session.query(Notice).one().dismissed_at = NOON
    third = watching.watch(session, now=NOON + timedelta(days=1), drifts=drifts)
    later = watching.watch(session, now=NOON + timedelta(days=8), drifts=drifts)

    assert [notice.kind for notice in first] == ["drift_scores"]
    assert "insult" in first[0].text
    assert second == third == []
    assert [notice.kind for notice in later] == ["drift_scores"]


def test_a_site_is_measured_once_an_hour_and_keeps_its_other_options(session, site):
    site.options = {"retention_days": 30}
    assert drift.due(session, now=NOON) == [site.id]

    drift.keep(session, site.id, drift.drift_of(session, site.id, now=NOON), now=NOON)

    assert drift.due(session, now=NOON + timedelta(minutes=59)) == []
    assert drift.due(session, now=NOON + timedelta(minutes=60)) == [site.id]
    assert site.options["retention_days"] == 30
    assert drift.kept_of(site)["overturned"] is None


def test_the_last_word_of_people_is_held_against_each_kind_of_verdict(session, site, past):
    site.challenger = "c1"
    would = {"challenger": {"version": "c1", "outcome": "reject"}}
    for verdict, words in (("approve", ["rejected"]), ("hold", ["approved", "rejected"]), ("hold", ["rejected"]),
                           ("reject", ["approved"])):  # fmt: skip
        comment = past.comment(2, verdict=verdict, shadow=would)
        for turn, word in enumerate(words):
            past.decide(comment, 1 - turn / 10, word)
    session.flush()

    found = drift.disagreement_of(session, site, since=NOON - timedelta(days=28))

    assert (found.approved.count, found.approved.of_all) == (1, 1)
    assert (found.rejected.count, found.rejected.of_all) == (1, 1)
    assert (found.held.count, found.held.of_all) == (2, 2)
    challenger, champion = found.challenger
    assert (challenger.held.count, challenger.right.count, challenger.right.of_all) == (0, 3, 4)
    assert (champion.held.count, champion.right.count, champion.right.of_all) == (2, 0, 2)


def judged_and_decided(past, days, *, score, rejected, many=100):
    """Comments held with one score, of which people rejected so many."""
    for number in range(many):
        comment = past.comment(days, verdict="hold", insult=score)
        past.decide(comment, days - 0.1, "rejected" if number < rejected else "approved")


def test_scores_that_come_to_mean_something_else_are_noticed(session, site, past):
    judged_and_decided(past, 20, score=0.6, rejected=55)
    judged_and_decided(past, 3, score=0.6, rejected=95)
    session.flush()

    found = drift.drift_of(session, site.id, now=NOON)
    (notice,) = watching.watch(session, now=NOON, drifts={site.id: found})

    assert found.calibration_before.error == pytest.approx(0.05)
    assert found.calibration.error == pytest.approx(0.35)
    ((mean, share, count),) = found.calibration.bins
    assert (mean, share, count) == (pytest.approx(0.6), 0.95, 100)
    assert notice.kind == "drift_calibration"
    assert (drift.kept_of(site)["calibration"], drift.kept_of(site)["calibration_before"]) == (0.35, 0.05)


@pytest.mark.parametrize(
    ("week", "before"),
    [
        ({"score": 0.6, "rejected": 95}, {"score": 0.6, "rejected": 95}),  # a taste, no drift
        ({"score": 0.6, "rejected": 52}, {"score": 0.6, "rejected": 60}),  # what chance explains
        ({"score": 0.6, "rejected": 47, "many": 50}, {"score": 0.6, "rejected": 60}),  # too few
        (
            {"score": 0.6, "rejected": 95},
            {"score": 0.6, "rejected": 6, "many": 10},
        ),  # nothing to compare with
    ],
)
def test_a_taste_chance_and_few_decisions_are_no_alarm(session, site, past, week, before):
    judged_and_decided(past, 20, **before)
    judged_and_decided(past, 3, **week)
    session.flush()

    assert not drift.drift_of(session, site.id, now=NOON).is_miscalibrated


def test_the_sites_own_score_is_held_against_decisions_and_what_was_published_is_left_out(
    session, site, past
):
    for number in range(100):
        own = past.comment(3, verdict="hold", insult=0.9, likely_to_reject=0.2)
        past.decide(own, 2, "rejected" if number < 20 else "approved")
        past.decide(past.comment(3, verdict="approve", insult=0.1), 2, "rejected")
    session.flush()

    found = drift.drift_of(session, site.id, now=NOON).calibration

    assert (found.decisions, found.error) == (100, pytest.approx(0.0))


def test_the_error_by_chance_is_what_faultless_scores_show():
    draw = random.Random(1)
    errors = []
    for _ in range(200):
        scores = [draw.random() for _ in range(150)]
        errors.append(calibration_of([(score, draw.random() < score) for score in scores]))

    by_chance = sum(one.by_chance for one in errors) / len(errors)
    assert sum(one.error for one in errors) / len(errors) == pytest.approx(by_chance, rel=0.05)

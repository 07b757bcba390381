"""A policy tried on what was judged: counts a newsroom can check by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from moderation import backtest, lifecycle
from moderation.advice import advise
from moderation.backtest import Case, run
from moderation.opinion import Judgement
from moderation.policy import ATTRIBUTES, DEFAULT, Author, Circumstances, Policy, Signal
from moderation.share import Share
from moderation.store import comment_of
from moderation.tables import Comment
from moderation.verdict import Learned
from tests.conftest import NOON, make_site

START = datetime(2026, 11, 1, tzinfo=UTC)
STRICT = Policy.from_document({"thresholds": {"insult": {"hold_at": 0.3, "reject_at": 0.9}}})


def case(number: int, insult: float, before: str = "approve", person: str = "", hour: float = 0.0) -> Case:
    scores = dict.fromkeys(ATTRIBUTES, 0.01) | {"insult": insult}
    at = Circumstances(now=START + timedelta(hours=hour))
    return Case(str(number), scores, [], at, before, person, f"text {number}")


CASES = [
    case(1, 0.1, hour=0),
    case(2, 0.2, person="reject", hour=1),
    case(3, 0.4, person="reject", hour=1),
    case(4, 0.4, person="approve", hour=1),
    case(5, 0.6, "hold", "reject", hour=2),
    case(6, 0.95, "hold", "reject", hour=3),
    case(7, 0.95, "hold", "approve", hour=4),
]


def test_outcomes_and_moves_are_counted():
    found = run(CASES, STRICT)

    assert found.before == {"approve": 4, "hold": 3, "reject": 0}
    assert found.after == {"approve": 2, "hold": 3, "reject": 2}
    assert found.moved == {"approve>hold": 2, "hold>reject": 2}
    assert (found.since, found.until) == (START, START + timedelta(hours=4))


def test_agreement_is_precision_and_recall_against_people():
    found = run(CASES, STRICT).agreement

    assert found.decided == 6
    assert (found.caught.count, found.caught.of_all) == (3, 4)  # of four that people rejected
    assert (found.right.count, found.right.of_all) == (3, 5)  # of five that the policy stops
    assert (found.rejected_right.count, found.rejected_right.of_all) == (1, 2)


def test_the_queue_is_counted_by_the_hour_of_the_sites_clock():
    berlin = Policy.from_document({**STRICT.document, "timezone": "Europe/Berlin"})

    queue = run(CASES, berlin).queue

    assert (queue.held, queue.hours, queue.busiest_hour) == (3, 4.0, 2)
    assert queue.per_hour == 0.75
    assert [hour for hour, count in enumerate(queue.by_hour) if count] == [2, 3]


def test_each_move_is_shown_by_a_few_examples_with_their_reasons():
    many = [case(i, 0.4) for i in range(500)]

    examples = run(many, STRICT).examples

    assert len(examples) == backtest.EXAMPLES
    assert {(one.before, one.after) for one in examples} == {("approve", "hold")}
    assert "above this site's hold line of 0.30" in examples[0].reasons[0]
    assert examples == run(many, STRICT).examples  # the same run shows the same ones


def test_progress_is_told():
    told: list[tuple[int, int]] = []

    run([case(i, 0.1) for i in range(4500)], STRICT, total=4500, progress=lambda *at: told.append(at))

    assert told == [(2000, 4500), (4000, 4500), (4500, 4500)]


def test_no_comments_make_an_empty_answer():
    found = run([], STRICT)

    assert found.comments == 0
    assert found.agreement.caught.value is None
    assert str(found.agreement.caught) == "not known (no cases)"


@pytest.mark.parametrize(
    ("count", "of_all", "low", "high"), [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0)]
)
def test_intervals_are_wilsons(count, of_all, low, high):
    share = Share.of(count, of_all)

    assert (share.low, share.high) == (pytest.approx(low, abs=0.001), pytest.approx(high, abs=0.001))


def test_advice_meets_a_wanted_miss_rate_with_the_smallest_queue():
    cases = [case(i, i / 100, person="reject" if i >= 40 else "approve", hour=i / 10) for i in range(100)]

    found = advise(cases, STRICT, missed=0.05)

    assert found.is_met
    assert found.decided == 100
    assert found.proposed.missed.value <= 0.05
    milder = found.points[found.points.index(found.proposed) - 1]
    assert milder.missed.value > 0.05
    assert 0.3 <= found.document["thresholds"]["insult"]["hold_at"] <= 0.45
    assert [p.per_hour for p in found.points] == sorted(p.per_hour for p in found.points)


def test_advice_meets_a_wanted_queue_or_says_that_it_cannot():
    cases = [case(i, i / 100, person="reject" if i >= 40 else "approve", hour=i / 10) for i in range(100)]
    linked = [
        Case(c.id, c.scores, [Signal("many_links")], c.circumstances, c.before, c.person) for c in cases
    ]

    assert advise(cases, STRICT, per_hour=2).proposed.per_hour <= 2
    impossible = advise(linked, STRICT, per_hour=0)
    assert not impossible.is_met
    assert "does not reach" in impossible.note
    assert "People rejected only" in advise(CASES, STRICT, missed=0.5).note
    with pytest.raises(ValueError, match="not both"):
        advise(cases, STRICT)


def test_what_was_judged_is_judged_again_as_it_stood(session, vault):
    site = make_site(session, vault)
    at = Circumstances(
        now=NOON, section="sport", article="a1", article_published_at=NOON - timedelta(days=2), language="sw",
        language_supported=False, author=Author(verified=True, approved=7, reputation=2.5), seconds_since_last=12.0,
        article_reports=4, learned=Learned(0.7, 0.1, 0.9, 0.8, "site-1"),
    )  # fmt: skip
    scores = dict.fromkeys(ATTRIBUTES, 0.2)
    comments = [_settled(session, vault, site, at, scores, outcome) for outcome in ("hold", "approve")]
    locked = comment_of(session, site.id, comments[0], lock=True)
    lifecycle.decide(session, locked, action="reject", by_kind="moderator", by_id="m1", now=NOON)
    session.flush()

    total, cases = backtest.stored(session, site.id, since=NOON - timedelta(days=1))
    held, approved = sorted(cases, key=lambda one: one.id)

    assert total == 2
    assert held.circumstances == at
    assert held.signals == [Signal("shouting", {"text": "all of it"}, 0.3)]
    assert (held.before, held.person) == ("hold", "reject")
    assert (approved.before, approved.person) == ("approve", "")
    assert backtest.stored(session, site.id, since=NOON + timedelta(days=1))[0] == 0


def test_examples_get_the_beginning_of_their_text(session, vault):
    site = make_site(session, vault)
    at = Circumstances(now=NOON)
    comment_id = _settled(session, vault, site, at, dict.fromkeys(ATTRIBUTES, 0.99), "approve")

    _, cases = backtest.stored(session, site.id, since=NOON - timedelta(days=1))
    (example,) = backtest.with_excerpts(session, run(cases, DEFAULT)).examples

    assert (example.id, example.excerpt) == (comment_id, "GOOD DAY")


def _settled(session, vault, site, at: Circumstances, scores, outcome: str) -> str:
    comment = lifecycle.receive(
        session, site_id=site.id, vault=vault, now=NOON, name="A", email="a@example.org", body="GOOD DAY",
        article={"id": at.article, "section": at.section, "published_at": at.article_published_at},
    )  # fmt: skip
    session.flush()
    session.expunge(comment)
    judgement = Judgement(
        comment, outcome, [], scores, facts={"around": backtest.around_of(at)}, language=at.language,
        signals=[{"name": "shouting", "evidence": {"text": "all of it"}, "weight": 0.3}],
    )  # fmt: skip
    lifecycle.settle(session, [judgement], now=NOON)
    session.execute(update(Comment).where(Comment.id == comment.id).values(language=at.language))
    return comment.id

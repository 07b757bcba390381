"""What is learned from, how much a caller may say, and how a model takes over and goes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from moderation import erasure, labels, learning, lifecycle
from moderation.errors import NotFound, TransitionRefused
from moderation.learning import KEY_SHARE, OTHERS_SHARE
from moderation.opinion import Judgement
from moderation.tables import Comment, Label, Site
from tests.conftest import NOON, make_site

LATER = NOON + timedelta(minutes=5)
FIT = {"better": {"passed": True, "value": 0.05, "bound": 0.0}}
UNFIT = {"better": {"passed": False, "value": -0.01, "bound": 0.0}}


@pytest.fixture
def site(session, vault):
    return make_site(session, vault)


def held(session, site, vault, body="A comment."):
    comment = lifecycle.receive(
        session, site_id=site.id, vault=vault, now=NOON, name="Ann", email="ann@example.com", body=body
    )
    session.flush()
    session.expunge(comment)
    lifecycle.settle(
        session, [Judgement(comment, "hold", [], {"spam": 0.6}, logits={"fast": {"spam": 0.4}})], now=NOON
    )
    return session.get(Comment, comment.id)


def decide(session, comment, action="reject", **more):
    return lifecycle.decide(
        session,
        comment,
        action=action,
        by_kind="moderator",
        by_id="m1",
        now=LATER,
        **{"reason_code": "", **more},
    )


def lessons(session, site):
    session.flush()
    return [(lesson.body, lesson.rejected) for lesson in learning.lessons_of(session, site.id, now=LATER)]


def test_every_decision_at_the_desk_is_a_lesson(session, site, vault):
    decide(session, held(session, site, vault, "Spam."), reason_code="SPAM")
    decide(session, held(session, site, vault, "Fine."), "approve")

    assert sorted(lessons(session, site)) == [("Fine.", False), ("Spam.", True)]
    assert set(session.scalars(select(Label.attribute))) == {"likely_to_reject", "spam"}


def test_an_undone_decision_teaches_nothing(session, site, vault):
    comment = held(session, site, vault)
    decision = decide(session, comment)

    lifecycle.undo(session, comment, decision, by_id="m1", now=LATER)

    assert lessons(session, site) == []


def test_the_last_word_counts(session, site, vault):
    comment = held(session, site, vault)
    decide(session, comment)
    decide(session, comment, "approve")

    assert lessons(session, site) == [("A comment.", False)]


def test_an_erased_persons_words_leave_the_training_set(session, site, vault):
    comment = held(session, site, vault)
    decide(session, comment)

    erasure.erase_comment(session, comment, by_kind="site", by_id="k", now=LATER)

    assert lessons(session, site) == []


def test_what_was_undone_lets_the_persons_earlier_word_stand_again(session, site, vault):
    comment = held(session, site, vault)
    decide(session, comment, "reject", reason_code="SPAM")
    second = decide(session, comment, "approve")

    lifecycle.undo(session, comment, second, by_id="m1", now=LATER)

    assert lessons(session, site) == [("A comment.", True)]
    in_force = session.scalars(select(Label).where(Label.superseded_at.is_(None))).all()
    assert {(label.attribute, label.origin) for label in in_force} == {
        ("likely_to_reject", "undo"),
        ("spam", "undo"),
    }


def test_an_appeal_that_was_upheld_by_a_second_person_weighs_more(session, site, vault):
    decide(session, held(session, site, vault, "First."), "approve")
    decide(session, held(session, site, vault, "Second."), "approve", reason_code="APPEAL")
    session.flush()

    weights = {one.body: one.weight for one in learning.lessons_of(session, site.id, now=LATER)}

    assert weights["Second."] == pytest.approx(1.5 * weights["First."])


def test_a_caller_is_not_heard_where_a_moderator_spoke(session, site, vault):
    comment = held(session, site, vault, "Read my blog.")
    decide(session, comment, "reject", reason_code="SPAM")
    for more in ({"comment_id": comment.id, "text": "Read my blog."}, {"text": "Read my blog."}):
        labels.learn(
            session, vault, site=site, origin="submit-ham", attribute="spam", value=0.0, key_id="k1", now=LATER,
            **more,
        )  # fmt: skip

    (lesson,) = learning.lessons_of(session, site.id, now=LATER)

    assert (lesson.body, lesson.rejected, lesson.by_people) == ("Read my blog.", True, True)
    spam = select(Label).where(Label.attribute == "spam", Label.origin == "desk")
    assert session.scalars(spam).one().superseded_at is None


def test_a_moderator_who_approves_outranks_a_callers_spam_on_the_same_comment(session, site, vault):
    comment = held(session, site, vault)
    decide(session, comment, "approve")
    labels.learn(
        session, vault, site=site, origin="submit-spam", attribute="spam", value=1.0, key_id="k1", now=LATER,
        comment_id=comment.id, revision=1,
    )  # fmt: skip

    (lesson,) = learning.lessons_of(session, site.id, now=LATER)

    assert (lesson.rejected, lesson.weight) == (False, pytest.approx(1.0, rel=1e-3))


def test_an_edited_comment_is_no_lesson_until_it_is_decided_again(session, site, vault):
    comment = held(session, site, vault)
    decide(session, comment)
    lifecycle.edit(session, comment, body="Something else.", name=None, now=LATER)

    assert lessons(session, site) == []


def test_a_key_that_floods_cannot_outweigh_the_moderators(session, site, vault):
    for number in range(10):
        decide(session, held(session, site, vault, f"Comment {number}."))
    for number in range(500):
        labels.learn(
            session, vault, site=site, origin="submit-ham", attribute="spam", value=0.0, text=f"Flood {number}",
            key_id="stolen", now=LATER,
        )  # fmt: skip

    found = learning.lessons_of(session, site.id, now=LATER)

    people = sum(lesson.weight for lesson in found if lesson.comment_id)
    flood = sum(lesson.weight for lesson in found if not lesson.comment_id)
    assert len(found) == 510
    assert flood == pytest.approx(KEY_SHARE * people)


def test_many_keys_together_stay_below_the_moderators_too(session, site, vault):
    for number in range(10):
        decide(session, held(session, site, vault, f"Comment {number}."))
    for number in range(200):
        labels.learn(
            session, vault, site=site, origin="submit-ham", attribute="spam", value=0.0, text=f"Flood {number}",
            key_id=f"key-{number % 10}", now=LATER,
        )  # fmt: skip

    found = learning.lessons_of(session, site.id, now=LATER)

    people = sum(lesson.weight for lesson in found if lesson.comment_id)
    flood = sum(lesson.weight for lesson in found if not lesson.comment_id)
    assert flood == pytest.approx(OTHERS_SHARE * people)


def test_old_decisions_fade(session, site, vault):
    decide(session, held(session, site, vault))

    (now,) = learning.lessons_of(session, site.id, now=LATER)
    (later,) = learning.lessons_of(session, site.id, now=LATER + timedelta(days=180))

    assert later.weight == pytest.approx(now.weight / 2)


def note(session, site, version, gate=FIT):
    return learning.note_version(
        session, site_id=site.id, version=version, base="2026.1", labels=300, gate=gate, metrics={}, now=NOON
    )


def test_a_new_model_is_a_challenger_and_decides_nothing(session, site):
    note(session, site, "v1")

    assert (site.champion, site.challenger) == (None, "v1")


def test_a_model_that_failed_the_gate_is_promoted_only_by_force(session, site):
    note(session, site, "v1", UNFIT)

    with pytest.raises(TransitionRefused):
        learning.promote(session, site.id, "v1", by="gate", now=NOON)
    learning.promote(session, site.id, "v1", by="m1", now=NOON, force=True)

    assert site.champion == "v1"


def test_a_rollback_goes_back_step_by_step_to_the_shipped_model(session, site):
    for number, version in enumerate(("v1", "v2")):
        note(session, site, version)
        learning.promote(session, site.id, version, by="m1", now=NOON + timedelta(minutes=number))

    assert learning.rollback(session, site.id, by="m1", now=LATER).version == "v1"
    assert session.get(Site, site.id).champion == "v1"
    assert learning.rollback(session, site.id, by="m1", now=LATER) is None
    with pytest.raises(TransitionRefused):
        learning.rollback(session, site.id, by="m1", now=LATER)


def test_models_of_long_ago_are_put_away_and_never_gone_back_to(session, site):
    for number, version in enumerate(("v1", "v2")):
        note(session, site, version)
        learning.promote(session, site.id, version, by="m1", now=NOON + timedelta(minutes=number))
    much_later = LATER + timedelta(days=learning.KEPT_DAYS)

    assert learning.drop_retired(session, now=NOON) == []
    assert learning.drop_retired(session, now=much_later) == ["v1"]

    assert learning.earlier(session, site.id, "v2") == []
    with pytest.raises(TransitionRefused):
        learning.promote(session, site.id, "v1", by="m1", now=much_later)
    assert learning.rollback(session, site.id, by="m1", now=much_later) is None


def test_another_sites_model_is_not_to_be_had(session, site, vault):
    other = make_site(session, vault, slug="other")
    note(session, other, "theirs")

    with pytest.raises(NotFound):
        learning.promote(session, site.id, "theirs", by="m1", now=NOON)

"""The life of a comment, in sentences, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from moderation import complaints, lifecycle, store
from moderation.errors import AlreadyReceived, Overtaken, TransitionRefused
from moderation.opinion import Judgement
from moderation.tables import Article, Author, Comment, Decision, Delivery, Event, Report, Revision
from tests.conftest import NOON, make_site

HAM = {"spam": 0.01, "toxicity": 0.02}
SPAM = {"spam": 0.99, "toxicity": 0.02}
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def site(session, vault):
    return make_site(session, vault, endpoint="https://news.example/webhooks")


@pytest.fixture
def comment(session, site, vault):
    return receive(session, site, vault)


def receive(session, site, vault, **fields):
    said = {"name": "Ann", "email": "ann@example.com", "body": "The ferry was late again.",
            "article": {"id": "ferry", "title": "The ferry"}} | fields  # fmt: skip
    return lifecycle.receive(session, site_id=site.id, vault=vault, now=NOON, **said)


def judged(session, comment, outcome, scores=HAM, at=NOON):
    session.flush()
    session.expunge(comment)
    (decision,) = lifecycle.settle(
        session,
        [Judgement(comment, outcome, [{"name": "spam", "text": "…"}], scores, model="2026.1")],
        now=at,
    ) or [None]
    session.flush()
    return decision, session.get(Comment, comment.id)


def events(session, comment):
    return list(
        session.scalars(select(Event.type).where(Event.comment_id == comment.id).order_by(Event.sequence))
    )


def test_a_comment_waits_until_it_is_judged(session, comment):
    assert comment.status == "pending"
    assert store.is_work_waiting(session, now=NOON)
    assert events(session, comment) == []


def test_the_address_is_never_kept_in_clear(session, comment, vault):
    assert "ann@example.com" not in repr({c: getattr(comment, c) for c in Comment.__table__.columns.keys()})
    assert vault.decrypt(comment.email_encrypted) == "ann@example.com"
    assert comment.email_hash == vault.email_hash(" Ann@Example.com ")


def test_an_identity_counts_only_when_the_site_vouches_for_it(session, site, vault):
    claimed = receive(session, site, vault, author={"id": "42"})
    vouched = receive(session, site, vault, author={"id": "42", "verified": True})

    assert claimed.author_identity.startswith("email:")
    assert vouched.author_identity == "id:42"


def test_the_same_external_id_is_received_once(session, site, vault):
    receive(session, site, vault, external_id="c-1")

    with pytest.raises(AlreadyReceived), session.begin_nested():
        receive(session, site, vault, external_id="c-1")


@pytest.mark.parametrize(
    ("outcome", "status", "event"),
    [
        ("approve", "approved", "comment.approved"),
        ("hold", "held", "comment.held"),
        ("reject", "rejected", "comment.rejected"),
    ],
)
def test_a_verdict_moves_the_comment_and_tells_the_site(session, comment, outcome, status, event):
    decision, after = judged(session, comment, outcome)

    assert (decision.old_status, decision.new_status) == ("pending", status)
    assert (after.status, after.sequence) == (status, 1)
    assert after.published_revision == (1 if status == "approved" else None)
    assert events(session, after) == [event]
    assert session.scalar(select(func.count(Delivery.id))) == 1
    assert not store.is_work_waiting(session, now=NOON)


def test_an_event_never_carries_address_ip_or_user_agent(session, site, vault):
    comment = receive(session, site, vault, ip="203.0.113.7", user_agent="Mozilla/9")
    judged(session, comment, "approve")

    payload = repr(session.scalar(select(Event.payload)))

    assert "The ferry was late again." in payload
    assert not any(secret in payload for secret in ("ann@example.com", "203.0.113.7", "Mozilla/9"))


def test_a_late_second_score_changes_nothing(session, comment):
    _, after = judged(session, comment, "reject", SPAM)

    again, after = judged(session, after, "approve", HAM, LATER)

    assert again is None
    assert after.status == "rejected"
    assert events(session, after) == ["comment.rejected"]


def test_a_score_of_an_earlier_revision_changes_nothing(session, comment, vault):
    session.flush()
    session.expunge(comment)
    newer = session.get(Comment, comment.id)
    lifecycle.edit(session, newer, body="Something else entirely.", name=None, now=NOON)

    assert lifecycle.settle(session, [Judgement(comment, "approve", [], HAM)], now=LATER) == []

    assert newer.status == "pending"


def test_an_approved_comment_stays_public_while_its_edit_is_judged(session, comment):
    _, after = judged(session, comment, "approve")
    lifecycle.edit(session, after, body="You are all idiots.", name=None, now=LATER)
    session.flush()

    assert (after.status, after.published_revision, after.revision) == ("approved", 1, 2)
    assert store.published_text_of(session, after) == ("Ann", "The ferry was late again.")
    assert session.get(Revision, (after.id, 1)).verdict == "approve"

    _, after = judged(session, after, "reject", SPAM, LATER)

    assert (after.status, after.published_revision) == ("rejected", None)
    assert events(session, after) == ["comment.approved", "comment.retracted"]


def test_a_good_edit_replaces_what_is_public(session, comment):
    _, after = judged(session, comment, "approve")
    lifecycle.edit(session, after, body="The ferry was early.", name=None, now=LATER)

    _, after = judged(session, after, "approve", HAM, LATER)

    assert after.published_revision == 2
    assert events(session, after) == ["comment.approved", "comment.edited"]


def test_a_person_outranks_the_machine(session, comment):
    _, after = judged(session, comment, "hold")

    decision = lifecycle.decide(
        session, after, action="approve", by_kind="moderator", by_id="m1", expected="held", now=LATER
    )

    assert (decision.old_status, decision.new_status, decision.by_id) == ("held", "approved", "m1")
    assert events(session, after) == ["comment.held", "comment.approved"]


def test_a_person_may_decide_before_the_machine_which_then_stays_silent(session, comment):
    session.flush()
    claimed = store.claim_unjudged(session, now=NOON, limit=10)
    lifecycle.decide(session, claimed[0], action="reject", by_kind="moderator", by_id="m1", now=NOON)

    _, after = judged(session, claimed[0], "approve", HAM, LATER)

    assert after.status == "rejected"


def test_two_people_cannot_both_decide(session, comment):
    _, after = judged(session, comment, "hold")
    lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=NOON)

    with pytest.raises(Overtaken):
        lifecycle.decide(
            session, after, action="approve", by_kind="moderator", by_id="m2", expected="held", now=NOON
        )


def test_an_undo_in_time_leaves_no_trace_outside(session, comment):
    _, after = judged(session, comment, "hold")
    decision = lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=NOON)

    lifecycle.undo(session, after, decision, by_id="m1", now=NOON + timedelta(seconds=5))

    assert after.status == "held"
    statuses = session.execute(
        select(Event.type, Delivery.status)
        .join(Delivery, Delivery.event_id == Event.id)
        .order_by(Event.sequence)
    ).all()
    assert [tuple(row) for row in statuses] == [("comment.held", "due"), ("comment.rejected", "cancelled")]


def test_a_late_undo_tells_the_site_again(session, comment):
    _, after = judged(session, comment, "approve")
    decision = lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=NOON)

    lifecycle.undo(session, after, decision, by_id="m1", now=NOON + timedelta(minutes=1))

    assert (after.status, after.published_revision) == ("approved", 1)
    assert events(session, after) == ["comment.approved", "comment.retracted", "comment.approved"]


def test_an_undo_of_an_overtaken_decision_is_refused(session, comment):
    _, after = judged(session, comment, "hold")
    first = lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=NOON)
    lifecycle.decide(session, after, action="approve", by_kind="moderator", by_id="m2", now=LATER)

    with pytest.raises(Overtaken):
        lifecycle.undo(session, after, first, by_id="m1", now=LATER)


def test_withdrawing_takes_it_down_and_twice_is_no_fault(session, comment):
    _, after = judged(session, comment, "approve")

    lifecycle.withdraw(session, after, by_kind="author", by_id="", now=LATER)
    lifecycle.withdraw(session, after, by_kind="author", by_id="", now=LATER)

    assert after.status == "withdrawn"
    assert events(session, after) == ["comment.approved", "comment.retracted"]


def test_one_reader_counts_once_and_the_decision_answers_the_report(session, comment):
    _, after = judged(session, comment, "approve")
    for _ in range(2):
        complaints.report(session, after, reason="ABUSIVE", reporter_hash="r1", now=LATER)
    assert after.open_reports == 1

    lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=LATER)

    assert after.open_reports == 0
    assert set(session.scalars(select(Report.status))) == {"upheld"}


def test_an_appeal_is_answered_by_someone_else(session, comment):
    _, after = judged(session, comment, "hold")
    lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=NOON)
    row = complaints.appeal(session, after, text="It was a joke.", now=LATER)

    with pytest.raises(TransitionRefused):
        complaints.decide_appeal(session, row, after, overturn=True, by_id="m1", answer="", now=LATER)
    complaints.decide_appeal(session, row, after, overturn=True, by_id="m2", answer="Right.", now=LATER)

    assert (row.status, after.status) == ("overturned", "approved")
    assert events(session, after)[-2:] == ["comment.approved", "appeal.decided"]


def test_an_appeal_after_six_months_or_twice_is_refused(session, comment):
    _, after = judged(session, comment, "reject", SPAM)

    with pytest.raises(TransitionRefused):
        complaints.appeal(session, after, text="", now=NOON + timedelta(days=200))
    complaints.appeal(session, after, text="", now=LATER)
    with pytest.raises(TransitionRefused):
        complaints.appeal(session, after, text="", now=LATER)


def test_the_authors_record_follows_every_move(session, comment):
    _, after = judged(session, comment, "approve")
    author = session.get(Author, (after.site_id, after.author_identity))
    assert (author.approved, author.rejected) == (1, 0)

    lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=LATER)
    session.expire_all()

    assert (author.approved, author.rejected, author.strikes) == (0, 1, 1)
    assert session.get(Article, (after.site_id, "ferry")).comments == 1


def test_a_claimed_comment_is_not_claimed_again_until_its_lease_ends(session, comment):
    session.flush()
    assert len(store.claim_unjudged(session, now=NOON, limit=10)) == 1
    assert store.claim_unjudged(session, now=NOON, limit=10) == []

    (again,) = store.claim_unjudged(session, now=NOON + timedelta(minutes=5), limit=10)

    assert again.attempts == 2


def test_what_failed_before_is_claimed_alone(session, site, vault):
    for number in range(3):
        receive(session, site, vault, body=f"comment {number}")
    session.flush()
    assert len(store.claim_unjudged(session, now=NOON, limit=10)) == 3

    assert len(store.claim_unjudged(session, now=LATER, limit=10)) == 1
    assert len(store.claim_unjudged(session, now=LATER, limit=10)) == 1


def test_after_three_tries_a_person_gets_it(session, comment):
    session.flush()
    for minutes in (0, 5, 10):
        store.claim_unjudged(session, now=NOON + timedelta(minutes=minutes), limit=10)
    (tired,) = store.claim_exhausted(session, now=NOON + timedelta(minutes=15))
    session.flush()
    session.expunge(tired)

    lifecycle.settle(session, [lifecycle.give_up(tired)], now=NOON + timedelta(minutes=15))

    after = session.get(Comment, tired.id)
    assert after.status == "held"
    assert after.reasons[0]["name"] == "could_not_be_scored"


def test_no_decision_holds_a_readers_words(session, comment):
    _, after = judged(session, comment, "hold")
    lifecycle.decide(session, after, action="reject", by_kind="moderator", by_id="m1", now=LATER)

    lines = repr([line.reasons for line in session.scalars(select(Decision))])

    assert "ferry" not in lines


def test_what_failed_before_does_not_wait_for_as_long_as_fresh_ones_come(session, site, vault):
    def send(number):
        return lifecycle.receive(
            session, site_id=site.id, vault=vault, now=NOON, name="Ann", email=f"{number}@a.example", body="x"
        ).id

    tried = send(1)
    store.claim_unjudged(session, now=NOON, limit=10)
    send(2)

    (claimed,) = store.claim_unjudged(session, now=LATER, limit=10, tried_first=True)

    assert claimed.id == tried

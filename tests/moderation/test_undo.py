"""An undo takes back exactly what was decided, here and at the sites."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from moderation import claims, delivery, lifecycle
from moderation.delivery import Result
from moderation.egress import Answer
from moderation.events import told_revision
from moderation.lifecycle import Judgement
from moderation.store import published_text_of
from moderation.tables import Delivery, Endpoint, Event, new_id
from tests.conftest import NOON, make_site


@pytest.fixture
def session(sqlite_database):
    with sqlite_database.writing() as opened:
        yield opened


@pytest.fixture
def comment(session, vault):
    site = make_site(session, vault, endpoint="https://news.example/hooks")
    return lifecycle.receive(
        session, site_id=site.id, vault=vault, now=NOON, name="Maya", email="m@reader.example", body="first"
    )


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def judge(session, comment, outcome, seconds):
    lifecycle.settle(session, [Judgement(comment, outcome, reasons=[], model="m")], now=after(seconds))
    session.refresh(comment)


def decide(session, comment, action, seconds):
    return lifecycle.decide(
        session, comment, action=action, by_kind="moderator", by_id="ann", now=after(seconds)
    )


def undo(session, comment, decision, seconds):
    return lifecycle.undo(session, comment, decision, by_id="ann", now=after(seconds))


def deliver(session, vault, seconds):
    """Send what is due; the types of what arrived."""
    types = []
    while parcels := claims.claim(session, vault, now=after(seconds), limit=8, each=8, room={}):
        types += [session.get(Event, parcel.event_id).type for parcel in parcels]
        done = [Result(parcel, after(seconds), 1, Answer(204)) for parcel in parcels]
        delivery.record(session, done, now=after(seconds))
    return types


def test_an_earlier_decision_stays_announced_when_a_later_one_is_taken_back(session, comment, vault):
    judge(session, comment, "approve", 0)
    assert deliver(session, vault, 1) == ["comment.approved"]
    decide(session, comment, "reject", 2)
    again = decide(session, comment, "approve", 4)

    undo(session, comment, again, 5)

    assert comment.status == "rejected"
    assert deliver(session, vault, 60) == ["comment.retracted"]


def test_an_approval_over_the_machines_head_comes_down_when_it_is_taken_back_late(session, comment, vault):
    decision = decide(session, comment, "approve", 0)
    assert deliver(session, vault, 11) == ["comment.approved"]

    undo(session, comment, decision, 20)

    assert (comment.status, comment.published_revision) == ("pending", None)
    assert comment.judged_at is None  # the machine owes its verdict again
    assert deliver(session, vault, 21) == ["comment.retracted"]


def test_the_public_revision_is_remembered_through_an_undo_while_an_edit_waits(session, comment, vault):
    judge(session, comment, "approve", 0)
    deliver(session, vault, 1)
    lifecycle.edit(session, comment, body="second", name=None, now=after(2))
    decision = decide(session, comment, "reject", 3)
    assert published_text_of(session, comment) is None

    undo(session, comment, decision, 4)

    assert published_text_of(session, comment) == ("Maya", "first")
    assert comment.judged_at is None
    assert deliver(session, vault, 60) == []
    assert told_revision(session, comment.id) == 1


def test_taken_back_late_while_an_edit_waited_nothing_is_public_until_its_verdict(session, comment, vault):
    judge(session, comment, "approve", 0)
    lifecycle.edit(session, comment, body="second", name=None, now=after(1))
    decision = decide(session, comment, "approve", 2)
    assert deliver(session, vault, 20) == ["comment.approved", "comment.edited"]

    undo(session, comment, decision, 30)

    assert (comment.status, comment.published_revision) == ("pending", None)
    assert deliver(session, vault, 31) == ["comment.retracted"]
    judge(session, comment, "approve", 40)
    assert deliver(session, vault, 41) == ["comment.approved"]
    assert published_text_of(session, comment) == ("Maya", "second")


def test_an_event_that_one_endpoint_has_goes_to_the_other_too(session, comment, vault):
    first = session.scalars(select(Endpoint)).one()
    session.add(
        Endpoint(
            id=new_id(),
            site_id=first.site_id,
            url="https://other.example/hooks",
            events=[],
            secret_encrypted=first.secret_encrypted,
            status="active",
            created_at=NOON,
        )
    )
    decision = decide(session, comment, "approve", 0)
    sent = session.scalars(select(Delivery).where(Delivery.endpoint_id == first.id)).one()
    sent.attempts_made, sent.status = 1, "delivered"

    undo(session, comment, decision, 5)

    assert sorted(deliver(session, vault, 60)) == [
        "comment.approved",
        "comment.retracted",
        "comment.retracted",
    ]

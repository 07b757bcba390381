"""People are told once what they should know."""

from __future__ import annotations

from datetime import timedelta

import pytest

from moderation import lifecycle, watching
from moderation.opinion import Judgement
from moderation.tables import Endpoint, Notice
from tests.conftest import NOON, make_site


@pytest.fixture
def site(session, vault):
    made = make_site(session, vault, endpoint="https://news.example/webhooks")
    made.options = {"notices": {"held_comments": 2, "held_hours": 12}}
    return made


def hold(session, vault, site, at=NOON):
    comment = lifecycle.receive(
        session, site_id=site.id, vault=vault, now=at, name="A", email="a@example.com", body="b"
    )
    session.flush()
    session.expunge(comment)
    lifecycle.settle(session, [Judgement(comment, "hold", [])], now=at)


def kinds(session, now=NOON):
    return sorted(notice.kind.split(":")[0] for notice in watching.watch(session, now=now))


def test_a_quiet_house_gets_no_notice(session, vault, site):
    hold(session, vault, site)

    assert kinds(session) == []


def test_a_long_queue_is_noticed_once_until_it_is_dismissed(session, vault, site):
    for _ in range(3):
        hold(session, vault, site)

    assert kinds(session) == ["queue_long"]
    assert kinds(session) == []

    session.query(Notice).one().dismissed_at = NOON
    assert kinds(session) == ["queue_long"]


def test_an_old_queue_is_noticed(session, vault, site):
    hold(session, vault, site, at=NOON - timedelta(hours=13))

    assert kinds(session) == ["queue_old"]


def test_comments_that_nobody_judges_are_noticed(session, vault, site):
    lifecycle.receive(
        session,
        site_id=site.id,
        vault=vault,
        now=NOON - timedelta(minutes=6),
        name="A",
        email="a@example.com",
        body="b",
    )

    assert kinds(session) == ["unjudged"]


def test_an_endpoint_that_fails_for_hours_is_noticed(session, vault, site):
    session.query(Endpoint).one().failing_since = NOON - timedelta(hours=7)

    assert kinds(session) == ["endpoint_failing"]


def test_what_was_sent_is_not_sent_again(session, vault, site):
    session.query(Endpoint).one().failing_since = NOON - timedelta(hours=7)
    watching.watch(session, now=NOON)
    (notice,) = watching.unsent(session)

    notice.sent_at = NOON
    session.flush()

    assert watching.unsent(session) == []

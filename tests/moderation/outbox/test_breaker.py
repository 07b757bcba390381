"""A receiver that is down is not hammered, and one that is back gets what it missed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from moderation.tables import Event, Notice
from tests.conftest import NOON
from tests.moderation.outbox.post import add_endpoint, announce, came, claim, fail, rows, second


def test_an_endpoint_that_fails_thrice_in_a_row_gets_a_pause_and_then_one_request(
    session, vault, site, endpoint
):
    announce(session, site, 20)
    fail(session, vault, endpoint, 3)

    assert claim(session, vault, second(4)) == []
    asked = claim(session, vault, second(5))
    assert len(asked) == 1
    assert claim(session, vault, second(6), busy=[endpoint.id]) == []

    came(session, asked, 204, at=second(6))
    assert len(claim(session, vault, second(6))) == 8


def test_the_longer_the_outage_the_longer_the_pause_up_to_five_minutes(session, vault, site, endpoint):
    announce(session, site, 20)

    pauses = []
    for after in (0, 1, 2, 60, 240, 7200):
        endpoint.closed_until = None
        session.flush()
        came(session, claim(session, vault, second(after), limit=1), 500, at=second(after))
        pauses.append(endpoint.closed_until and (endpoint.closed_until - second(after)).total_seconds())

    assert pauses == [None, None, 5, 30, 120, 300]


def test_when_an_outage_ends_everything_that_waited_for_a_retry_goes_at_once(session, vault, site, endpoint):
    announce(session, site, 6)
    fail(session, vault, endpoint, 5)
    assert all(row.due_at > NOON for row in rows(session) if row.attempts_made)

    came(session, claim(session, vault, second(30)), 204, at=second(30))

    assert len(claim(session, vault, second(30))) == 5


def test_one_event_that_a_receiver_cannot_digest_is_no_outage(session, vault, site, endpoint):
    announce(session, site, 10)
    parcels = claim(session, vault)

    came(session, parcels[:1], 500)
    came(session, parcels[1:], 204)

    assert (endpoint.failures, endpoint.failing_since, endpoint.closed_until) == (0, None, None)
    assert sum(row.status == "due" and row.due_at > NOON for row in rows(session)) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_receiver_that_throttles_is_left_alone_for_as_long_as_it_asks(
    session, vault, site, endpoint, status
):
    announce(session, site, 2)

    fail(session, vault, endpoint, 1, status, retry_after="40")

    assert claim(session, vault, second(39)) == []
    assert len(claim(session, vault, second(40))) >= 1


def test_a_success_under_way_does_not_shorten_what_a_throttling_receiver_asked_for(
    session, vault, site, endpoint
):
    announce(session, site, 3)
    parcels = claim(session, vault)
    came(session, parcels[:1], 429, retry_after="40")

    came(session, parcels[1:], 204, at=second(1))

    assert endpoint.closed_until == second(40)


def test_410_disables_at_once_and_tells_the_other_endpoints_and_the_desk(session, vault, site, endpoint):
    other = add_endpoint(session, vault, site)
    announce(session, site, 3)
    parcels = [parcel for parcel in claim(session, vault) if parcel.endpoint_id == endpoint.id]

    came(session, parcels[:1], 410)

    assert (endpoint.status, "410" in endpoint.disabled_reason) == ("disabled", True)
    assert {row.status for row in rows(session, endpoint_id=endpoint.id)} == {"dead"}
    told = session.scalars(select(Event).where(Event.type == "endpoint.disabled")).one()
    assert told.payload["endpoint"] == {"id": endpoint.id, "url": endpoint.url}
    assert [row.endpoint_id for row in rows(session, event_id=told.id)] == [other.id]
    notice = session.scalars(select(Notice)).one()
    assert (notice.kind, notice.site_id) == ("endpoint_disabled", site.id)
    announce(session, site)
    assert rows(session, endpoint_id=endpoint.id, status="due") == []


def test_five_days_of_nothing_but_failure_disable(session, vault, site, endpoint):
    announce(session, site, 20)
    fail(session, vault, endpoint, 11)

    fail(session, vault, endpoint, 1, at=NOON + timedelta(days=4, hours=23))
    assert endpoint.status == "active"
    fail(session, vault, endpoint, 1, at=NOON + timedelta(days=5))

    assert endpoint.status == "disabled"
    assert "5 days" in session.scalars(select(Notice)).one().text


def test_two_failures_a_week_apart_on_a_quiet_site_do_not_disable(session, vault, site, endpoint):
    announce(session, site, 2)
    fail(session, vault, endpoint, 1)

    fail(session, vault, endpoint, 1, at=NOON + timedelta(days=7))

    assert endpoint.status == "active"

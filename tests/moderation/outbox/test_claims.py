"""Nobody claims what another has, nobody starves, and a comment's events keep their order."""

from datetime import timedelta

from moderation import claims, events
from moderation.store import open_database
from tests.conftest import NOON, make_site
from tests.moderation.outbox.post import add_endpoint, announce, came, claim, rows, second


def test_what_is_claimed_is_nobody_elses_until_its_lease_runs_out(session, vault, site):
    announce(session, site)
    (first,) = claim(session, vault)

    assert claim(session, vault, second(claims.LEASE_SECONDS)) == []
    (again,) = claim(session, vault, second(claims.LEASE_SECONDS + 1))

    assert (again.event_id, again.body) == (first.event_id, first.body)
    assert again.attempt == 2


def test_two_workers_claiming_at_once_share_the_work(postgres_url, vault):
    database = open_database(postgres_url)
    with database.writing() as session:
        announce(session, make_site(session, vault, endpoint="https://news.example/hooks"), 10)

    with database.writing() as one, database.writing() as other:
        first = claim(one, vault, limit=8, each=4)
        second_ = claim(other, vault, limit=8, each=4)
    database.engine.dispose()

    assert len(first) == len(second_) == 4
    assert not {p.delivery_id for p in first} & {p.delivery_id for p in second_}


def test_what_waits_for_an_undo_is_not_sent_before_its_time(session, vault, site):
    outbox = events.Outbox.for_sites(session, [site.id], NOON)
    outbox.announce(site_id=site.id, event_type="comment.rejected", data={}, delay_seconds=10)
    outbox.write()

    assert claim(session, vault, second(9)) == []
    assert len(claim(session, vault, second(10))) == 1


def test_a_flood_for_one_endpoint_leaves_room_for_the_others(session, vault, site, endpoint):
    announce(session, site, 100)
    other = add_endpoint(session, vault, site)
    announce(session, site, at=second(1))

    parcels = claim(session, vault, second(1), limit=8, each=8)

    assert sum(parcel.endpoint_id == endpoint.id for parcel in parcels) == 4
    assert sum(parcel.endpoint_id == other.id for parcel in parcels) == 1


def test_an_endpoint_whose_attempts_hang_gets_no_more_and_does_not_hide_the_others(
    session, vault, site, endpoint
):
    announce(session, site, 5)
    other = add_endpoint(session, vault, site)
    announce(session, site, at=second(1))

    parcels = claim(session, vault, second(1), room={endpoint.id: 0})

    assert {parcel.endpoint_id for parcel in parcels} == {other.id}


def test_events_about_one_comment_go_out_one_after_the_other(session, vault, site):
    announce(session, site, 3, comment="comment-1")

    order = []
    for _ in range(3):
        (parcel,) = claim(session, vault)
        assert claim(session, vault) == []  # the next one waits while this one is under way
        came(session, [parcel], 204)
        order.append(parcel.body)

    assert [b'"sequence":%d' % number in body for number, body in enumerate(order, 1)] == [True] * 3


def test_a_later_event_waits_through_the_first_retries_of_the_earlier_and_then_overtakes_it(
    session, vault, site, endpoint
):
    announce(session, site, comment="comment-1")
    at = NOON
    for _ in range(claims.HOLDS_BACK):
        endpoint.closed_until, endpoint.failures = None, 0
        session.flush()
        (parcel,) = claim(session, vault, at)
        came(session, [parcel], 500, at=at)
        if parcel.attempt == 1:
            announce(session, site, comment="comment-1", first=2, at=at)
            assert claim(session, vault, at) == []
        at = max(row.due_at for row in rows(session))
    endpoint.closed_until, endpoint.failures = None, 0
    session.flush()

    (overtaking,) = claim(session, vault, at - timedelta(seconds=1))

    assert b'"sequence":2' in overtaking.body


def test_the_bytes_of_an_event_are_the_same_in_every_attempt(session, vault, site):
    announce(session, site)
    (first,) = claim(session, vault)
    came(session, [first], 500)
    session.expire_all()

    (again,) = claim(session, vault, second(3600))

    assert again.body == first.body
    assert first.body.startswith(b'{"data":{"body":"Gr\xc3\xbc\xc3\x9fe",')
    assert first.body.endswith(b'"timestamp":"2026-11-28T12:00:00.000Z","type":"comment.approved"}')

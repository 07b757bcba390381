"""Endpoints are registered, changed, tried out and brought up to date by their owner."""

import pytest
from sqlalchemy import update

from moderation import endpoints
from moderation.errors import Invalid, NotFound
from moderation.tables import Delivery, Event
from moderation.targets import Targets
from tests.conftest import NOON, make_site
from tests.moderation.outbox.post import SECRET, add_endpoint, announce, came, claim, rows, second


def create(session, vault, site, url="https://8.8.8.8/hooks", **options):
    return endpoints.create(
        session, vault, site_id=site.id, url=url, now=NOON, check=Targets().check, **options
    )


def test_an_endpoint_is_registered_with_a_secret_that_is_kept_encrypted(session, vault, site):
    row, secret = create(session, vault, site, events=["comment.approved", "comment.approved"])

    assert secret.startswith("whsec_")
    assert secret not in row.secret_encrypted
    assert vault.decrypt(row.secret_encrypted) == secret
    assert row.events == ["comment.approved"]
    assert endpoints.endpoint_of(session, site.id, row.id) is row


def test_every_fault_of_a_registration_is_named(session, vault, site):
    with pytest.raises(Invalid) as refused:
        create(session, vault, site, "http://169.254.169.254/latest", events=["ping", "comment.liked"])

    assert [fault.pointer for fault in refused.value.faults] == ["/url", "/events/1"]
    assert "public" in refused.value.faults[0].detail
    assert "comment.approved" in refused.value.faults[1].detail


def test_a_site_cannot_register_endpoints_without_end(session, vault, site):
    for _ in range(endpoints.MOST_ENDPOINTS - 1):
        create(session, vault, site)

    with pytest.raises(Invalid, match="at most"):
        create(session, vault, site)


def test_another_sites_endpoint_is_not_admitted_to_exist(session, vault, site, endpoint):
    other = make_site(session, vault, slug="evening-line")

    with pytest.raises(NotFound):
        endpoints.endpoint_of(session, other.id, endpoint.id)
    (delivered,) = announce(session, site)
    with pytest.raises(NotFound):
        endpoints.delivery_of(session, other.id, rows(session, event_id=delivered)[0].id)


def test_a_changed_address_is_checked_and_starts_with_a_clean_record(session, vault, site, endpoint):
    endpoint.failures, endpoint.failing_since, endpoint.closed_until = 7, NOON, second(300)

    with pytest.raises(Invalid):
        endpoints.patch(session, endpoint, now=NOON, check=Targets().check, url="http://10.0.0.1/")
    assert endpoint.url == "https://news.example/hooks"
    endpoints.patch(
        session,
        endpoint,
        now=NOON,
        check=Targets().check,
        url="https://8.8.8.8/",
        events=["ping"],
        description="new",
    )

    assert (endpoint.url, endpoint.events, endpoint.description) == ("https://8.8.8.8/", ["ping"], "new")
    assert (endpoint.failures, endpoint.failing_since, endpoint.closed_until) == (0, None, None)


def test_while_a_secret_is_being_changed_both_sign_and_afterwards_the_new_one_alone(
    session, vault, site, endpoint
):
    new = endpoints.rotate(session, vault, endpoint, now=NOON, overlap_seconds=60)
    announce(session, site, 2)

    (during,) = claim(session, vault, second(59), limit=1)
    (after,) = claim(session, vault, second(60), limit=1)

    assert during.secrets == (new, SECRET)
    assert after.secrets == (new,)


def test_a_leaked_secret_stops_signing_at_once(session, vault, site, endpoint):
    new = endpoints.rotate(session, vault, endpoint, now=NOON, overlap_seconds=0)
    announce(session, site)

    assert claim(session, vault)[0].secrets == (new,)


def test_a_deleted_endpoint_gets_nothing_and_its_history_stays(session, vault, site, endpoint):
    endpoint.url = "https://news.example/hooks?token=hidden"
    announce(session, site, 2)

    endpoints.delete(session, endpoint, now=NOON)

    assert endpoints.registered(session, site.id) == []
    assert claim(session, vault) == []
    assert {row.status for row in rows(session)} == {"dead"}
    assert endpoint.secret_encrypted == ""
    assert "hidden" not in endpoint.url
    assert len(endpoints.deliveries_of(session, site.id)) == 2


def test_a_ping_goes_to_the_one_endpoint_whatever_it_wants(session, vault, site, endpoint):
    add_endpoint(session, vault, site)
    endpoint.events = ["comment.held"]

    endpoints.ping(session, endpoint, now=NOON)

    (parcel,) = claim(session, vault)
    assert parcel.endpoint_id == endpoint.id
    assert b'"type":"ping"' in parcel.body


def test_a_disabled_endpoint_is_not_pinged_or_replayed_and_says_why(session, vault, site, endpoint):
    announce(session, site)
    endpoints.patch(session, endpoint, now=NOON, check=Targets().check, status="disabled")
    (row,) = rows(session)

    for refused in (
        lambda: endpoints.ping(session, endpoint, now=NOON),
        lambda: endpoints.replay(session, row, now=NOON),
        lambda: endpoints.recover(session, endpoint, since=NOON, now=NOON),
    ):
        with pytest.raises(Invalid, match="enable it first"):
            refused()


def test_a_replay_sends_the_same_event_again_under_its_id(session, vault, site):
    announce(session, site)
    (first,) = claim(session, vault)
    came(session, [first], 204)

    endpoints.replay(session, rows(session)[0], now=second(5))

    (again,) = claim(session, vault, second(5))
    assert (again.event_id, again.body, again.attempt) == (first.event_id, first.body, 1)


def test_what_was_taken_back_or_erased_is_not_replayed(session, vault, site):
    (event_id,) = announce(session, site)
    (row,) = rows(session)
    session.get(Event, event_id).payload = {"id": "x", "sequence": 1}
    session.flush()

    with pytest.raises(Invalid, match="erased"):
        endpoints.replay(session, row, now=NOON)

    row.status = "cancelled"
    with pytest.raises(Invalid, match="taken back"):
        endpoints.replay(session, row, now=NOON)


def test_recovery_brings_everything_that_an_endpoint_missed_once(session, vault, site, endpoint):
    add_endpoint(session, vault, site)
    (delivered,) = announce(session, site)
    came(session, claim(session, vault), 204)
    dead = announce(session, site, 2, at=second(10))
    endpoints.patch(session, endpoint, now=second(11), check=Targets().check, status="disabled")
    missed = announce(session, site, 2, at=second(20))
    (undone,) = announce(session, site, at=second(21))
    session.execute(update(Delivery).where(Delivery.event_id == undone).values(status="cancelled"))
    (erased,) = announce(session, site, at=second(22))
    session.get(Event, erased).payload = {"id": "x"}
    announce(session, site, at=second(-10))
    endpoints.patch(session, endpoint, now=second(30), check=Targets().check, status="active")

    count = endpoints.recover(session, endpoint, since=NOON, now=second(30))

    due = rows(session, endpoint_id=endpoint.id, status="due")
    assert {row.event_id for row in due} == {*dead, *missed}
    assert count == 4
    assert endpoints.recover(session, endpoint, since=NOON, now=second(31)) == 0
    assert delivered not in {row.event_id for row in due}


def test_recovery_brings_what_waited_when_the_endpoint_was_given_up(session, vault, site, endpoint):
    announce(session, site, 3)
    (first, *_) = claim(session, vault, second(60), limit=1)
    came(session, [first], 410, at=second(60))
    endpoints.patch(session, endpoint, now=second(90), check=Targets().check, status="active")

    # The notice names the time of the first failure; what waited was announced before.
    assert endpoints.recover(session, endpoint, since=second(60), now=second(90)) == 3


def test_recovery_respects_the_types_that_an_endpoint_wants(session, vault, site, endpoint):
    endpoint.events = ["comment.held"]
    announce(session, site, type="comment.approved")
    announce(session, site, type="comment.held")
    session.execute(update(Delivery).values(status="dead"))

    assert endpoints.recover(session, endpoint, since=NOON, now=NOON) == 1


def test_deliveries_are_listed_newest_first_in_pages(session, vault, site, endpoint):
    announce(session, site, 5)

    first = endpoints.deliveries_of(session, site.id, status="due", endpoint_id=endpoint.id, limit=3)
    rest = endpoints.deliveries_of(session, site.id, before=first[-1][0].id, limit=3)

    ids = [row.id for row, _ in first + rest]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 5
    assert endpoints.deliveries_of(session, site.id, event_id=first[0][1].id)[0][0].id == ids[0]

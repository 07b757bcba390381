"""Two workers, or a worker and an owner, in the same moment: nothing is lost, stuck or undone by the later one."""

import threading

import pytest
from sqlalchemy import select, text

from moderation import breaker, claims, endpoints, events
from moderation.store import open_database
from moderation.tables import Delivery, Endpoint, Notice
from moderation.targets import Targets
from tests.conftest import NOON, make_site
from tests.moderation.outbox.post import add_endpoint, announce, came, claim, rows, second


def change(session, endpoint, **changes):
    endpoints.patch(session, endpoint, now=NOON, check=Targets().check, **changes)


# -- an owner acts while an attempt is under way ------------------------------------------------------


@pytest.mark.parametrize("status", [410, 500, None])
def test_what_the_old_address_answers_does_not_count_against_the_new_one(
    session, vault, site, endpoint, status
):
    announce(session, site, 3)
    parcels = claim(session, vault)
    change(session, endpoint, url="https://8.8.8.8/hooks")

    came(session, parcels, status, at=second(1))

    assert (endpoint.status, endpoint.failures, endpoint.closed_until) == ("active", 0, None)
    assert {row.status for row in rows(session)} == {"due"}  # they go to the new one


def test_what_arrives_while_its_endpoint_is_disabled_has_arrived(session, vault, site, endpoint):
    announce(session, site, 2)
    parcels = claim(session, vault)
    change(session, endpoint, status="disabled")

    came(session, parcels[:1], 204, at=second(1))
    came(session, parcels[1:], 500, at=second(1))

    assert sorted(row.status for row in rows(session)) == ["dead", "delivered"]
    change(session, endpoint, status="active")
    assert endpoints.recover(session, endpoint, since=NOON, now=second(2)) == 1


def test_an_endpoint_deleted_under_way_stays_deleted_whatever_comes_back(session, vault, site, endpoint):
    announce(session, site, 3)
    parcels = claim(session, vault)
    endpoints.delete(session, endpoint, now=NOON)

    came(session, parcels[:1], 204, at=second(1))
    came(session, parcels[1:2], 410, at=second(1))
    came(session, parcels[2:], 500, at=second(1))

    assert endpoint.status == "deleted"
    assert session.scalars(select(Notice)).all() == []
    assert claim(session, vault, second(90_000)) == []


@pytest.mark.parametrize("status", [204, 500])
def test_a_replay_of_what_is_under_way_is_not_sent_twice_in_the_same_moment(session, vault, site, status):
    announce(session, site)
    (parcel,) = claim(session, vault)

    endpoints.replay(session, rows(session)[0], now=second(1))

    assert claim(session, vault, second(1)) == []
    came(session, [parcel], status, at=second(2))
    again = claim(session, vault, second(claims.LEASE_SECONDS + 1))
    assert [one.attempt for one in again] == ([] if status == 204 else [1])


def test_what_is_recovered_while_it_is_under_way_is_not_sent_twice_in_the_same_moment(
    session, vault, site, endpoint
):
    announce(session, site)
    (parcel,) = claim(session, vault)
    change(session, endpoint, status="disabled")
    change(session, endpoint, status="active")

    assert endpoints.recover(session, endpoint, since=NOON, now=second(1)) == 1

    assert claim(session, vault, second(1)) == []
    came(session, [parcel], 204, at=second(2))
    assert [row.status for row in rows(session)] == ["delivered"]


def test_a_secret_that_leaked_and_was_changed_under_way_signs_the_next_attempt_no_more(
    session, vault, site, endpoint
):
    announce(session, site)
    (parcel,) = claim(session, vault)
    new = endpoints.rotate(session, vault, endpoint, now=NOON, overlap_seconds=0)

    came(session, [parcel], 401, at=second(1))

    (again,) = claim(session, vault, second(60))
    assert again.secrets == (new,)


# -- two workers --------------------------------------------------------------------------------------


def test_a_worker_whose_clock_runs_ahead_doubles_an_attempt_and_breaks_no_order(session, vault, site):
    announce(session, site, 2, comment="comment-1")
    (slow,) = claim(session, vault)

    (early,) = claim(session, vault, second(120))  # to it the lease seems over

    assert early.event_id == slow.event_id
    came(session, [early], 204, at=second(120))
    came(session, [slow], error="No answer within 15 s.", at=second(15))
    (later,) = claim(session, vault, second(120))
    assert b'"sequence":2' in later.body
    assert [row.status for row in rows(session)] == ["delivered", "due"]


def test_a_worker_whose_clock_is_late_loses_nothing(session, vault, site):
    announce(session, site)

    assert claim(session, vault, second(-3600)) == []
    assert len(claim(session, vault)) == 1


@pytest.fixture
def crowd(postgres_url, vault):
    """A database that transactions of several threads share, with one site and a few announced events."""
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault, endpoint="https://news.example/hooks")
        announce(session, site, 6)
    yield database, site
    database.engine.dispose()


def together(*acts, until):
    """Run acts in threads, begin ``until`` meanwhile, and raise what any of them raised."""
    raised = []

    def run(act):
        try:
            act()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    until()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert raised == []


def test_two_workers_that_hear_410_at_once_do_not_wait_for_each_other_in_a_circle(crowd, vault):
    database, _ = crowd
    with database.writing() as session:
        first = claim(session, vault, limit=6, each=3)
    with database.writing() as session:
        other = claim(session, vault, limit=6, each=3)

    def hear(parcels):
        with database.writing() as session:
            came(session, parcels, 410, at=second(1))

    with database.writing() as holder:
        holder.scalars(select(Endpoint).with_for_update()).all()  # both arrive here before either goes on

        def both_wait():
            with database.reading() as session:
                query = text("select count(*) from pg_locks where not granted")
                while session.scalar(query) < 2:
                    session.rollback()
            holder.commit()

        together(lambda: hear(first), lambda: hear(other), until=both_wait)

    with database.reading() as session:
        assert session.scalars(select(Endpoint.status)).all() == ["disabled"]
        assert len(session.scalars(select(Notice)).all()) == 1


def test_what_is_announced_does_not_wait_for_a_worker_that_writes_down_an_endpoints_failure(crowd, vault):
    database, site = crowd
    with database.writing() as session:
        parcels = claim(session, vault, limit=1)

    with database.writing() as worker, database.writing() as announcing:
        came(worker, parcels, 500, at=second(1))
        announcing.execute(text("set local lock_timeout = '2s'"))
        announce(announcing, site, at=second(1))

    with database.reading() as session:
        assert len(rows(session)) == 7


def test_what_was_announced_in_the_moment_of_disabling_is_given_up_and_can_be_recovered(crowd, vault):
    database, site = crowd
    with database.writing() as announcing:
        outbox = events.Outbox.for_sites(announcing, [site.id], NOON)
        with database.writing() as owner:
            change(owner, owner.scalars(select(Endpoint)).one(), status="disabled")
        outbox.announce(site_id=site.id, event_type="comment.held", data={"status": "held"}, comment_id="c")
        outbox.write()

    with database.writing() as session:
        assert len(rows(session, status="due")) == 1
        assert breaker.bury_late(session, now=second(1)) == 1
        assert breaker.bury_late(session, now=second(1)) == 0
    with database.writing() as session:
        endpoint = session.scalars(select(Endpoint)).one()
        change(session, endpoint, status="active")
        assert endpoints.recover(session, endpoint, since=NOON, now=second(2)) == 7


def test_what_waits_for_an_active_endpoint_is_not_given_up(session, vault, site, endpoint):
    add_endpoint(session, vault, site, status="disabled")
    announce(session, site, 2)

    assert breaker.bury_late(session, now=NOON) == 0
    assert {row.status for row in rows(session)} == {"due"}


def test_an_undo_that_meets_a_worker_sending_knows_that_the_site_was_told(crowd, vault):
    database, site = crowd
    with database.writing() as session:
        announce(session, site, comment="comment-1")
    found = []

    def undo():
        with database.writing() as session:
            found.append(events.cancel_unsent(session, "comment-1", since=NOON, now=second(-1)))

    with database.writing() as worker:
        parcels = claim(worker, vault, limit=48, each=48)  # locked, and not yet committed

        def one_waits():
            with database.reading() as session:
                query = text("select count(*) from pg_locks where not granted")
                while session.scalar(query) < 1:
                    session.rollback()
            worker.commit()

        together(undo, until=one_waits)

    assert found == [set()]  # nothing was taken back
    assert any(b"comment-1" in parcel.body for parcel in parcels)
    with database.reading() as session:
        assert "cancelled" not in set(session.scalars(select(Delivery.status)))

"""The courier with real receivers and both databases: everything arrives, and nobody waits for another."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from moderation import claims, delivery, events, jobs
from moderation.egress import Egress
from moderation.tables import Attempt, Delivery, Endpoint, Heartbeat, new_id
from moderation.targets import Targets
from tests.conftest import make_site
from tests.receiver import answering, hanging, receiving
from worker import courier as courier_module
from worker.celery import app
from worker.courier import Courier


@pytest.fixture
def employ(database, vault):
    """Hires couriers that may call the given receivers, and dismisses them at the end."""
    hired = []

    def hire(*receivers, **options):
        egress = Egress(Targets([receiver.host for receiver in receivers]))
        hired.append(Courier(database, vault, egress, **options))
        return hired[-1]

    yield hire
    for one in hired:
        one.close()


@pytest.fixture
def announce(database, vault):
    """Announces events to a receiver; a receiver is a site of its own."""
    sites = {}

    def announce(receiver, count, *, comment=None):
        now = datetime.now(UTC)
        with database.writing() as session:
            if receiver.url not in sites:
                slug = f"site-{len(sites)}"
                sites[receiver.url] = make_site(session, vault, slug=slug, endpoint=receiver.url).id
            site = sites[receiver.url]
            outbox = events.Outbox.for_sites(session, [site], now)
            ids = []
            for number in range(1, count + 1):
                of = comment or new_id()
                ids.append(
                    outbox.announce(
                        site_id=site,
                        event_type="comment.approved",
                        data={"id": of, "status": "approved", "sequence": number},
                        comment_id=of,
                        sequence=number,
                    )
                )
            outbox.write()
        return ids

    return announce


def statuses(database):
    with database.reading() as session:
        return dict(session.execute(select(Delivery.status, func.count()).group_by(Delivery.status)).all())


def test_everything_due_arrives_once_and_is_kept_as_delivered(database, employ, announce):
    with receiving() as receiver:
        ids = announce(receiver, 60)

        assert employ(receiver).run(30) is False

    assert sorted(got.id for got in receiver.got) == sorted(ids)
    assert statuses(database) == {"delivered": 60}
    assert receiver.connections <= courier_module.EACH  # kept alive, not one for each event
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Attempt)) == 60
        assert session.get(Heartbeat, "deliver") is not None


def test_a_comments_events_arrive_in_their_order(employ, announce):
    with receiving() as receiver:
        announce(receiver, 8, comment="comment-1")

        employ(receiver).run(30)

    assert [got.message["data"]["sequence"] for got in receiver.got] == list(range(1, 9))


def test_a_receiver_that_hangs_delays_nobody_else(database, employ, announce):
    with receiving(hanging(60)) as slow, receiving() as quick:
        announce(slow, 40)
        announce(quick, 40)
        courier = employ(slow, quick)
        running = threading.Thread(target=courier.run, args=(30,))
        running.start()

        quick.wait_for(lambda it: len(it.got) == 40, seconds=10)

        assert 0 < len(slow.got) <= courier_module.EACH  # the rest waits for the first ones' answers
        assert running.is_alive()
        announce(quick, 1)  # nor what comes later, while it hangs
        courier.run(30)
        quick.wait_for(lambda it: len(it.got) == 41, seconds=10)
        slow._server.closing.set()
        courier.stop()
        running.join(timeout=30)


def test_a_crowd_of_receivers_that_hang_never_takes_the_last_thread(employ, announce):
    with (
        receiving(hanging(60)) as slow1,
        receiving(hanging(60)) as slow2,
        receiving(hanging(60)) as slow3,
        receiving() as quick,
    ):
        crowd = (slow1, slow2, slow3)
        for slow in crowd:
            announce(slow, 10)
        courier = employ(*crowd, quick, threads=8)
        running = threading.Thread(target=courier.run, args=(30,))
        running.start()
        for slow in crowd:
            slow.wait_for(lambda it: it.got)
        announce(quick, 10)
        courier.run(30)

        quick.wait_for(lambda it: len(it.got) == 10, seconds=10)

        for slow in crowd:
            slow._server.closing.set()
        courier.stop()
        running.join(timeout=30)


def test_a_crash_between_sending_and_committing_sends_again_under_the_same_id(
    database, vault, employ, announce
):
    with receiving() as receiver:
        (event_id,) = announce(receiver, 1)
        egress = Egress(Targets([receiver.host]))
        with database.writing() as session:
            parcels = claims.claim(session, vault, now=datetime.now(UTC), limit=1, each=1, room={})
        delivery.send(egress, parcels[0], clock=lambda: datetime.now(UTC))
        egress.close()  # and the worker dies here, with nothing written
        with database.writing() as session:
            session.execute(update(Delivery).values(lease_until=datetime.now(UTC) - timedelta(seconds=1)))

        employ(receiver).run(30)

    assert [got.id for got in receiver.got] == [event_id, event_id]
    assert receiver.got[0].body == receiver.got[1].body
    assert statuses(database) == {"delivered": 1}


def test_two_couriers_on_one_database_send_nothing_twice(employ, announce):
    with receiving() as receiver:
        ids = announce(receiver, 80)
        couriers = [employ(receiver) for _ in range(2)]
        threads = [threading.Thread(target=one.run, args=(30,)) for one in couriers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(got.id for got in receiver.got) == sorted(ids)


def test_an_outage_costs_time_and_no_event(database, employ, announce):
    with receiving(answering(500)) as receiver:
        ids = announce(receiver, 24)
        courier = employ(receiver)
        courier.run(30)
        assert statuses(database) == {"due": 24}
        sent_in_vain = len(receiver.got)
        receiver.behave = answering(204)
        deadline = time.monotonic() + 30
        while statuses(database).get("due"):
            with database.writing() as session:  # the pause of the breaker is over
                session.execute(update(Endpoint).values(closed_until=None))
            courier.run(30)
            assert time.monotonic() < deadline

    assert sent_in_vain <= courier_module.EACH  # the breaker spared the rest
    assert {got.id for got in receiver.got[sent_in_vain:]} == set(ids)


def test_what_was_answered_while_the_database_was_gone_is_written_when_it_is_back(
    database, employ, announce, monkeypatch
):
    with receiving() as receiver:
        announce(receiver, 2)
        courier = employ(receiver)
        record = delivery.record

        def gone(session, results, *, now):
            if results:
                raise ConnectionError("the database is gone")
            record(session, results, now=now)

        monkeypatch.setattr(delivery, "record", gone)
        with pytest.raises(ConnectionError):
            courier.run(30)
        receiver.wait_for(lambda it: len(it.got) == 2)
        monkeypatch.undo()

        courier.run(30)

    assert statuses(database) == {"delivered": 2}
    assert len(receiver.got) == 2


def test_when_told_to_stop_it_finishes_what_is_under_way_and_begins_nothing(database, employ, announce):
    release = threading.Event()

    def slowly(got, handler):
        release.wait(20)
        return 204, {}, b""

    with receiving(slowly) as receiver:
        announce(receiver, 30)
        courier = employ(receiver)
        running = threading.Thread(target=courier.run, args=(30,))
        running.start()
        receiver.wait_for(lambda it: it.got)
        courier.stop()
        begun = len(receiver.got)
        release.set()
        running.join(timeout=20)

        assert not running.is_alive()

    assert begun <= len(receiver.got) <= courier_module.EACH
    assert statuses(database)["delivered"] == len(receiver.got)
    assert statuses(database)["due"] == 30 - len(receiver.got)


def test_a_clock_put_forward_doubles_an_attempt_and_stops_nothing(database, employ, announce):
    """Every lease seems over, the courier's own too: one delivery is under way twice."""
    release, ahead = threading.Event(), timedelta(0)

    def slowly(got, handler):
        release.wait(20)
        return 204, {}, b""

    with receiving(slowly) as receiver:
        (event_id,) = announce(receiver, 1)
        courier = employ(receiver, clock=lambda: datetime.now(UTC) + ahead)
        running = threading.Thread(target=courier.run, args=(30,))
        running.start()
        receiver.wait_for(lambda it: len(it.got) == 1)
        ahead = timedelta(hours=1)
        receiver.wait_for(lambda it: len(it.got) == 2)
        release.set()
        running.join(timeout=20)
        (later,) = announce(receiver, 1)

        assert courier.run(30) is False

    assert [got.id for got in receiver.got] == [event_id, event_id, later]
    assert statuses(database) == {"delivered": 2}


def test_a_run_ends_in_time_with_attempts_under_way_and_the_next_one_takes_them_in(
    database, employ, announce
):
    release = threading.Event()

    def slowly(got, handler):
        release.wait(20)
        return 204, {}, b""

    with receiving(slowly) as receiver:
        announce(receiver, 1)
        courier = employ(receiver)

        began = time.monotonic()
        assert courier.run(0.3) is True
        assert time.monotonic() - began < 15
        release.set()
        assert courier.run(30) is False

    assert statuses(database) == {"delivered": 1}


def test_the_job_has_its_task():
    import worker.tasks_deliver  # noqa: F401

    assert jobs.DELIVER in app.tasks

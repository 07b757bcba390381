"""What is announced arrives, in order, for three days, and nobody's trouble becomes another's."""

import shutil
import uuid
from datetime import datetime, timedelta
from email.utils import format_datetime

import psycopg
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from standardwebhooks.webhooks import Webhook

from moderation import breaker, claims, delivery, endpoints, events
from moderation.delivery import Result
from moderation.egress import Answer, Egress
from moderation.errors import Invalid, NotFound
from moderation.store import open_database
from moderation.tables import Attempt, Delivery, Endpoint, Event, Notice, new_id
from moderation.targets import Targets
from moderation.vault import vault_of
from tests.conftest import NOON, make_site
from tests.receiver import receiving

SECRET = "whsec_" + "c2VjcmV0" * 6


def second(number: float) -> datetime:
    return NOON + timedelta(seconds=number)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request, tmp_path_factory):
    """One database for all tests here: none of them commits."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("shared") / "btl.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        database = open_database(f"sqlite:///{path}")
        yield database
        database.engine.dispose()
        return
    server, template = (request.getfixturevalue(f"postgres_{name}") for name in ("server", "template"))
    name = f"btl_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'create database "{name}" template "{template}"')
        url = server.rsplit("/", 1)[0].replace("postgresql:", "postgresql+psycopg:")
        database = open_database(f"{url}/{name}")
        yield database
        database.engine.dispose()
        admin.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def session(shared):
    with Session(shared.engine, expire_on_commit=False) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def site(session, vault):
    return make_site(session, vault, endpoint="https://news.example/hooks")


@pytest.fixture
def endpoint(session, site):
    return session.scalars(select(Endpoint).where(Endpoint.site_id == site.id)).one()


def add_endpoint(session, vault, site, **changes):
    row = Endpoint(
        id=new_id(),
        site_id=site.id,
        url="https://other.example/hooks",
        events=[],
        secret_encrypted=vault.encrypt(SECRET),
        status="active",
        created_at=NOON,
    )
    for name, value in changes.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return row


def announce(session, site, count=1, *, comment=None, first=1, at=NOON, type="comment.approved"):
    """Announce events; with ``comment``, all about one, with its sequence counting up."""
    outbox = events.Outbox.for_sites(session, [site.id], at)
    ids = []
    for number in range(first, first + count):
        of = comment or new_id()
        ids.append(
            outbox.announce(
                site_id=site.id,
                event_type=type,
                data={"id": of, "status": "approved", "body": "Grüße", "sequence": number},
                comment_id=of,
                sequence=number,
            )
        )
    outbox.write()
    return ids


def claim(session, vault, at=NOON, **options):
    options = {"limit": 48, "each": 8, "room": {}} | options
    return claims.claim(session, vault, now=at, **options)


def came(session, parcels, status=None, *, at=NOON, retry_after=None, error=""):
    """Record the same answer for every parcel."""
    answer = Answer(status, retry_after, error)
    delivery.record(session, [Result(parcel, at, 12, answer) for parcel in parcels], now=at)


def rows(session, **where):
    query = select(Delivery).filter_by(**where).order_by(Delivery.created_at, Delivery.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


# -- the schedule -------------------------------------------------------------------------------------


def test_ten_attempts_are_spread_over_three_days():
    waits = [delivery.wait_seconds("01KB", made) for made in range(1, 10)]

    assert delivery.wait_seconds("01KB", 10) is None
    assert 65 * 3600 < sum(waits) < 85 * 3600
    for wait, planned in zip(waits, delivery.SCHEDULE_SECONDS[1:], strict=True):
        assert 0.9 * planned <= wait <= 1.1 * planned


def test_what_failed_together_does_not_come_back_together_but_can_be_foretold():
    first = [delivery.wait_seconds(f"delivery-{number}", 3) for number in range(50)]

    assert len(set(first)) == 50
    assert first == [delivery.wait_seconds(f"delivery-{number}", 3) for number in range(50)]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        (format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOON - timedelta(days=1), usegmt=True), 0),
        ("99999999", 86_400),  # a year is a mistake
        ("9" * 5000, 86_400),
        ("-5", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        ("Wed, 99 Foo 9999 99:99:99 GMT", 0),
        ("³", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert breaker.retry_after_seconds(header, NOON) == seconds


def test_each_failure_makes_the_next_attempt_due_by_the_schedule_and_the_tenth_is_the_last(
    session, vault, site, endpoint
):
    announce(session, site)
    at, waited = NOON, []

    for number in range(1, 11):
        endpoint.closed_until = None  # the breaker has tests of its own
        session.flush()
        (parcel,) = claim(session, vault, at)
        assert parcel.attempt == number
        came(session, [parcel], 500, at=at)
        (row,) = rows(session)
        waited.append((row.due_at - at).total_seconds())
        at = max(row.due_at, at)

    assert (row.status, row.attempts_made, row.finished_at) == ("dead", 10, at)
    assert row.last_error == "The receiver answered 500."
    assert waited[:-1] == [pytest.approx(delivery.wait_seconds(row.id, made)) for made in range(1, 10)]
    assert claim(session, vault, at + timedelta(days=9)) == []
    assert session.scalar(select(func.count()).select_from(Attempt)) == 10


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(session, vault, site, status):
    announce(session, site)

    came(session, claim(session, vault), status)

    (row,) = rows(session)
    assert (row.status, row.finished_at, row.last_error, row.lease_until) == ("delivered", NOON, "", None)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503])
def test_everything_else_is_a_failure_redirects_included(session, vault, site, status):
    announce(session, site)

    came(session, claim(session, vault), status)

    (row,) = rows(session)
    assert row.status == "due"
    assert str(status) in row.last_error


def test_a_receiver_may_ask_for_more_time_than_the_schedule_gives(session, vault, site):
    announce(session, site)

    came(session, claim(session, vault), 503, retry_after="7200")

    assert rows(session)[0].due_at == second(7200)


# -- claiming -----------------------------------------------------------------------------------------


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


# -- keeping what came of it --------------------------------------------------------------------------


def test_a_success_counts_however_late_and_a_late_failure_changes_nothing(session, vault, site):
    announce(session, site)
    (slow,) = claim(session, vault)
    (quick,) = claim(session, vault, second(61))

    came(session, [slow], error="No answer within 15 s.", at=second(62))
    assert rows(session)[0].lease_until is not None  # still the second one's
    came(session, [quick], 500, at=second(63))
    came(session, [slow], 204, at=second(64))

    assert rows(session)[0].status == "delivered"


def test_what_was_cancelled_on_its_way_stays_cancelled(session, vault, site):
    announce(session, site, 2)
    parcels = claim(session, vault)
    session.execute(update(Delivery).values(status="cancelled"))

    came(session, parcels[:1], 204)
    came(session, parcels[1:], 500)

    assert {row.status for row in rows(session)} == {"cancelled"}


def test_every_attempt_is_kept_with_its_answer(session, vault, site):
    announce(session, site)
    (parcel,) = claim(session, vault)

    came(session, [parcel], error="No connection: Connection refused.")

    row = endpoints.delivery_of(session, site.id, parcel.delivery_id)
    (attempt,) = endpoints.attempts_of(session, row)
    assert (attempt.number, attempt.status_code, attempt.duration_ms) == (1, None, 12)
    assert attempt.error == row.last_error == "No connection: Connection refused."


def test_a_secret_that_cannot_be_decrypted_is_said_and_nothing_is_sent_unsigned(session, vault, site):
    from cryptography.fernet import Fernet

    announce(session, site)
    another = vault_of((Fernet.generate_key().decode(),), bytes(32))
    (parcel,) = claim(session, another)

    result = delivery.send(None, parcel, clock=lambda: NOON)

    assert "rotate" in result.error
    assert not result.is_success


# -- the breaker --------------------------------------------------------------------------------------


def fail(session, vault, endpoint, times, status=500, *, at=NOON, **answer):
    for _ in range(times):
        endpoint.closed_until = None
        session.flush()
        came(session, claim(session, vault, at, limit=1), status, at=at, **answer)


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


# -- endpoints ----------------------------------------------------------------------------------------


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


# -- over real HTTP -----------------------------------------------------------------------------------


def test_a_receiver_with_the_public_library_accepts_what_arrives(session, vault, site, endpoint):
    with receiving() as receiver:
        endpoint.url = receiver.url
        (event_id,) = announce(session, site)
        egress = Egress(Targets([receiver.host]))
        (parcel,) = claim(session, vault)

        result = delivery.send(egress, parcel, clock=lambda: datetime.now(NOON.tzinfo))
        egress.close()

    (got,) = receiver.got
    message = Webhook(SECRET).verify(got.body, got.headers)
    assert result.is_success
    assert got.id == event_id
    assert message["type"] == "comment.approved"
    assert message["data"]["body"] == "Grüße"
    assert got.headers["content-type"] == "application/json"

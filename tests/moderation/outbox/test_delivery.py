"""What is announced arrives for three days, and what came of every attempt is kept."""

from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import func, select, update
from standardwebhooks.webhooks import Webhook

from moderation import breaker, delivery, endpoints
from moderation.egress import Egress
from moderation.tables import Attempt, Delivery, Event
from moderation.targets import Targets
from moderation.vault import vault_of
from tests.conftest import NOON
from tests.moderation.outbox.post import SECRET, announce, came, claim, rows, second
from tests.receiver import receiving


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


def test_an_event_that_is_no_unicode_stops_nobody():
    """As an older version let a policy's words in, on SQLite."""
    event = Event(type="comment.held", payload={"reasons": [{"text": "a\ud800b"}]}, created_at=NOON)

    assert b'"text":"a?b"' in delivery.body_of(event)

"""The health of endpoints: when to pause, when to ask with one request, when to give an endpoint up.

A receiver that is down is not hammered and does not use up the schedules of what waits for it; one that
is back gets at once what it missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, literal_column, or_, select, update
from sqlalchemy.orm import Session

from moderation.events import Outbox
from moderation.tables import Delivery, Endpoint, Notice, new_id

if TYPE_CHECKING:
    from moderation.delivery import Result

#: A receiver may ask for more time than the schedule, but not for more than this.
LONGEST_WAIT_SECONDS = 86_400
#: Failures in a row after which an endpoint is asked with one request at a time, with pauses between.
TRIPS = 3
#: The pause is half of the time it has been failing: an outage of a minute ends within half of one more.
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 300
#: An endpoint's Retry-After closes it for no longer; its delivery waits as long as was asked for.
LONGEST_CLOSED_SECONDS = 3_600
THROTTLES = frozenset({429, 502, 503, 504})
#: Nothing but failure for this long, and often enough, disables the endpoint.
DISABLED_AFTER = timedelta(days=5)
DISABLED_FAILURES = 10


#: As it is, not as a parameter: only then does SQLite use the index of what is due.
DUE: ColumnElement[str] = literal_column("'due'")


def is_tripped(endpoint: Endpoint) -> bool:
    """Whether the breaker is open: the endpoint gets one request at a time, after a pause."""
    return endpoint.failures >= TRIPS


def retry_after_seconds(header: str | None, now: datetime) -> float:
    """What a ``Retry-After`` header asks for, in seconds from now, at most a day; 0 for none or nonsense.

    Source: RFC 9110, 10.2.3: a number of seconds or an HTTP date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            at = parsedate_to_datetime(text)
            seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def disable(session: Session, endpoint: Endpoint, *, reason: str, now: datetime) -> None:
    """Send nothing more to an endpoint until its owner enables it.

    What was due is dead; ``endpoints.recover`` brings it back, with what happened meanwhile.
    """
    endpoint.status, endpoint.disabled_reason = "disabled", reason[:300]
    _bury(session, [endpoint.id], now)
    session.flush()


def bury_late(session: Session, *, now: datetime) -> int:
    """Give up what was announced in the very moment in which its endpoint was disabled.

    The announcing transaction still saw the endpoint active, and the disabling one did not see the delivery
    yet. Nobody would ever claim it, and it would count as overdue for ever.

    :return: how many deliveries.
    """
    others = list(session.scalars(select(Endpoint.id).where(Endpoint.status != "active")))
    return _bury(session, others, now) if others else 0


def _bury(session: Session, endpoint_ids: Sequence[str], now: datetime) -> int:
    """What is due to these endpoints is dead. Who has it on the way keeps the lease: it may yet arrive."""
    due = select(Delivery.id).where(Delivery.endpoint_id.in_(endpoint_ids), Delivery.status == DUE)
    found = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(due.order_by(Delivery.id).with_for_update(key_share=True)))
        .values(status="dead", finished_at=now, last_error="The endpoint was disabled.")
        .execution_options(synchronize_session="fetch")
    )
    return int(found.rowcount)  # type: ignore[attr-defined]


def lock(session: Session, results: Iterable[Result]) -> dict[str, Endpoint]:
    """The endpoints whose health these results may change, held until the transaction ends.

    Endpoints are locked before deliveries, by everyone and in the order of their ids: otherwise two workers
    whose attempts end in the same moment, or a worker and an owner who disables, would wait for each other.
    """
    failed: dict[str, bool] = {}
    for result in results:
        endpoint_id = result.parcel.endpoint_id
        failed[endpoint_id] = failed.get(endpoint_id, False) or not result.is_success
    held = {}
    for endpoint_id in sorted(failed):
        query = select(Endpoint).where(Endpoint.id == endpoint_id)
        if not failed[endpoint_id]:
            # The usual case locks nothing: a row that every delivery updates would be everyone's queue.
            query = query.where(or_(Endpoint.failures > 0, Endpoint.closed_until.is_not(None)))
        # Not against what refers to the row: events are announced meanwhile.
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
        endpoint = session.scalar(query)
        if endpoint is not None:
            held[endpoint_id] = endpoint
    return held


def note_health(
    session: Session, endpoints: Mapping[str, Endpoint], results: Iterable[Result], *, now: datetime
) -> None:
    """What attempts, in the order in which they ended, tell about the endpoints they went to.

    :param endpoints: from :func:`lock`.
    """
    by_endpoint: dict[str, list[Result]] = {}
    for result in results:
        by_endpoint.setdefault(result.parcel.endpoint_id, []).append(result)
    for endpoint_id, endpoint in endpoints.items():
        for result in by_endpoint[endpoint_id]:
            if endpoint.status != "active":
                break
            if result.parcel.url != endpoint.url:
                continue  # the owner has changed the address meanwhile: the old one's answer says nothing
            if result.is_success:
                _recovered(session, endpoint, now)
            else:
                _failed(session, endpoint, result, now)


def _recovered(session: Session, endpoint: Endpoint, now: datetime) -> None:
    if is_tripped(endpoint):
        # The outage is over: what waits for a retry goes now, not in hours.
        session.execute(
            update(Delivery)
            .where(
                Delivery.endpoint_id == endpoint.id,
                Delivery.status == DUE,
                Delivery.attempts_made > 0,
                Delivery.due_at > now,
                Delivery.lease_until.is_(None),
            )
            .values(due_at=now)
        )
        endpoint.closed_until = None
    if endpoint.closed_until is not None and endpoint.closed_until <= now:
        # One that is still ahead was asked for by the receiver: another success does not shorten it.
        endpoint.closed_until = None
    endpoint.failures, endpoint.failing_since = 0, None


def _failed(session: Session, endpoint: Endpoint, result: Result, now: datetime) -> None:
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or result.started_at
    failing = now - endpoint.failing_since
    if result.answer.status == 410:
        _disable_and_say_so(session, endpoint, "It answered 410 Gone: it wants no more events.", now)
    elif failing >= DISABLED_AFTER and endpoint.failures >= DISABLED_FAILURES:
        _disable_and_say_so(session, endpoint, f"Nothing but failures for {failing.days} days.", now)
    elif result.answer.status in THROTTLES or endpoint.failures >= TRIPS:
        pause = min(max(failing.total_seconds() / 2, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        asked = min(retry_after_seconds(result.answer.retry_after, now), LONGEST_CLOSED_SECONDS)
        until = now + timedelta(seconds=asked or pause)
        endpoint.closed_until = max(until, endpoint.closed_until or until)


def _disable_and_say_so(session: Session, endpoint: Endpoint, reason: str, now: datetime) -> None:
    since = endpoint.failing_since or now
    disable(session, endpoint, reason=reason, now=now)
    outbox = Outbox.for_sites(session, [endpoint.site_id], now)
    outbox.announce(
        site_id=endpoint.site_id,
        event_type="endpoint.disabled",
        data={
            "endpoint": {"id": endpoint.id, "url": endpoint.url},
            "reason": reason,
            "failing_since": since.isoformat(),
        },
    )
    outbox.write()
    session.add(
        Notice(
            id=new_id(),
            site_id=endpoint.site_id,
            kind="endpoint_disabled",
            text=f"The webhook endpoint {endpoint.url[:600]} was disabled. {reason} Enable it once it is "
            f"mended, then recover what it missed since {since:%Y-%m-%d %H:%M} UTC.",
            created_at=now,
        )
    )

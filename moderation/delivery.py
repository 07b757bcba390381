"""One event to one endpoint: claim what is due, try once, keep what came of it.

The row is the truth: when the next attempt is due, how many there were and who has it stand in
``deliveries``. An attempt lies between two transactions, never inside one. A crash between sending
and committing sends again under the same id: at least once, and the receiver ignores an id that it has had.

Order: events about one comment reach an endpoint in their sequence. A later one waits for the
earlier while that is due or under way, and through its first retries; after ``HOLDS_BACK`` attempts
the earlier one is taken to be the receiver's own trouble, and the later one overtakes it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from moderation import signing
from moderation.breaker import is_tripped, note_health, retry_after_seconds
from moderation.egress import Answer, Egress
from moderation.tables import Attempt, Delivery, Endpoint, Event, new_id
from moderation.vault import Vault

#: Seconds before each attempt, counted from the one before: ten attempts over about 75 hours.
SCHEDULE_SECONDS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Retries are spread by this share, so that what failed together does not come back together.
JITTER = 0.1
#: Longer than an attempt takes with a slow name server: a living worker never loses its claim.
LEASE_SECONDS = 60
#: Attempts through which an event holds back the later ones about its comment.
HOLDS_BACK = 4
#: Endpoints looked at in one claim; the others' turn is the next.
ENDPOINTS_EACH = 64
AGENT = "Below-the-Line/1"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery with all that an attempt needs, so that it runs without a database.

    :param attempt: 1 for the first.
    :param secrets: of the endpoint, the present one first; empty when they cannot be decrypted.
    """

    delivery_id: str
    site_id: str
    endpoint_id: str
    event_id: str
    attempt: int
    url: str
    secrets: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one attempt."""

    parcel: Parcel
    started_at: datetime
    duration_ms: int
    answer: Answer

    @property
    def is_success(self) -> bool:
        """2xx. A redirect is a failure: it would carry the event to where nobody registered."""
        return self.answer.status is not None and 200 <= self.answer.status < 300

    @property
    def error(self) -> str:
        """In words for the site's owner; empty for a success."""
        if self.is_success:
            return ""
        return self.answer.error or f"The receiver answered {self.answer.status}."


def body_of(event: Event) -> bytes:
    """The bytes of an event, the same in every attempt: the signature is over them.

    Keys are sorted because PostgreSQL's JSONB keeps them in an order of its own.
    """
    at = event.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {"type": event.type, "timestamp": at, "data": event.payload}
    return json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def is_due(session: Session, *, now: datetime) -> bool:
    """Whether any delivery could be sent now."""
    return session.scalar(select(Endpoint.id).where(_is_open(now), _has_due(now)).limit(1)) is not None


def claim(
    session: Session,
    vault: Vault,
    *,
    now: datetime,
    limit: int,
    each: int,
    room: Mapping[str, int],
    busy: Collection[str] = (),
) -> list[Parcel]:
    """Claim due deliveries, a fair share for each endpoint; the update is the lock.

    No endpoint gets more than half of what is left of ``limit``, so that slow ones never take it all.

    :param limit: how many to claim at most.
    :param each: how many for one endpoint, unless ``room`` says otherwise.
    :param room: endpoint id -> how many more it takes.
    :param busy: endpoints with attempts under way; these never get the last place.
    :return: leased for ``LEASE_SECONDS``, to be sent once this transaction is committed.
    """
    full = [endpoint for endpoint, places in room.items() if places <= 0]
    oldest = (
        select(Delivery.due_at)
        .where(Delivery.endpoint_id == Endpoint.id, _is_free(now))
        .order_by(Delivery.due_at)
        .limit(1)
        .correlate(Endpoint)
        .scalar_subquery()
    )
    endpoints = session.scalars(
        select(Endpoint)
        .where(_is_open(now), _has_due(now), Endpoint.id.not_in(full))
        .order_by(oldest)
        .limit(ENDPOINTS_EACH)
    ).all()
    parcels: list[Parcel] = []
    for endpoint in endpoints:
        left = limit - len(parcels)
        is_busy = endpoint.id in busy
        places = min(room.get(endpoint.id, each), left // 2 if is_busy else (left + 1) // 2)
        if is_tripped(endpoint):
            # One request asks whether it is back; none while that one is under way.
            places = min(places, 0 if is_busy else 1)
        if places > 0:
            parcels += _claim_of(session, vault, endpoint, places, now)
    return parcels


def send(egress: Egress, parcel: Parcel, *, clock: Callable[[], datetime]) -> Result:
    """One attempt, outside any transaction. Raises nothing that a receiver could cause."""
    started_at = clock()
    if not parcel.secrets:
        answer = Answer(None, error="The endpoint's secret cannot be decrypted: rotate it.")
        return Result(parcel, started_at, 0, answer)
    timestamp = int(started_at.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": AGENT,
        "webhook-id": parcel.event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signing.sign(parcel.secrets, parcel.event_id, timestamp, parcel.body),
    }
    answer = egress.post(parcel.url, parcel.body, headers)
    return Result(parcel, started_at, max(0, round((clock() - started_at).total_seconds() * 1000)), answer)


def record(session: Session, results: Sequence[Result], *, now: datetime) -> None:
    """Keep what came of attempts: every try, each delivery's next step, each endpoint's health."""
    if not results:
        return
    session.execute(
        insert(Attempt),
        [
            {
                "id": new_id(),
                "delivery_id": result.parcel.delivery_id,
                "number": result.parcel.attempt,
                "started_at": result.started_at,
                "duration_ms": result.duration_ms,
                "status_code": result.answer.status,
                "error": result.error[:300],
            }
            for result in results
        ],
    )
    # In order of id: two workers that update the same rows never wait for each other in a circle.
    steps = sorted((_step(result, now) for result in results), key=lambda step: str(step["of"]))
    _finish(session, [step for step in steps if step["new_status"] == "delivered"], late_too=True)
    _finish(session, [step for step in steps if step["new_status"] != "delivered"], late_too=False)
    note_health(session, results, now=now)


def wait_seconds(delivery_id: str, attempts_made: int) -> float | None:
    """How long after attempt number ``attempts_made`` the next one is due; None after the last.

    The jitter follows from the ids, so that a test and a second worker find the same.
    """
    if attempts_made >= len(SCHEDULE_SECONDS):
        return None
    spread = random.Random(f"{delivery_id}:{attempts_made}").uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return SCHEDULE_SECONDS[attempts_made] * spread


# -- claiming -----------------------------------------------------------------------------------------


def _is_open(now: datetime) -> ColumnElement[bool]:
    return and_(
        Endpoint.status == "active", or_(Endpoint.closed_until.is_(None), Endpoint.closed_until <= now)
    )


def _is_free(now: datetime) -> ColumnElement[bool]:
    return and_(
        Delivery.status == "due",
        Delivery.due_at <= now,
        or_(Delivery.lease_until.is_(None), Delivery.lease_until < now),
    )


def _has_due(now: datetime) -> ColumnElement[bool]:
    return exists().where(Delivery.endpoint_id == Endpoint.id, _is_free(now)).correlate(Endpoint)


def _waits_for_earlier(now: datetime) -> ColumnElement[bool]:
    earlier, its_event = aliased(Delivery), aliased(Event)
    return (
        exists()
        .where(
            its_event.comment_id == Event.comment_id,
            its_event.sequence < Event.sequence,
            earlier.event_id == its_event.id,
            earlier.endpoint_id == Delivery.endpoint_id,
            earlier.status == "due",
            or_(earlier.attempts_made < HOLDS_BACK, earlier.due_at <= now, earlier.lease_until > now),
        )
        .correlate(Delivery, Event)
    )


def _claim_of(session: Session, vault: Vault, endpoint: Endpoint, places: int, now: datetime) -> list[Parcel]:
    ids = session.scalars(
        select(Delivery.id)
        .join(Event, Event.id == Delivery.event_id)
        .where(Delivery.endpoint_id == endpoint.id, _is_free(now), ~_waits_for_earlier(now))
        .order_by(Delivery.due_at, Delivery.id)
        .limit(places)
        .with_for_update(of=Delivery, skip_locked=True)
    ).all()
    if not ids:
        return []
    claimed = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids))
        .values(lease_until=now + timedelta(seconds=LEASE_SECONDS), attempts_made=Delivery.attempts_made + 1)
        .returning(Delivery.id, Delivery.event_id, Delivery.attempts_made),
        execution_options={"synchronize_session": False},
    ).all()
    events = session.scalars(select(Event).where(Event.id.in_([row.event_id for row in claimed])))
    bodies = {event.id: body_of(event) for event in events}
    secrets = _secrets_of(endpoint, vault, now)
    return [
        Parcel(
            delivery_id=row.id,
            site_id=endpoint.site_id,
            endpoint_id=endpoint.id,
            event_id=row.event_id,
            attempt=row.attempts_made,
            url=endpoint.url,
            secrets=secrets,
            body=bodies[row.event_id],
        )
        for row in claimed
    ]


def _secrets_of(endpoint: Endpoint, vault: Vault, now: datetime) -> tuple[str, ...]:
    tokens = [endpoint.secret_encrypted]
    if endpoint.previous_secret_encrypted and endpoint.previous_until and endpoint.previous_until > now:
        tokens.append(endpoint.previous_secret_encrypted)
    try:
        return tuple(_decrypted(vault, token) for token in tokens)
    except ValueError:
        return ()


@lru_cache(maxsize=512)
def _decrypted(vault: Vault, token: str) -> str:
    return vault.decrypt(token)


# -- keeping ------------------------------------------------------------------------------------------


def _step(result: Result, now: datetime) -> dict[str, Any]:
    parcel = result.parcel
    step: dict[str, Any] = {"of": parcel.delivery_id, "attempt": parcel.attempt, "due": now, "finished": now}
    step["error"] = result.error[:300]
    wait = wait_seconds(parcel.delivery_id, parcel.attempt)
    if result.is_success:
        step["new_status"] = "delivered"
    elif wait is None:
        step["new_status"] = "dead"
    else:
        wait = max(wait, retry_after_seconds(result.answer.retry_after, now))
        step |= {"new_status": "due", "due": now + timedelta(seconds=wait), "finished": None}
    return step


def _finish(session: Session, steps: Sequence[dict[str, Any]], *, late_too: bool) -> None:
    """Move deliveries on, unless they were cancelled meanwhile.

    :param late_too: also where the lease ran out and another worker tries again: a success is one,
        however late; a late failure must not undo what the other one found.
    """
    if not steps:
        return
    query = update(Delivery).where(Delivery.id == bindparam("of"), Delivery.status == "due")
    if not late_too:
        query = query.where(Delivery.attempts_made == bindparam("attempt"))
    session.connection().execute(
        query.values(
            status=bindparam("new_status"),
            due_at=bindparam("due"),
            finished_at=bindparam("finished"),
            last_error=bindparam("error"),
            lease_until=None,
        ),
        list(steps),
    )

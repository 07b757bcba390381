"""One event to one endpoint: claim what is due, try once, keep what came of it.

The row is the truth: when the next attempt is due, how many there were and who has it stand in
``deliveries``. An attempt lies between two transactions, never inside one. A crash between sending
and committing sends again under the same id: at least once, and the receiver ignores an id that it has had.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from moderation import signing
from moderation.breaker import lock, note_health, retry_after_seconds
from moderation.egress import Answer, Egress
from moderation.tables import Attempt, Delivery, Event, new_id

#: Seconds before each attempt, counted from the one before: ten attempts over about 75 hours.
SCHEDULE_SECONDS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Retries are spread by this share, so that what failed together does not come back together.
JITTER = 0.1
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

    Keys are sorted because PostgreSQL's JSONB keeps them in an order of its own. Half a surrogate pair, which
    SQLite keeps, becomes a question mark: one such event must not stop every site's.
    """
    at = event.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {"type": event.type, "timestamp": at, "data": event.payload}
    return json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        errors="replace"
    )


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
    endpoints = lock(session, results)
    # In order of id, as everyone takes them: two transactions never wait for each other in a circle.
    session.execute(
        select(Delivery.id)
        .where(Delivery.id.in_({result.parcel.delivery_id for result in results}))
        .order_by(Delivery.id)
        .with_for_update(key_share=True)
    ).all()
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
    now_delivered = [result.parcel.delivery_id for result in results if result.is_success]
    if now_delivered:
        # A success is one however late: even where the lease ran out and another worker tries again, or the
        # endpoint was disabled meanwhile.
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(now_delivered), Delivery.status.in_(("due", "dead")))
            .values(status="delivered", finished_at=now, lease_until=None, last_error=""),
            execution_options={"synchronize_session": False},
        )
    failed = [_step(result, now) for result in results if not result.is_success]
    if failed:
        session.connection().execute(_FAILED, failed)
    note_health(session, endpoints, results, now=now)


def wait_seconds(delivery_id: str, attempts_made: int) -> float | None:
    """How long after attempt number ``attempts_made`` the next one is due; None after the last.

    The jitter follows from the ids, so that a test and a second worker find the same.
    """
    if attempts_made >= len(SCHEDULE_SECONDS):
        return None
    # No secret: it only keeps retries from coming all at once.
    spread = random.Random(f"{delivery_id}:{attempts_made}").uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    return SCHEDULE_SECONDS[attempts_made] * spread


def _step(result: Result, now: datetime) -> dict[str, Any]:
    parcel = result.parcel
    wait = wait_seconds(parcel.delivery_id, parcel.attempt)
    if wait is not None:
        wait = max(wait, retry_after_seconds(result.answer.retry_after, now))
    return {
        "of": parcel.delivery_id,
        "attempt": parcel.attempt,
        "new_status": "dead" if wait is None else "due",
        "due": now + timedelta(seconds=wait or 0),
        "finished": now if wait is None else None,
        "error": result.error[:300],
    }


#: A late failure must not undo what another worker found, who has the delivery by now.
_FAILED = (
    update(Delivery)
    .where(
        Delivery.id == bindparam("of"),
        Delivery.status == "due",
        Delivery.attempts_made == bindparam("attempt"),
    )
    .values(
        status=bindparam("new_status"),
        due_at=bindparam("due"),
        finished_at=bindparam("finished"),
        last_error=bindparam("error"),
        lease_until=None,
    )
)

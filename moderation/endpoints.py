"""A site's endpoints: register, change, rotate the secret, try out, bring back what was missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from moderation import breaker, signing
from moderation.errors import Fault, Invalid, NotFound
from moderation.events import EVENTS
from moderation.tables import Attempt, Delivery, Endpoint, Event, new_id
from moderation.targets import TargetRefused
from moderation.vault import Vault

#: Both secrets sign for this long after a rotation, so that receivers can be updated one by one.
OVERLAP_SECONDS = 24 * 3600
#: More than this is a mistake, or somebody who wants each event to become many requests.
MOST_ENDPOINTS = 20
DELETED = "deleted"
#: Rows written in one statement.
BATCH = 500


def create(
    session: Session,
    vault: Vault,
    *,
    site_id: str,
    url: str,
    now: datetime,
    check: Callable[[str], None],
    events: Sequence[str] = (),
    description: str = "",
) -> tuple[Endpoint, str]:
    """Register an address for a site's events.

    :param check: ``Targets.check`` with the operator's allow-list.
    :param events: types wanted; none means all.
    :return: the endpoint and its secret, which is shown this once.
    :raises Invalid: for an address that may not be called, an unknown event, too many endpoints.
    """
    faults = _faults_of(url, events, check)
    if len(registered(session, site_id)) >= MOST_ENDPOINTS:
        faults.append(Fault("/url", f"A site has at most {MOST_ENDPOINTS} endpoints. Delete one first."))
    if faults:
        raise Invalid(faults)
    secret = signing.new_secret()
    endpoint = Endpoint(
        id=new_id(),
        site_id=site_id,
        url=url,
        description=description,
        events=list(dict.fromkeys(events)),
        secret_encrypted=vault.encrypt(secret),
        status="active",
        created_at=now,
    )
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def patch(
    session: Session,
    endpoint: Endpoint,
    *,
    now: datetime,
    check: Callable[[str], None],
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    status: str | None = None,
) -> Endpoint:
    """Change what is given. Enabling forgets the failures; what was missed comes with :func:`recover`.

    :param status: ``active`` or ``disabled``.
    :raises Invalid: as :func:`create`; nothing is changed then.
    """
    faults = _faults_of(url, events or (), check)
    if status not in (None, "active", "disabled"):
        faults.append(Fault("/status", "Must be “active” or “disabled”."))
    if faults:
        raise Invalid(faults)
    if url is not None and url != endpoint.url:
        endpoint.url = url
        _forget_failures(endpoint)
    if events is not None:
        endpoint.events = list(dict.fromkeys(events))
    if description is not None:
        endpoint.description = description
    if status == "disabled" and endpoint.status == "active":
        breaker.disable(session, endpoint, reason="Disabled by its owner.", now=now)
    elif status == "active" and endpoint.status != "active":
        endpoint.status, endpoint.disabled_reason = "active", ""
        _forget_failures(endpoint)
    session.flush()
    return endpoint


def rotate(
    session: Session,
    vault: Vault,
    endpoint: Endpoint,
    *,
    now: datetime,
    overlap_seconds: float = OVERLAP_SECONDS,
) -> str:
    """Give an endpoint a new secret; the old one signs too for a while.

    :param overlap_seconds: 0 when the old one has leaked.
    :return: the new secret, shown this once.
    """
    secret = signing.new_secret()
    endpoint.previous_secret_encrypted = endpoint.secret_encrypted if overlap_seconds > 0 else None
    endpoint.previous_until = now + timedelta(seconds=overlap_seconds) if overlap_seconds > 0 else None
    endpoint.secret_encrypted = vault.encrypt(secret)
    session.flush()
    return secret


def delete(session: Session, endpoint: Endpoint, *, now: datetime) -> None:
    """Remove an endpoint. What was delivered stays listed; secrets and address parameters go."""
    breaker.disable(session, endpoint, reason="Deleted by its owner.", now=now)
    endpoint.status = DELETED
    endpoint.secret_encrypted, endpoint.previous_secret_encrypted, endpoint.previous_until = "", None, None
    endpoint.url = endpoint.url.partition("?")[0]
    session.flush()


def ping(session: Session, endpoint: Endpoint, *, now: datetime) -> Delivery:
    """Send a test event to this endpoint alone, whatever types it wants.

    :raises Invalid: for a disabled endpoint.
    """
    _must_be_active(endpoint, "/endpoint")
    event = Event(
        id=new_id(),
        site_id=endpoint.site_id,
        type="ping",
        payload={"endpoint": {"id": endpoint.id}},
        created_at=now,
    )
    session.add(event)
    session.flush()
    delivery = Delivery(**_due(event.id, endpoint, now))
    session.add(delivery)
    session.flush()
    return delivery


def replay(session: Session, delivery: Delivery, *, now: datetime) -> Delivery:
    """Send one delivery again, at once and with a schedule of its own, under the same id.

    :raises Invalid: when it was taken back, its comment erased, or its endpoint is disabled.
    """
    event = session.get_one(Event, delivery.event_id)
    if delivery.status == "cancelled" or _is_emptied(event):
        raise Invalid([Fault("/delivery", "This event was taken back or erased; it is not sent again.")])
    _must_be_active(session.get_one(Endpoint, delivery.endpoint_id), "/delivery")
    # Who has it on the way keeps the lease: it is not sent twice in the same moment.
    delivery.status, delivery.due_at, delivery.attempts_made = "due", now, 0
    delivery.finished_at = None
    delivery.last_error = ""
    session.flush()
    return delivery


def recover(session: Session, endpoint: Endpoint, *, since: datetime, now: datetime) -> int:
    """Make everything due again that this endpoint wants and never got, oldest first.

    That includes what was announced while it was disabled, or before it was registered. What was taken back
    by an undo or emptied by an erasure is not sent.

    :param since: events from this time on, and older ones that were given up since: what waited for
        an endpoint when it was disabled was announced before.
    :return: how many deliveries.
    :raises Invalid: for a disabled endpoint.
    """
    _must_be_active(endpoint, "/endpoint")
    its, given_up, taken_back = aliased(Delivery), aliased(Delivery), aliased(Delivery)
    missed = (
        select(Event)
        .where(
            Event.site_id == endpoint.site_id,
            or_(
                Event.created_at >= since,
                exists().where(
                    given_up.event_id == Event.id,
                    given_up.endpoint_id == endpoint.id,
                    given_up.status == "dead",
                    given_up.finished_at >= since,
                ),
            ),
            Event.type.not_in(("ping", "endpoint.disabled")),
            ~exists().where(
                its.event_id == Event.id,
                its.endpoint_id == endpoint.id,
                its.status.in_(("due", "delivered")),
            ),
            ~exists().where(taken_back.event_id == Event.id, taken_back.status == "cancelled"),
        )
        .order_by(Event.created_at, Event.sequence)
    )
    if endpoint.events:
        missed = missed.where(Event.type.in_(endpoint.events))
    wanted = [event.id for event in session.scalars(missed) if not _is_emptied(event)]
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        again = set(
            session.scalars(
                update(Delivery)
                .where(
                    Delivery.event_id.in_(part),
                    Delivery.endpoint_id == endpoint.id,
                    Delivery.status == "dead",
                )
                .values(
                    status="due",
                    due_at=now,
                    attempts_made=0,
                    finished_at=None,
                    last_error="",
                )
                .returning(Delivery.event_id),
                execution_options={"synchronize_session": False},
            )
        )
        never = [_due(event_id, endpoint, now) for event_id in part if event_id not in again]
        if never:
            session.execute(insert(Delivery), never)
    return len(wanted)


# -- questions ----------------------------------------------------------------------------------------


def registered(session: Session, site_id: str) -> list[Endpoint]:
    """A site's endpoints, disabled ones included, oldest first."""
    return list(
        session.scalars(
            select(Endpoint)
            .where(Endpoint.site_id == site_id, Endpoint.status != DELETED)
            .order_by(Endpoint.id)
        )
    )


def endpoint_of(session: Session, site_id: str, endpoint_id: str, *, lock: bool = False) -> Endpoint:
    """:raises NotFound: no such endpoint on this site."""
    query = select(Endpoint).where(
        Endpoint.id == endpoint_id, Endpoint.site_id == site_id, Endpoint.status != DELETED
    )
    if lock:
        # Not against what refers to the row: events are announced meanwhile.
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    endpoint = session.scalar(query)
    if endpoint is None:
        raise NotFound("endpoint")
    return endpoint


def delivery_of(session: Session, site_id: str, delivery_id: str, *, lock: bool = False) -> Delivery:
    """:raises NotFound: no such delivery on this site."""
    query = select(Delivery).where(Delivery.id == delivery_id, Delivery.site_id == site_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    delivery = session.scalar(query)
    if delivery is None:
        raise NotFound("delivery")
    return delivery


def deliveries_of(
    session: Session,
    site_id: str,
    *,
    status: str | None = None,
    endpoint_id: str | None = None,
    event_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[tuple[Delivery, Event]]:
    """A page of a site's deliveries with their events, newest first.

    :param before: the last id of the page before.
    """
    query = (
        select(Delivery, Event).join(Event, Event.id == Delivery.event_id).where(Delivery.site_id == site_id)
    )
    if status is not None:
        query = query.where(Delivery.status == status)
    if endpoint_id is not None:
        query = query.where(Delivery.endpoint_id == endpoint_id)
    if event_id is not None:
        query = query.where(Delivery.event_id == event_id)
    if before is not None:
        query = query.where(Delivery.id < before)
    return [
        (delivery, event)
        for delivery, event in session.execute(query.order_by(Delivery.id.desc()).limit(limit))
    ]


def attempts_of(session: Session, delivery: Delivery) -> list[Attempt]:
    """Every try of a delivery that is still kept, in order."""
    return list(
        session.scalars(
            select(Attempt)
            .where(Attempt.delivery_id == delivery.id)
            .order_by(Attempt.started_at, Attempt.number)
        )
    )


# -- inner ----------------------------------------------------------------------------------------------


def _faults_of(url: str | None, events: Sequence[str], check: Callable[[str], None]) -> list[Fault]:
    faults = []
    if url is not None:
        try:
            check(url)
        except TargetRefused as refused:
            faults.append(Fault("/url", str(refused)))
    faults += [
        Fault(f"/events/{place}", f"Is none of the events: {', '.join(EVENTS)}.")
        for place, one in enumerate(events)
        if one not in EVENTS
    ]
    return faults


def _must_be_active(endpoint: Endpoint, pointer: str) -> None:
    if endpoint.status != "active":
        raise Invalid([Fault(pointer, f"The endpoint is {endpoint.status}: enable it first.")])


def _forget_failures(endpoint: Endpoint) -> None:
    endpoint.failures, endpoint.failing_since, endpoint.closed_until = 0, None, None


def _is_emptied(event: Event) -> bool:
    """Whether an erasure took the words out: it leaves ids alone, and every comment's event has a status."""
    return event.comment_id is not None and "status" not in event.payload


def _due(event_id: str, endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "site_id": endpoint.site_id,
        "event_id": event_id,
        "endpoint_id": endpoint.id,
        "status": "due",
        "due_at": now,
        "attempts_made": 0,
        "created_at": now,
        "last_error": "",
    }

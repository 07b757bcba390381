"""Claim deliveries that are due: a fair share for each endpoint, each comment's events in their order.

A later event about a comment waits for the earlier one while that is due or under way, and through its
first retries; after ``HOLDS_BACK`` attempts the earlier one is taken to be the receiver's own trouble, and
the later one overtakes it.

The statements are built once: every few milliseconds a worker asks them, and building costs more
than the database's answer. ``status = 'due'`` stands in them as it is, not as a parameter: only then does
SQLite use the partial index.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from moderation.breaker import DUE, is_tripped
from moderation.delivery import Parcel, body_of
from moderation.tables import Delivery, Endpoint, Event
from moderation.tables.base import UtcDateTime
from moderation.vault import Vault

#: Longer than an attempt takes with a slow name server: a living worker never loses its claim.
LEASE_SECONDS = 60
#: Attempts through which an event holds back the later ones about its comment.
HOLDS_BACK = 4
#: Endpoints looked at in one claim; the others' turn is the next.
ENDPOINTS_EACH = 64

_NOW = bindparam("now", type_=UtcDateTime())

_IS_FREE = and_(
    Delivery.status == DUE,
    Delivery.due_at <= _NOW,
    or_(Delivery.lease_until.is_(None), Delivery.lease_until < _NOW),
)
_OLDEST = (
    select(Delivery.due_at)
    .where(Delivery.endpoint_id == Endpoint.id, _IS_FREE)
    .order_by(Delivery.due_at)
    .limit(1)
    .correlate(Endpoint)
    .scalar_subquery()
)
_ENDPOINTS = (
    select(Endpoint)
    .where(
        Endpoint.status == "active",
        or_(Endpoint.closed_until.is_(None), Endpoint.closed_until <= _NOW),
        Endpoint.id.not_in(bindparam("full", expanding=True)),
        _OLDEST.is_not(None),
    )
    .order_by(_OLDEST)
    .limit(bindparam("most"))
)
_earlier, _its_event = aliased(Delivery), aliased(Event)
_WAITS_FOR_EARLIER = (
    exists()
    .where(
        _its_event.comment_id == Event.comment_id,
        _its_event.sequence < Event.sequence,
        _earlier.event_id == _its_event.id,
        # The sum keeps the planners off the index by endpoint, which would read its whole backlog here.
        _earlier.endpoint_id + "" == Delivery.endpoint_id,
        _earlier.status == DUE,
        or_(_earlier.attempts_made < HOLDS_BACK, _earlier.due_at <= _NOW, _earlier.lease_until > _NOW),
    )
    .correlate(Delivery, Event)
)
_DELIVERIES = (
    select(Delivery.id, Delivery.attempts_made, Event)
    .join(Event, Event.id == Delivery.event_id)
    .where(Delivery.endpoint_id == bindparam("endpoint"), _IS_FREE, ~_WAITS_FOR_EARLIER)
    # By time alone, as the index has it: a second key would sort the whole backlog for each claim.
    .order_by(Delivery.due_at)
    .limit(bindparam("places"))
    .with_for_update(of=Delivery, skip_locked=True)
)
_WAITING = select(Delivery.id).where(Delivery.status == DUE, Delivery.due_at <= _NOW).limit(1)
_LEASE = (
    update(Delivery)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    .values(lease_until=bindparam("until"), attempts_made=Delivery.attempts_made + 1)
    .execution_options(synchronize_session=False)
)


def is_due(session: Session, *, now: datetime) -> bool:
    """Whether any delivery could be sent now."""
    return session.scalars(_ENDPOINTS, {"now": now, "full": [], "most": 1}).first() is not None


def is_waiting(session: Session, *, now: datetime) -> bool:
    """Whether any delivery is due, claimed or not: a worker may hold answers that it could not write."""
    return session.execute(_WAITING, {"now": now}).first() is not None


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
    """Claim due deliveries; the update is the lock.

    No endpoint gets more than half of what is left of ``limit``, so that slow ones never take it all.

    :param limit: how many to claim at most.
    :param each: how many for one endpoint, unless ``room`` says otherwise.
    :param room: endpoint id -> how many more it takes.
    :param busy: endpoints with attempts under way; these never get the last place.
    :return: leased for ``LEASE_SECONDS``, to be sent once this transaction is committed.
    """
    full = [endpoint for endpoint, places in room.items() if places <= 0]
    parcels: list[Parcel] = []
    for endpoint in session.scalars(_ENDPOINTS, {"now": now, "full": full, "most": ENDPOINTS_EACH}).all():
        left = limit - len(parcels)
        is_busy = endpoint.id in busy
        places = min(room.get(endpoint.id, each), left // 2 if is_busy else (left + 1) // 2)
        if is_tripped(endpoint):
            # One request asks whether it is back; none while that one is under way.
            places = min(places, 0 if is_busy else 1)
        if places > 0:
            parcels += _claim_of(session, vault, endpoint, places, now)
    return parcels


def _claim_of(session: Session, vault: Vault, endpoint: Endpoint, places: int, now: datetime) -> list[Parcel]:
    free = session.execute(_DELIVERIES, {"endpoint": endpoint.id, "now": now, "places": places}).all()
    if not free:
        return []
    until = now + timedelta(seconds=LEASE_SECONDS)
    session.execute(_LEASE, {"ids": [delivery_id for delivery_id, _, _ in free], "until": until})
    secrets = _secrets_of(endpoint, vault, now)
    return [
        Parcel(
            delivery_id=delivery_id,
            site_id=endpoint.site_id,
            endpoint_id=endpoint.id,
            event_id=event.id,
            attempt=attempts_made + 1,
            url=endpoint.url,
            secrets=secrets,
            body=body_of(event),
        )
        for delivery_id, attempts_made, event in free
    ]


def _secrets_of(endpoint: Endpoint, vault: Vault, now: datetime) -> tuple[str, ...]:
    """The present secret, and the one before while it still signs; none where they cannot be decrypted."""
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

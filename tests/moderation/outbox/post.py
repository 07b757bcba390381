"""What the tests of the outbox do: announce, claim, say what came of it."""

from datetime import datetime, timedelta

from sqlalchemy import select

from moderation import claims, delivery, events
from moderation.delivery import Result
from moderation.egress import Answer
from moderation.tables import Delivery, Endpoint, new_id
from tests.conftest import NOON

SECRET = "whsec_" + "c2VjcmV0" * 6


def second(number: float) -> datetime:
    return NOON + timedelta(seconds=number)


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


def fail(session, vault, endpoint, times, status=500, *, at=NOON, **answer):
    for _ in range(times):
        endpoint.closed_until = None
        session.flush()
        came(session, claim(session, vault, at, limit=1), status, at=at, **answer)

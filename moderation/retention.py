"""Forget in time: IP addresses after some days, comments by the site's own periods, answers of old keys.

A site says in ``options["retention_days"]`` how long each status is kept, e.g.
``{"rejected": 180, "withdrawn": 30}``; what it does not name is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from moderation import erasure
from moderation.tables import (
    Attempt,
    Comment,
    Delivery,
    Fingerprint,
    ForeignCall,
    Idempotency,
    Invitation,
    SignIn,
    Site,
)

IDEMPOTENCY_HOURS = 24
FINGERPRINT_DAYS = 30
ATTEMPT_DAYS = 30
FOREIGN_CALL_DAYS = 90
SIGN_IN_DAYS = 30
BATCH = 500


def forget(session: Session, *, now: datetime, ip_keep_days: int) -> Mapping[str, int]:
    """Drop one bounded batch of everything whose time is over; call again until all counts are 0.

    :param ip_keep_days: days after which an IP address goes; its keyed hash goes with it.
    :return: what was dropped -> how many rows.
    """
    return {
        "ips": _drop_ips(session, now - timedelta(days=ip_keep_days)),
        "comments": _erase_old(session, now),
        "idempotency_keys": _delete(
            session, Idempotency, Idempotency.created_at < now - timedelta(hours=IDEMPOTENCY_HOURS)
        ),
        "fingerprints": _delete(
            session, Fingerprint, Fingerprint.received_at < now - timedelta(days=FINGERPRINT_DAYS)
        ),
        "attempts": _delete(
            session,
            Attempt,
            Attempt.started_at < now - timedelta(days=ATTEMPT_DAYS),
            Attempt.delivery_id.in_(select(Delivery.id).where(Delivery.status != "due")),
        ),
        "foreign_calls": _delete(
            session, ForeignCall, ForeignCall.created_at < now - timedelta(days=FOREIGN_CALL_DAYS)
        ),
        "sign_ins": _delete(session, SignIn, SignIn.last_seen_at < now - timedelta(days=SIGN_IN_DAYS)),
        "invitations": _delete(session, Invitation, Invitation.expires_at < now - timedelta(days=7)),
    }


def _drop_ips(session: Session, before: datetime) -> int:
    old = list(
        session.scalars(
            select(Comment.id).where(Comment.ip.is_not(None), Comment.received_at < before).limit(BATCH)
        )
    )
    if old:
        session.execute(
            update(Comment).where(Comment.id.in_(old)).values(ip=None, ip_hash=None, user_agent="")
        )
    return len(old)


def _erase_old(session: Session, now: datetime) -> int:
    erased = 0
    for site in session.scalars(select(Site)):
        for status, days in (site.options.get("retention_days") or {}).items():
            old = list(
                session.scalars(
                    select(Comment)
                    .where(
                        Comment.site_id == site.id,
                        Comment.status == status,
                        Comment.received_at < now - timedelta(days=int(days)),
                    )
                    .limit(BATCH)
                )
            )
            for comment in old:
                erasure.erase_comment(session, comment, by_kind="system", by_id="retention", now=now)
            erased += len(old)
    return erased


def _delete(session: Session, table: type, *conditions: object) -> int:
    key = list(table.__table__.primary_key.columns)  # type: ignore[attr-defined]
    old = session.execute(select(*key).where(*conditions).limit(BATCH)).all()  # type: ignore[arg-type]
    for row in old:
        session.execute(
            delete(table).where(*[column == value for column, value in zip(key, row, strict=True)])
        )
    return len(old)

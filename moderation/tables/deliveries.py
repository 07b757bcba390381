"""The outbox: facts announced, where they go, and every try."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Endpoint(Base):
    """A site's URL for events, with its secrets (encrypted) and its health."""

    __tablename__ = "endpoints"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), index=True)
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200), default="")
    #: Event types wanted; empty means all.
    events: Mapped[list[Any]] = mapped_column(default=list)
    secret_encrypted: Mapped[str] = mapped_column(Text)
    #: Signs too until `previous_until`: a rotation without a gap.
    previous_secret_encrypted: Mapped[str | None] = mapped_column(Text)
    previous_until: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(10), default="active")  # active, disabled, deleted
    disabled_reason: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime]
    #: Since when every attempt has failed; None while it answers.
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    #: The circuit breaker: nothing is sent before this time.
    closed_until: Mapped[datetime | None]


class Event(Base):
    """A fact announced. Its id is the webhook-id of every attempt, its payload never changes.

    An erasure empties the payload of what was announced before; see erasure.py.
    """

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_comment", "comment_id"), Index("ix_events_site", "site_id", "id"))

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    type: Mapped[str] = mapped_column(String(40))
    comment_id: Mapped[str | None] = mapped_column(String(26))
    sequence: Mapped[int | None]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Delivery(Base):
    """One event for one endpoint. The row is the queue: due_at says when, lease_until who has it."""

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint("status in ('due','delivered','dead','cancelled')", name="status"),
        Index(
            "ix_deliveries_due",
            "endpoint_id",
            "due_at",
            sqlite_where=text("status = 'due'"),
            postgresql_where=text("status = 'due'"),
        ),
        Index("ix_deliveries_event", "event_id"),
        Index("ix_deliveries_site", "site_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(String(26))
    event_id: Mapped[str] = mapped_column(ForeignKey("events.id"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoints.id"))
    status: Mapped[str] = mapped_column(String(10), default="due")
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    attempts_made: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(300), default="")


class Attempt(Base):
    """One HTTP try of a delivery."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_delivery", "delivery_id"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"))
    number: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime]
    duration_ms: Mapped[int]
    status_code: Mapped[int | None]
    error: Mapped[str] = mapped_column(String(300), default="")

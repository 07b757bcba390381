"""Moderators: who they are, where they may act, what they keep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id

ROLES = ("admin", "senior", "moderator", "read-only")


class Moderator(Base):
    """A person who signs in at the desk."""

    __tablename__ = "moderators"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    #: argon2id; None for who signs in by OpenID Connect alone.
    password_hash: Mapped[str | None] = mapped_column(String(200))
    totp_encrypted: Mapped[str | None] = mapped_column(Text)
    #: The last time step used, so that a code works once.
    totp_step: Mapped[int | None]
    oidc_subject: Mapped[str | None] = mapped_column(String(300), unique=True)
    #: Rights on every site, the settings and the people included.
    is_admin: Mapped[bool] = mapped_column(Boolean, default=False)
    language: Mapped[str] = mapped_column(String(10), default="")
    timezone: Mapped[str] = mapped_column(String(60), default="UTC")
    #: Remapped keys, theme, blur, undo: the person's own choices.
    preferences: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Role(Base):
    """What a moderator may do on one site: senior, moderator or read-only (admins stand above)."""

    __tablename__ = "roles"

    moderator_id: Mapped[str] = mapped_column(ForeignKey("moderators.id"), primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(12))


class SignIn(Base):
    """One session at the desk; the cookie holds a random token, this row its digest."""

    __tablename__ = "sign_ins"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    moderator_id: Mapped[str] = mapped_column(ForeignKey("moderators.id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    ip_hash: Mapped[str] = mapped_column(String(64), default="")
    revoked_at: Mapped[datetime | None]


class Invitation(Base):
    """A link that makes one account or resets one password."""

    __tablename__ = "invitations"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    site_id: Mapped[str | None] = mapped_column(String(26))
    role: Mapped[str] = mapped_column(String(12), default="moderator")
    invited_by: Mapped[str] = mapped_column(String(26), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SavedFilter(Base):
    """A view of the queue that a moderator named."""

    __tablename__ = "saved_filters"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    moderator_id: Mapped[str] = mapped_column(ForeignKey("moderators.id"), index=True)
    site_id: Mapped[str] = mapped_column(String(26))
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[str] = mapped_column(String(1000))
    created_at: Mapped[datetime]


class SecondReview(Base):
    """A decided comment given blind to a second person, for agreement (Cohen's kappa)."""

    __tablename__ = "second_reviews"
    __table_args__ = (Index("ix_second_reviews_open", "site_id", "answered_at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id"))
    decision_id: Mapped[str] = mapped_column(String(26))
    first_moderator_id: Mapped[str] = mapped_column(String(26))
    first_answer: Mapped[str] = mapped_column(String(10))
    second_moderator_id: Mapped[str | None] = mapped_column(String(26))
    second_answer: Mapped[str | None] = mapped_column(String(10))
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class Notice(Base):
    """Something the people at the desk should know: a disabled endpoint, a drift alarm, a long queue."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_open", "site_id", "dismissed_at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str | None] = mapped_column(String(26))
    kind: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(String(1000))
    created_at: Mapped[datetime]
    dismissed_at: Mapped[datetime | None]
    #: When it went out by e-mail or chat, if that is set up.
    sent_at: Mapped[datetime | None]

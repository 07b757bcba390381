"""What the model learns from, which models a site has, and what foreign callers asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Label(Base):
    """A person's word on a text: what learning trains on.

    The text of our own comments is read from their row, so erasing one takes it out of the
    training set; `text` is for labels whose comment was never stored here.
    """

    __tablename__ = "labels"
    __table_args__ = (
        Index("ix_labels_site", "site_id", "created_at"),
        Index("ix_labels_comment", "comment_id"),
        Index("ix_labels_email", "email_hash"),
        Index("ix_labels_key", "key_id", "created_at"),
        Index("ix_labels_text", "site_id", "text_hash"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    comment_id: Mapped[str | None] = mapped_column(String(26))
    revision: Mapped[int | None]
    text: Mapped[str | None] = mapped_column(Text)
    #: Keyed hash of `text`: a second opinion on the same text supersedes the first.
    text_hash: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200), default="")
    url: Mapped[str] = mapped_column(String(2000), default="")
    email_hash: Mapped[str | None] = mapped_column(String(64))
    #: What the label is about: an attribute, or "likely_to_reject".
    attribute: Mapped[str] = mapped_column(String(20))
    value: Mapped[float] = mapped_column(Float)
    #: desk, appeal, undo, site, suggestscore, submit-spam, submit-ham, coral, import
    origin: Mapped[str] = mapped_column(String(20))
    weight: Mapped[float] = mapped_column(Float)
    key_id: Mapped[str | None] = mapped_column(String(26))
    moderator_id: Mapped[str | None] = mapped_column(String(26))
    created_at: Mapped[datetime]
    #: A later label on the same text (undo, overturned appeal) switches this one off.
    superseded_at: Mapped[datetime | None]


class ModelVersion(Base):
    """A trained model that a site could use, and how it did at the gate."""

    __tablename__ = "model_versions"

    version: Mapped[str] = mapped_column(String(80), primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), index=True)
    base: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(12))  # challenger, champion, retired, gone
    labels: Mapped[int] = mapped_column(Integer, default=0)
    #: The gate's lines: name -> {"passed", "value", "bound", "interval"}
    gate: Mapped[dict[str, Any]] = mapped_column(default=dict)
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    promoted_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    promoted_by: Mapped[str] = mapped_column(String(200), default="")


class ForeignCall(Base):
    """One call through a compatible endpoint: a native score with its audit.

    Without the text, except where Coral will show the comment to a moderator: its call names no
    comment and its later event no text, so only both together make a label.
    """

    __tablename__ = "foreign_calls"
    __table_args__ = (
        Index("ix_foreign_calls_site", "site_id", "created_at"),
        Index("ix_foreign_calls_text", "site_id", "text_hash"),
        Index(
            "ix_foreign_calls_story",
            "site_id",
            "story",
            sqlite_where=sql("story <> ''"),
            postgresql_where=sql("story <> ''"),
        ),
        Index(
            "ix_foreign_calls_callback",
            "comment_id",
            sqlite_where=sql("callback_url <> ''"),
            postgresql_where=sql("callback_url <> ''"),
        ),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)  # also Akismet's guid
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    key_id: Mapped[str] = mapped_column(String(26))
    protocol: Mapped[str] = mapped_column(String(20))  # akismet, perspective, openai, coral
    operation: Mapped[str] = mapped_column(String(40))
    blog: Mapped[str] = mapped_column(String(300), default="")
    text_hash: Mapped[str] = mapped_column(String(64), default="")
    email_hash: Mapped[str | None] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(80), default="")
    scores: Mapped[dict[str, Any] | None]
    answer: Mapped[str] = mapped_column(String(20), default="")
    is_test: Mapped[bool] = mapped_column(Boolean, default=False)
    #: Coral's story and, once an event named it, its comment; `text` goes when the label is made.
    story: Mapped[str] = mapped_column(String(255), default="")
    external_id: Mapped[str | None] = mapped_column(String(255))
    text: Mapped[str | None] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(255), default="")
    #: Akismet's deferred verdict: our comment that waits for a person, and whom to tell.
    comment_id: Mapped[str | None] = mapped_column(String(26))
    callback_url: Mapped[str] = mapped_column(String(2000), default="")
    called_back_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Usage(Base):
    """Calls of one site by month, blog and protocol: quotas and Akismet's key-sites read this."""

    __tablename__ = "usage"

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(20), primary_key=True)
    blog: Mapped[str] = mapped_column(String(300), primary_key=True, default="")
    calls: Mapped[int] = mapped_column(default=0)
    spam: Mapped[int] = mapped_column(default=0)
    ham: Mapped[int] = mapped_column(default=0)
    missed_spam: Mapped[int] = mapped_column(default=0)
    false_positives: Mapped[int] = mapped_column(default=0)


class Heartbeat(Base):
    """When each part last showed that work flows through it; /readyz reads this."""

    __tablename__ = "heartbeats"

    part: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

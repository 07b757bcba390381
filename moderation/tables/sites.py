"""A site: its keys, its policy, its lists, and what it asked before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Site(Base):
    """A news site that sends comments."""

    __tablename__ = "sites"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    url: Mapped[str] = mapped_column(String(2000), default="")
    language: Mapped[str] = mapped_column(String(20), default="en")
    created_at: Mapped[datetime]
    #: What an operator may set for one site: retention days, limits, quotas, blogs, message templates.
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: The model version pinned for this site; None follows the shipped champion.
    champion: Mapped[str | None] = mapped_column(String(80))
    challenger: Mapped[str | None] = mapped_column(String(80))
    #: Counts changes of the lists, so that a worker knows without reading them that its own are stale.
    lists_version: Mapped[int] = mapped_column(default=0)


class SiteKey(Base):
    """A key that speaks for a site. Only its digest is kept; the prefix finds the row.

    A Coral secret must be known in full to verify its HMAC, so it is kept encrypted.
    """

    __tablename__ = "site_keys"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))  # site, akismet, coral, publishable
    label: Mapped[str] = mapped_column(String(200), default="")
    prefix: Mapped[str] = mapped_column(String(16), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    secret_encrypted: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[list[Any]] = mapped_column(default=list)  # submit, read, moderate, manage
    origins: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SitePolicy(Base):
    """One version of a policy, for a whole site, a section or an article. Versions are never changed."""

    __tablename__ = "policies"
    __table_args__ = (Index("uq_policies_site_scope_version", "site_id", "scope", "version", unique=True),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    #: "site", "section:<name>" or "article:<external id>"; the narrower one is laid over the wider.
    scope: Mapped[str] = mapped_column(String(300), default="site")
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    #: As the editor wrote it, comments included, when it came as YAML.
    source: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(200), default="")
    note: Mapped[str] = mapped_column(String(1000), default="")


class ListEntry(Base):
    """One entry of a site's lists: a word or pattern, a domain, an e-mail address or domain, an IP range."""

    __tablename__ = "list_entries"
    __table_args__ = (Index("uq_list_entries", "site_id", "list", "kind", "pattern", unique=True),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    list: Mapped[str] = mapped_column(String(20))  # blocked, suspect, allowed
    kind: Mapped[str] = mapped_column(String(10))  # word, regex, domain, email, ip
    pattern: Mapped[str] = mapped_column(String(500))
    reason: Mapped[str] = mapped_column(String(200), default="")
    created_by: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class Idempotency(Base):
    """What an Idempotency-Key answered before: the comment, never its text."""

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created", "created_at"),)

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    comment_id: Mapped[str] = mapped_column(String(26))
    created_at: Mapped[datetime]

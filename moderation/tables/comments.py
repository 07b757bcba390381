"""Articles, authors, and a comment with everything that was thought of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Float, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id

STATUSES = ("pending", "held", "approved", "rejected", "withdrawn", "erased")


class Article(Base):
    """What is commented on, as the site named it."""

    __tablename__ = "articles"

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000), default="")
    title: Mapped[str] = mapped_column(String(500), default="")
    section: Mapped[str] = mapped_column(String(100), default="")
    published_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    comments: Mapped[int] = mapped_column(default=0)
    approved: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    reports: Mapped[int] = mapped_column(default=0)


class Author(Base):
    """Who writes, by the identity that the site vouches for, else by the hash of the e-mail address."""

    __tablename__ = "authors"

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    #: "id:<the site's own id>" when vouched for, else "email:<keyed hash>". Never an address.
    identity: Mapped[str] = mapped_column(String(300), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    verified: Mapped[bool] = mapped_column(Boolean, default=False)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    approved: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    #: Strikes count rejections by people; reputation decays, see signals.py.
    strikes: Mapped[int] = mapped_column(default=0)
    reputation: Mapped[float] = mapped_column(Float, default=0.0)
    reputation_at: Mapped[datetime | None]
    banned_until: Mapped[datetime | None]
    trusted_at: Mapped[datetime | None]


class AuthorNote(Base):
    """What a moderator wants the others to know about an author."""

    __tablename__ = "author_notes"
    __table_args__ = (Index("ix_author_notes_author", "site_id", "identity"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    identity: Mapped[str] = mapped_column(String(300))
    moderator_id: Mapped[str] = mapped_column(String(26))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class Comment(Base):
    """One reader's comment: its present revision, where it stands, and what the machine thought.

    The row is also the work: `judged_at` is empty while the machine owes a verdict on this
    revision, and `lease_until` and `attempts` belong to the worker that claimed it. One row to
    insert when it is accepted and one to update when it is judged keep both fast; earlier
    revisions move to `revisions`.
    """

    __tablename__ = "comments"
    __table_args__ = (
        CheckConstraint(
            "status in ('pending','held','approved','rejected','withdrawn','erased')", name="status"
        ),
        Index(
            "uq_comments_external",
            "site_id",
            "external_id",
            unique=True,
            sqlite_where=text("external_id is not null"),
            postgresql_where=text("external_id is not null"),
        ),
        # What waits for the machine: small, whatever the table's size.
        Index(
            "ix_comments_unjudged",
            "received_at",
            sqlite_where=text("judged_at is null"),
            postgresql_where=text("judged_at is null"),
        ),
        # What waits for people, most urgent first.
        Index(
            "ix_comments_queue",
            "site_id",
            "urgency",
            sqlite_where=text("status = 'held'"),
            postgresql_where=text("status = 'held'"),
        ),
        Index(
            "ix_comments_unsure",
            "site_id",
            "unsure",
            sqlite_where=text("status = 'held'"),
            postgresql_where=text("status = 'held'"),
        ),
        Index("ix_comments_status", "site_id", "status", "id"),
        Index("ix_comments_article", "site_id", "article_id", "id"),
        Index("ix_comments_author", "site_id", "author_identity", "id"),
        Index("ix_comments_ip", "site_id", "ip_hash", "received_at"),
        Index(
            "ix_comments_cluster",
            "site_id",
            "cluster",
            sqlite_where=text("cluster is not null"),
            postgresql_where=text("cluster is not null"),
        ),
        Index(
            "ix_comments_reported",
            "site_id",
            "open_reports",
            sqlite_where=text("open_reports > 0"),
            postgresql_where=text("open_reports > 0"),
        ),
        Index("ix_comments_decided", "site_id", "decided_at"),
        # What was passed on is rare: counting it must not read the whole queue.
        Index(
            "ix_comments_escalated",
            "site_id",
            sqlite_where=text("escalated_at is not null"),
            postgresql_where=text("escalated_at is not null"),
        ),
        # Who has what open: a handful of rows, asked at every pulse of every open page.
        Index(
            "ix_comments_opened",
            "opened_by",
            sqlite_where=text("opened_by is not null"),
            postgresql_where=text("opened_by is not null"),
        ),
        Index("ix_comments_email", "email_hash"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    external_id: Mapped[str | None] = mapped_column(String(255))

    # as received
    name: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    email_encrypted: Mapped[str] = mapped_column(Text)
    email_hash: Mapped[str] = mapped_column(String(64))
    author_identity: Mapped[str] = mapped_column(String(300))
    author_url: Mapped[str] = mapped_column(String(2000), default="")
    author_verified: Mapped[bool] = mapped_column(Boolean, default=False)
    ip: Mapped[str | None] = mapped_column(String(45))
    ip_hash: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(500), default="")
    referrer: Mapped[str] = mapped_column(String(2000), default="")
    article_id: Mapped[str] = mapped_column(String(255), default="")
    article_url: Mapped[str] = mapped_column(String(2000), default="")
    article_title: Mapped[str] = mapped_column(String(500), default="")
    section: Mapped[str] = mapped_column(String(100), default="")
    article_published_at: Mapped[datetime | None]
    parent_id: Mapped[str] = mapped_column(String(255), default="")
    parent_body: Mapped[str] = mapped_column(Text, default="")
    #: The site's word for the language; the one found is `language`.
    declared_language: Mapped[str] = mapped_column(String(20), default="")
    #: Honeypot value, the time the form was shown, where it came from (api, embed, import, akismet …).
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    submitted_at: Mapped[datetime]
    received_at: Mapped[datetime]

    # where it stands
    status: Mapped[str] = mapped_column(String(10), default="pending")
    revision: Mapped[int] = mapped_column(default=1)
    #: The revision that readers see now; None while nothing is published.
    published_revision: Mapped[int | None]
    #: Counts this comment's events, so that a receiver can ignore a late one.
    sequence: Mapped[int] = mapped_column(default=0)
    decided_at: Mapped[datetime | None]
    open_reports: Mapped[int] = mapped_column(default=0)

    # the machine's work on this revision
    judged_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)

    # the machine's opinion of this revision
    model: Mapped[str | None] = mapped_column(String(80))
    scores: Mapped[dict[str, Any] | None]
    #: Uncalibrated logits of both tiers: what learning stacks on.
    logits: Mapped[dict[str, Any] | None]
    facts: Mapped[dict[str, Any] | None]
    #: [{"name", "evidence", "weight"}]
    signals: Mapped[list[Any] | None]
    verdict: Mapped[str | None] = mapped_column(String(10))
    #: [{"kind", "name", "verdict", "value", "threshold", "text"}]
    reasons: Mapped[list[Any] | None]
    #: attribute -> explanation, for what people will look at.
    spans: Mapped[dict[str, Any] | None]
    #: Would-be verdicts of shadow rules and of a challenger, never acted on.
    shadow: Mapped[dict[str, Any] | None]
    policy_id: Mapped[str | None] = mapped_column(String(26))
    language: Mapped[str] = mapped_column(String(20), default="")
    top_attribute: Mapped[str | None] = mapped_column(String(20))
    top_score: Mapped[float | None] = mapped_column(Float)
    #: Sort key of the queue: see opinion.urgency_of.
    urgency: Mapped[float] = mapped_column(Float, default=0.0)
    #: How much a person's answer would teach, in [0, 1].
    unsure: Mapped[float] = mapped_column(Float, default=0.0)
    #: Near-duplicates share a cluster (the id of its first comment).
    cluster: Mapped[str | None] = mapped_column(String(26))

    # who has it open at the desk
    opened_by: Mapped[str | None] = mapped_column(String(26))
    opened_until: Mapped[datetime | None]
    #: Senior moderators see what others passed on.
    escalated_at: Mapped[datetime | None]


class CommentText(Base):
    """A comment's name and text once more, for the index that searches look into (moderation/search.py).

    PostgreSQL only: a trigger on ``comments`` follows edits and erasures. On SQLite the table stays empty.
    """

    __tablename__ = "comment_texts"

    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(26))
    text: Mapped[str] = mapped_column(Text)


class Revision(Base):
    """An earlier revision, as it stood when a newer one replaced it."""

    __tablename__ = "revisions"

    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    replaced_at: Mapped[datetime]
    judged_at: Mapped[datetime | None]
    model: Mapped[str | None] = mapped_column(String(80))
    scores: Mapped[dict[str, Any] | None]
    signals: Mapped[list[Any] | None]
    verdict: Mapped[str | None] = mapped_column(String(10))
    reasons: Mapped[list[Any] | None]


class Decision(Base):
    """One line of the log: both ends of a move, by whom, why and when. Never changed, never removed.

    It holds no reader's text: an erasure leaves it intact, and the seal's chain with it.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_comment", "comment_id", "id"),
        Index("ix_decisions_site", "site_id", "id"),
        Index(
            "ix_decisions_unsealed",
            "id",
            sqlite_where=text("seal_id is null"),
            postgresql_where=text("seal_id is null"),
        ),
        Index("ix_decisions_by", "by_kind", "by_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id"))
    revision: Mapped[int]
    action: Mapped[str] = mapped_column(String(20))
    old_status: Mapped[str] = mapped_column(String(10))
    new_status: Mapped[str] = mapped_column(String(10))
    by_kind: Mapped[str] = mapped_column(String(10))  # policy, moderator, site, author, system
    by_id: Mapped[str] = mapped_column(String(200), default="")
    #: Coral's reason codes (OFFENSIVE, SPAM, …) or a house rule's name.
    reason_code: Mapped[str] = mapped_column(String(80), default="")
    #: Names and numbers of what fired; no text of the reader.
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    note: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str | None] = mapped_column(String(80))
    policy_id: Mapped[str | None] = mapped_column(String(26))
    #: The decision that this one undoes.
    undoes: Mapped[str | None] = mapped_column(String(26))
    created_at: Mapped[datetime]
    seal_id: Mapped[int | None] = mapped_column(Integer)


class Seal(Base):
    """A link of the chain over the decisions (`btl audit verify`).

    `digest` = SHA-256 over the previous digest and the salted digests of the batch's decisions,
    in the order of their ids.
    """

    __tablename__ = "seals"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    count: Mapped[int]
    first_decision: Mapped[str] = mapped_column(String(26))
    last_decision: Mapped[str] = mapped_column(String(26))
    salt: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Report(Base):
    """A reader's complaint about a published comment; with `illegal`, a notice under DSA Article 16."""

    __tablename__ = "reports"
    __table_args__ = (Index("ix_reports_comment", "comment_id"), Index("ix_reports_site", "site_id", "id"))

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id"))
    reason: Mapped[str] = mapped_column(String(80), default="OTHER")
    text: Mapped[str] = mapped_column(Text, default="")
    illegal: Mapped[bool] = mapped_column(Boolean, default=False)
    reporter_hash: Mapped[str | None] = mapped_column(String(64))
    reporter_email_encrypted: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10), default="open")  # open, upheld, dismissed
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Appeal(Base):
    """The author's request for a second look, decided by another person than the first time."""

    __tablename__ = "appeals"
    __table_args__ = (
        Index("ix_appeals_site", "site_id", "status", "id"),
        Index("ix_appeals_comment", "comment_id"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id"))
    decision_id: Mapped[str] = mapped_column(String(26))
    text: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(12), default="open")  # open, upheld, overturned
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(26))
    answer: Mapped[str] = mapped_column(Text, default="")


class Fingerprint(Base):
    """One band of a comment's MinHash: rows with the same band are likely near-duplicates."""

    __tablename__ = "fingerprints"
    __table_args__ = (Index("ix_fingerprints_band", "site_id", "band", "received_at"),)

    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    site_id: Mapped[str] = mapped_column(String(26))
    band: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime]

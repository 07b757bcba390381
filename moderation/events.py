"""Announce a fact: the event and its deliveries are rows of the transaction that made it true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, exists, select
from sqlalchemy.orm import Session

from moderation.asked import put_all
from moderation.store import endpoints_of
from moderation.tables import Comment, Delivery, Endpoint, Event, new_id

#: Every event a receiver can get; docs/webhooks.md describes each, and a test holds the two together.
EVENTS = (
    "comment.approved",
    "comment.held",
    "comment.rejected",
    "comment.retracted",
    "comment.edited",
    "comment.erased",
    "appeal.decided",
    "endpoint.disabled",
    "ping",
)
#: Announced without the reader's words: what comes down must not travel again.
WITHOUT_TEXT = frozenset({"comment.retracted", "comment.erased"})


def event_type_for(*, was_published: bool, had_verdict_before: bool, status: str) -> str | None:
    """What readers' pages must be told when a comment comes to stand at ``status``.

    :param was_published: some revision of it is public now.
    :return: None when nothing changes for a receiver.
    """
    if status == "approved":
        return "comment.edited" if was_published else "comment.approved"
    if status in ("held", "rejected"):
        return "comment.retracted" if was_published else f"comment.{status}"
    if status in ("withdrawn", "pending"):
        return "comment.retracted" if was_published else None
    if status == "erased":
        return "comment.erased"
    return None


def payload_of(
    comment: Comment, *, event_type: str, reasons: Sequence[Mapping[str, Any]], at: datetime
) -> dict[str, Any]:
    """The `data` of an event about a comment (docs/webhooks.md).

    Never the e-mail address, the IP or the user agent.
    """
    data: dict[str, Any] = {
        "id": comment.id,
        "external_id": comment.external_id,
        "revision": comment.revision,
        "sequence": comment.sequence,
        "status": comment.status,
        "article": {"id": comment.article_id, "url": comment.article_url, "title": comment.article_title},
        "parent": {"id": comment.parent_id} if comment.parent_id else None,
        "submitted_at": comment.submitted_at.isoformat(),
        "decided_at": at.isoformat(),
        "reasons": [{"name": reason.get("name"), "text": reason.get("text", "")} for reason in reasons],
    }
    if event_type not in WITHOUT_TEXT:
        data |= {
            "name": comment.name,
            "body": comment.body,
            "author": {
                "id": comment.author_identity.removeprefix("id:") if comment.author_verified else None,
                "url": comment.author_url or None,
            },
            "language": comment.language or None,
        }
    return data


@dataclass
class Outbox:
    """Gathers events of one transaction and writes them with their deliveries in two statements."""

    session: Session
    now: datetime
    endpoints: Mapping[str, Sequence[Endpoint]] = field(default_factory=dict)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _deliveries: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def for_sites(cls, session: Session, site_ids: Iterable[str], now: datetime) -> Outbox:
        by_site: dict[str, list[Endpoint]] = {}
        for endpoint in endpoints_of(session, sorted(set(site_ids))):
            by_site.setdefault(endpoint.site_id, []).append(endpoint)
        return cls(session, now, by_site)

    def announce(
        self,
        *,
        site_id: str,
        event_type: str,
        data: dict[str, Any],
        comment_id: str | None = None,
        sequence: int | None = None,
        delay_seconds: float = 0,
    ) -> str:
        """Put an event in the outbox.

        :param delay_seconds: before the first attempt; a person's act can be undone meanwhile.
        :return: the event's id, which is the ``webhook-id`` of all its attempts.
        """
        event_id = new_id()
        self._events.append(
            {
                "id": event_id,
                "site_id": site_id,
                "type": event_type,
                "comment_id": comment_id,
                "sequence": sequence,
                "payload": data,
                "created_at": self.now,
            }
        )
        for endpoint in self.endpoints.get(site_id, ()):
            if not endpoint.events or event_type in endpoint.events:
                self._deliveries.append(
                    {
                        "id": new_id(),
                        "site_id": site_id,
                        "event_id": event_id,
                        "endpoint_id": endpoint.id,
                        "status": "due",
                        "due_at": self.now + timedelta(seconds=delay_seconds),
                        "attempts_made": 0,
                        "created_at": self.now,
                        "last_error": "",
                    }
                )
        return event_id

    def announce_comment(
        self,
        comment: Comment,
        event_type: str,
        *,
        reasons: Sequence[Mapping[str, Any]] = (),
        delay_seconds: float = 0,
    ) -> str:
        """Announce where a comment has come to stand; counts its sequence up."""
        comment.sequence += 1
        return self.announce(
            site_id=comment.site_id,
            event_type=event_type,
            data=payload_of(comment, event_type=event_type, reasons=reasons, at=self.now),
            comment_id=comment.id,
            sequence=comment.sequence,
            delay_seconds=delay_seconds,
        )

    def write(self) -> int:
        """Write what was gathered. :return: how many deliveries."""
        if self._events:
            put_all(self.session, cast(Table, Event.__table__), self._events)
        if self._deliveries:
            put_all(self.session, cast(Table, Delivery.__table__), self._deliveries)
        count = len(self._deliveries)
        self._events, self._deliveries = [], []
        return count


def cancel_unsent(session: Session, comment_id: str, *, since: datetime, now: datetime) -> set[str]:
    """Take back events of a comment that no endpoint was sent yet (an undo in time).

    An event that one endpoint has, or may have, goes to the others as well: what follows it makes
    sense to those alone that had it.

    :param since: only events announced from this time on; an earlier act's stay announced.
    :return: the ids of the events that nobody has seen.
    """
    deliveries = list(
        session.scalars(
            select(Delivery)
            .join(Event, Event.id == Delivery.event_id)
            .where(Event.comment_id == comment_id, Event.created_at >= since)
            .order_by(Delivery.id)
            .with_for_update(of=Delivery)
            .execution_options(populate_existing=True)
        )
    )
    seen = {
        one.event_id
        for one in deliveries
        if one.status != "due" or one.attempts_made or one.lease_until is not None or one.due_at <= now
    }
    unseen = {one.event_id for one in deliveries} - seen
    for one in deliveries:
        if one.event_id in unseen:
            one.status, one.finished_at = "cancelled", now
    session.flush()
    return unseen


def told_revision(session: Session, comment_id: str, *, without: Iterable[str] = ()) -> int | None:
    """The revision that sites show, going by what they were told; None when they show nothing.

    :param without: events that were taken back just now.
    """
    taken_back = exists().where(Delivery.event_id == Event.id, Delivery.status == "cancelled")
    last = session.scalar(
        select(Event)
        .where(
            Event.comment_id == comment_id,
            Event.type.like("comment.%"),
            Event.id.not_in(list(without)),
            ~taken_back,
        )
        .order_by(Event.sequence.desc())
        .limit(1)
    )
    if last is None or last.type not in ("comment.approved", "comment.edited"):
        return None
    return int(last.payload["revision"])

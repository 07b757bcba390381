"""Answers that a foreign protocol was promised for later: who is owed one, and what it says.

Akismet: the check said ``false`` and "ask again"; the comment waited for a person; the blog is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation.tables import Comment, ForeignCall
from moderation.vault import Vault

#: A blog that does not answer is called again until this long after the decision.
PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Callback:
    """One answer that is owed.

    :param document: the JSON to send.
    """

    call_id: str
    url: str
    document: dict[str, Any]


def claim_callbacks(session: Session, vault: Vault, *, now: datetime, limit: int) -> list[Callback]:
    """Take answers that are owed; the update is the lock, :func:`give_back` undoes it."""
    owed = session.execute(
        select(ForeignCall, Comment)
        .join(Comment, Comment.id == ForeignCall.comment_id)
        .where(
            ForeignCall.callback_url != "",
            ForeignCall.called_back_at.is_(None),
            Comment.status.in_(("approved", "rejected")),
            Comment.decided_at > now - PATIENCE,
        )
        .limit(limit)
    )
    taken = []
    for call, comment in owed:
        claimed = session.execute(
            update(ForeignCall)
            .where(ForeignCall.id == call.id, ForeignCall.called_back_at.is_(None))
            .values(called_back_at=now)
        )
        kept = comment.context.get("akismet")
        if claimed.rowcount == 1 and kept:  # type: ignore[attr-defined]
            taken.append(Callback(call.id, call.callback_url, _akismet(comment, kept, vault)))
    return taken


def give_back(session: Session, call_ids: Sequence[str]) -> None:
    """Not reached: let a later turn try again."""
    session.execute(update(ForeignCall).where(ForeignCall.id.in_(call_ids)).values(called_back_at=None))


def _akismet(comment: Comment, kept: dict[str, Any], vault: Vault) -> dict[str, Any]:
    is_spam = comment.status == "rejected"
    return {
        "key": vault.decrypt(kept["key"]),
        "endpoint": "comment-check",
        "comments": [
            {
                "guid": kept["guid"],
                "result": "true" if is_spam else "false",
                "comment_post_ID": kept.get("post", ""),
                "comment_author_email": vault.decrypt(comment.email_encrypted),
            }
        ],
    }

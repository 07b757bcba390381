"""One line of the log: both ends of a move, by whom and why. Never a word of the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from moderation.tables import Comment, Decision, new_id


def line_of(
    comment: Comment,
    *,
    action: str,
    old: str,
    by_kind: str,
    now: datetime,
    by_id: str = "",
    reason_code: str = "",
    note: str = "",
    reasons: Sequence[Mapping[str, Any]] = (),
    undoes: str | None = None,
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "site_id": comment.site_id,
        "comment_id": comment.id,
        "revision": comment.revision,
        "action": action,
        "old_status": old,
        "new_status": comment.status,
        "by_kind": by_kind,
        "by_id": by_id,
        "reason_code": reason_code,
        "reasons": [dict(reason) for reason in reasons],
        "note": note,
        "model": comment.model,
        "policy_id": comment.policy_id,
        "undoes": undoes,
        "created_at": now,
    }


def log(session: Session, comment: Comment, *, action: str, old: str, by_kind: str, **more: Any) -> Decision:
    decision = Decision(**line_of(comment, action=action, old=old, by_kind=by_kind, **more))
    session.add(decision)
    session.flush()
    return decision


def reasons_of(decision: Decision) -> list[dict[str, Any]]:
    return [{"name": decision.reason_code, "text": decision.note}] if decision.reason_code else []

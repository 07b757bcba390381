"""The yearly figures of a site (DSA Articles 15 and 24), counted from its decisions, reports and appeals."""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.tables import Appeal, Comment, Decision, Report


def report_of(session: Session, site_id: str, *, since: datetime, until: datetime) -> dict[str, Any]:
    """Counts of one period, without a person or a word in them.

    :return: JSON-able; times in hours.
    """
    ours = (Decision.site_id == site_id, Decision.created_at >= since, Decision.created_at < until)
    restricting = (Decision.new_status == "rejected", Decision.old_status != "rejected")

    def counts(column: Any, *conditions: Any) -> dict[str, int]:
        rows = session.execute(select(column, func.count()).where(*ours, *conditions).group_by(column))
        return {str(name or "OTHER"): int(count) for name, count in rows}

    received = session.scalar(
        select(func.count(Comment.id)).where(
            Comment.site_id == site_id, Comment.received_at >= since, Comment.received_at < until
        )
    )
    machine = counts(Decision.new_status, Decision.by_kind == "policy", Decision.old_status == "pending")
    overturned = session.scalar(
        select(func.count())
        .select_from(Decision)
        .where(
            *ours,
            Decision.by_kind == "moderator",
            Decision.old_status == "rejected",
            Decision.new_status == "approved",
        )
    )
    appeals = list(
        session.scalars(
            select(Appeal).where(
                Appeal.site_id == site_id, Appeal.created_at >= since, Appeal.created_at < until
            )
        )
    )
    answered = [
        (appeal.decided_at - appeal.created_at).total_seconds() / 3600
        for appeal in appeals
        if appeal.decided_at
    ]
    reports = list(
        session.execute(
            select(Report.illegal, Report.status, Report.created_at, Report.closed_at).where(
                Report.site_id == site_id, Report.created_at >= since, Report.created_at < until
            )
        )
    )
    waited = [(closed - made).total_seconds() / 3600 for _, _, made, closed in reports if closed is not None]
    return {
        "period": {"since": since.isoformat(), "until": until.isoformat()},
        "comments_received": int(received or 0),
        "restrictions": {
            "total": sum(counts(Decision.by_kind, *restricting).values()),
            "by_reason": counts(Decision.reason_code, *restricting),
            "automated": counts(Decision.by_kind, *restricting).get("policy", 0),
            "by_people": counts(Decision.by_kind, *restricting).get("moderator", 0),
        },
        "machine_verdicts": machine,
        "machine_rejections_overturned_by_people": int(overturned or 0),
        "notices": {
            "total": len(reports),
            "illegal_content_article_16": sum(1 for illegal, *_ in reports if illegal),
            "upheld": sum(1 for _, status, *_ in reports if status == "upheld"),
            "dismissed": sum(1 for _, status, *_ in reports if status == "dismissed"),
            "median_hours_to_answer": round(median(waited), 2) if waited else None,
        },
        "appeals": {
            "total": len(appeals),
            "upheld": sum(1 for appeal in appeals if appeal.status == "upheld"),
            "overturned": sum(1 for appeal in appeals if appeal.status == "overturned"),
            "open": sum(1 for appeal in appeals if appeal.status == "open"),
            "median_hours_to_answer": round(median(answered), 2) if answered else None,
        },
    }

"""Akismet's questions about the account: what was used, by which blog, how often it was wrong."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.tables import Site, Usage
from service.compat import quota
from service.compat.akismet import asking, bp, text
from service.compat.akismet_form import Form, blog_of, form
from service.compat.audit import COUNTS
from service.door import database

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
#: What `order` may be -> the count it sorts by.
_ORDERS = {
    "total": "calls",
    "spam": "spam",
    "ham": "ham",
    "missed_spam": "missed_spam",
    "false_positives": "false_positives",
}
MOST_LISTED = 5_000
#: Akismet's own figure: what a moderator spends on a comment.
_SECONDS_A_COMMENT = 5


@bp.route("/1.2/usage-limit", methods=["GET", "POST"])
def usage_limit() -> Response:
    """How much of the month's quota is used."""
    given = form()
    caller, now = asking(given)
    month = quota.month_of(caller.site, now, fresh=True)
    share = 100.0 * month.used / month.limit if month.limit else 0.0
    answer: dict[str, Any] = {
        "limit": month.limit if month.limit is not None else "none",
        "usage": month.used,
        "percentage": f"{share:.2f}",
        "throttled": month.is_used_up,
    }
    if given.says("extended"):
        answer |= {"notice_level": "none" if share < 80 else "warning", "upgrade": {}}
    return _json(answer)


@bp.route("/1.2/key-sites", methods=["GET", "POST"])
def key_sites() -> Response:
    """What each blog of the key asked in a month."""
    given = form()
    caller, now = asking(given)
    month = given.get("month")
    month = month if _MONTH.fullmatch(month) else f"{now:%Y-%m}"
    limit, offset = _number(given, "limit", 500, MOST_LISTED), _number(given, "offset", 0, 1_000_000)
    with database().reading() as session:
        rows, total = _blogs(session, caller.site, given, month, limit, offset)
    if given.get("format") == "csv":
        return text(_csv(rows, given, month, limit, offset))
    shown = [
        {
            "site": row.blog,
            "api_calls": str(row.calls),
            "spam": str(row.spam),
            "ham": str(row.ham),
            "missed_spam": str(row.missed_spam),
            "false_positives": str(row.false_positives),
            "is_revoked": False,
        }
        for row in rows
    ]
    return _json({month: shown, "limit": limit, "offset": offset, "total": total})


@bp.post("/1.1/get-stats")
def get_stats() -> Response:
    """What WordPress shows on its page of figures."""
    given = form()
    caller, now = asking(given)
    months = {"60-days": 2, "6-months": 6}.get(given.get("from"), 0)
    with database().reading() as session:
        rows = _by_month(session, caller.site, given)
    since = _months_back(now, months - 1) if months else ""
    breakdown = {month: counts for month, counts in rows.items() if month >= since}
    total = {name: sum(counts[name] for counts in breakdown.values()) for name in COUNTS}
    wrong = total["missed_spam"] + total["false_positives"]
    checked = total["spam"] + total["ham"]
    return _json(
        {
            "spam": total["spam"],
            "ham": total["ham"],
            "missed_spam": total["missed_spam"],
            "false_positives": total["false_positives"],
            "accuracy": round(100.0 * max(0.0, 1.0 - wrong / checked), 2) if checked else 100.0,
            "time_saved": total["spam"] * _SECONDS_A_COMMENT,
            "breakdown": {
                month: {name: counts[name] for name in COUNTS if name != "calls"} | {"da": f"{month}-01"}
                for month, counts in breakdown.items()
            },
        }
    )


def _blogs(
    session: Session, site: Site, given: Form, month: str, limit: int, offset: int
) -> tuple[list[Usage], int]:
    wanted = [Usage.site_id == site.id, Usage.protocol == "akismet", Usage.month == month]
    if part := given.get("filter"):
        wanted.append(Usage.blog.contains(blog_of(part), autoescape=True))
    by = getattr(Usage, _ORDERS.get(given.get("order"), "calls"))
    rows = session.scalars(
        select(Usage).where(*wanted).order_by(by.desc(), Usage.blog).limit(limit).offset(offset)
    )
    total = session.scalar(select(func.count()).select_from(Usage).where(*wanted))
    return list(rows), int(total or 0)


def _by_month(session: Session, site: Site, given: Form) -> Mapping[str, Mapping[str, int]]:
    sums = [func.sum(getattr(Usage, name)).label(name) for name in COUNTS]
    query = select(Usage.month, *sums).where(Usage.site_id == site.id, Usage.protocol == "akismet")
    if given.blog:
        query = query.where(Usage.blog == given.blog)
    rows = session.execute(query.group_by(Usage.month).order_by(Usage.month))
    return {row.month: {name: int(getattr(row, name)) for name in COUNTS} for row in rows}


def _csv(rows: list[Usage], given: Form, month: str, limit: int, offset: int) -> str:
    out = io.StringIO()
    # the key's beginning only: such files are passed around
    out.write(f"Active sites for {given.keys[0][:4]}… during {month} (limit:{limit}, offset: {offset})\n")
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["Site", "Total API Calls", "Spam", "Ham", "Missed Spam", "False Positives", "Is Revoked"])
    for row in rows:
        # a spreadsheet would run what begins like a formula
        blog = f"'{row.blog}" if row.blog[:1] in "=+-@" else row.blog
        lines.writerow([blog, row.calls, row.spam, row.ham, row.missed_spam, row.false_positives, "false"])
    return out.getvalue()


def _number(given: Form, name: str, usual: int, most: int) -> int:
    text_ = given.get(name)
    return min(int(text_), most) if text_.isascii() and text_.isdigit() and len(text_) < 10 else usual


def _months_back(now: datetime, months: int) -> str:
    month = now.year * 12 + now.month - 1 - months
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def _json(document: Any) -> Response:
    response = Response(json.dumps(document), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response

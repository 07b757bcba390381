"""Coral: `mongoexport --collection comments`, JSON lines or one JSON array."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moderation.archives.archived import Archived, BadRow, text_of_html, time_of
from moderation.archives.flat import json_rows

_STATUS = {
    "APPROVED": "approved",
    "NONE": "approved",
    "REJECTED": "rejected",
    "PREMOD": "held",
    "SYSTEM_WITHHELD": "held",
}


def read(path: Path) -> Iterator[Archived | BadRow]:
    """Each comment with its last revision. Names and addresses live in Coral's users, not here."""
    for where, row in json_rows(path):
        yield row if isinstance(row, BadRow) else _comment(where, row)


def _comment(where: str, row: dict[str, Any]) -> Archived | BadRow:
    number = str(row.get("id") or "")
    revisions = row.get("revisions")
    last = revisions[-1] if isinstance(revisions, list) and revisions else {}
    body = text_of_html(str(last.get("body") or row.get("body") or "")) if isinstance(last, dict) else ""
    status = _STATUS.get(str(row.get("status") or "NONE"))
    if row.get("deletedAt"):
        return BadRow(where, "deleted by its author")
    if not number or not body or status is None:
        return BadRow(where, "no id, no text or an unknown status")
    try:
        created_at = time_of(row.get("createdAt"))
    except (ValueError, TypeError):
        return BadRow(where, "createdAt is no date")
    author = row.get("author") if isinstance(row.get("author"), dict) else {}
    return Archived(
        external_id=number,
        name=str((author or {}).get("username") or ""),
        email=str((author or {}).get("email") or ""),
        author_id=str(row.get("authorID") or ""),
        body=body,
        status=status,
        created_at=created_at,
        article_id=str(row.get("storyID") or ""),
        parent_id=str(row.get("parentID") or ""),
    )

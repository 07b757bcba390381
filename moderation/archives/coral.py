"""Coral: `mongoexport --collection comments`, JSON lines or one JSON array; or a folder of exports.

Names and addresses live in Coral's users, articles' addresses in its stories: a folder with `comments.json`,
`users.json` and `stories.json`, each as mongoexport wrote it, brings them along.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moderation.archives.archived import Archived, BadRow, NotAnArchive, text_of_html, time_of
from moderation.archives.flat import json_rows

_STATUS = {
    "APPROVED": "approved",
    "NONE": "approved",
    "REJECTED": "rejected",
    "PREMOD": "held",
    "SYSTEM_WITHHELD": "held",
}


def read(path: Path) -> Iterator[Archived | BadRow]:
    """Each comment with its last revision."""
    comments, users, stories = path, {}, {}
    if path.is_dir():
        comments = path / "comments.json"
        if not comments.exists():
            raise NotAnArchive(f"{path.name} holds no comments.json (mongoexport --collection comments)")
        users, stories = _by_id(path / "users.json"), _by_id(path / "stories.json")
    for where, row in json_rows(comments):
        yield row if isinstance(row, BadRow) else _comment(where, row, users, stories)


def _by_id(path: Path) -> dict[str, tuple[str, str]]:
    """Id -> name and address of a user, or title and address of a story; empty without the file."""
    if not path.exists():
        return {}
    return {
        str(row.get("id")): (
            str(row.get("username") or (row.get("metadata") or {}).get("title") or ""),
            str(row.get("email") or row.get("url") or ""),
        )
        for _, row in json_rows(path)
        if isinstance(row, dict)
    }


def _comment(
    where: str,
    row: dict[str, Any],
    users: dict[str, tuple[str, str]],
    stories: dict[str, tuple[str, str]],
) -> Archived | BadRow:
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
    name, email = users.get(str(row.get("authorID")), ("", ""))
    title, url = stories.get(str(row.get("storyID")), ("", ""))
    return Archived(
        external_id=number,
        name=name,
        email=email,
        author_id=str(row.get("authorID") or ""),
        body=body,
        status=status,
        created_at=created_at,
        article_id=str(row.get("storyID") or ""),
        article_url=url,
        article_title=title,
        parent_id=str(row.get("parentID") or ""),
    )

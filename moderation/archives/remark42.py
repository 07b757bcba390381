"""Remark42: `remark42 backup`, gzipped JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from moderation.archives.archived import Archived, BadRow, text_of_html, time_of
from moderation.archives.flat import json_rows


def read(path: Path) -> Iterator[Archived | BadRow]:
    """The first line describes the backup and who gave an address; the others are comments."""
    emails: dict[str, str] = {}
    for where, row in json_rows(path):
        if isinstance(row, BadRow):
            yield row
        elif "version" in row and "id" not in row:
            emails = _emails(row)
        else:
            yield _comment(where, row, emails)


def _emails(meta: dict[str, Any]) -> dict[str, str]:
    """Who asked to be told of replies: user id -> address."""
    users = meta.get("users")
    return {
        str(user.get("id")): str(user["details"].get("email") or "")
        for user in (users if isinstance(users, list) else ())
        if isinstance(user, dict) and isinstance(user.get("details"), dict)
    }


def _comment(where: str, row: dict[str, Any], emails: dict[str, str]) -> Archived | BadRow:
    user = row.get("user") if isinstance(row.get("user"), dict) else {}
    locator = row.get("locator") if isinstance(row.get("locator"), dict) else {}
    # Both are HTML: the Markdown as typed, escaped, and the page's; older versions kept only the second.
    body = text_of_html(str(row.get("orig") or row.get("text") or ""))
    number = str(row.get("id") or "")
    if row.get("delete"):
        return BadRow(where, "deleted")
    if not number or not body.strip():
        return BadRow(where, "no id or no text")
    try:
        created_at = time_of(row.get("time"))
    except (ValueError, TypeError):
        return BadRow(where, "time is no date")
    author = str((user or {}).get("id") or "")
    return Archived(
        external_id=number,
        name=unescape(str((user or {}).get("name") or "")),
        email=emails.get(author, ""),
        author_id=author,
        body=body,
        status="approved",
        created_at=created_at,
        article_id=str((locator or {}).get("url") or ""),
        article_url=str((locator or {}).get("url") or ""),
        article_title=str(row.get("title") or ""),
        parent_id=str(row.get("pid") or ""),
    )

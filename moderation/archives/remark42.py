"""Remark42: `remark42 backup`, gzipped JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moderation.archives.archived import Archived, BadRow, text_of_html, time_of
from moderation.archives.flat import json_rows


def read(path: Path) -> Iterator[Archived | BadRow]:
    """The first line describes the backup; the others are comments."""
    for where, row in json_rows(path):
        if isinstance(row, BadRow):
            yield row
        elif "version" not in row or "id" in row:
            yield _comment(where, row)


def _comment(where: str, row: dict[str, Any]) -> Archived | BadRow:
    user = row.get("user") if isinstance(row.get("user"), dict) else {}
    locator = row.get("locator") if isinstance(row.get("locator"), dict) else {}
    body = str(row.get("orig") or "") or text_of_html(str(row.get("text") or ""))
    number = str(row.get("id") or "")
    if row.get("delete"):
        return BadRow(where, "deleted")
    if not number or not body.strip():
        return BadRow(where, "no id or no text")
    try:
        created_at = time_of(row.get("time"))
    except (ValueError, TypeError):
        return BadRow(where, "time is no date")
    return Archived(
        external_id=number,
        name=str((user or {}).get("name") or ""),
        author_id=str((user or {}).get("id") or ""),
        body=body,
        status="approved",
        created_at=created_at,
        article_id=str((locator or {}).get("url") or ""),
        article_url=str((locator or {}).get("url") or ""),
        article_title=str(row.get("title") or ""),
        parent_id=str(row.get("pid") or ""),
    )

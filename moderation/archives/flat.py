"""Plain CSV and JSON lines, with the columns that `btl export` writes."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from moderation.archives.archived import Archived, BadRow, NotAnArchive, time_of

_NEEDED = ("body",)
_MOST_DIGITS = 10_000_000


def read_csv(path: Path) -> Iterator[Archived | BadRow]:
    """:raises NotAnArchive: no header with a `body` column, or not UTF-8."""
    csv.field_size_limit(1_000_000)
    with _opened(path) as lines:
        rows = csv.DictReader(lines)
        try:
            missing = [name for name in _NEEDED if name not in (rows.fieldnames or [])]
            if missing:
                raise NotAnArchive(f"{path.name} has no column {', '.join(missing)} in its first line")
            for number, row in enumerate(rows, start=2):
                yield _comment(f"line {number}", {key: value for key, value in row.items() if key and value})
        except (csv.Error, UnicodeDecodeError) as error:
            raise NotAnArchive(f"{path.name} cannot be read as CSV in UTF-8: {error}") from error


def read_jsonl(path: Path) -> Iterator[Archived | BadRow]:
    for where, row in json_rows(path):
        yield row if isinstance(row, BadRow) else _comment(where, row)


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any] | BadRow]]:
    """Objects of JSON lines (gzipped or not), each with where it stands."""
    with _opened(path) as lines:
        try:
            for number, line in enumerate(lines, start=1):
                where, line = f"line {number}", line.strip().rstrip(",")
                if line in ("", "[", "]"):  # an array with one object a line reads as lines
                    continue
                if len(line) > _MOST_DIGITS:
                    yield where, BadRow(where, "longer than 10 million characters")
                    continue
                try:
                    row = json.loads(line.removeprefix("[").removesuffix("]") if line[0] == "[" else line)
                except (ValueError, RecursionError):
                    yield where, BadRow(where, "not JSON")
                    continue
                yield where, row if isinstance(row, dict) else BadRow(where, "not a JSON object")
        except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
            raise NotAnArchive(f"{path.name} cannot be read as UTF-8 text: {error}") from error


def _comment(where: str, row: dict[str, Any]) -> Archived | BadRow:
    article = row.get("article") if isinstance(row.get("article"), dict) else {}
    status = str(row.get("status") or "approved").lower()
    body = str(row.get("body") or "")
    if status not in ("approved", "rejected", "held"):
        return BadRow(where, f"status {status!r} is none of approved, rejected, held")
    if not body.strip():
        return BadRow(where, "no body")
    try:
        created_at = time_of(row.get("submitted_at") or row.get("created_at"))
    except (ValueError, TypeError):
        return BadRow(where, "submitted_at is missing or no date")
    article = article or {}
    return Archived(
        external_id=str(row.get("external_id") or row.get("id") or ""),
        name=str(row.get("name") or ""),
        email=str(row.get("email") or ""),
        url=str(row.get("url") or ""),
        ip=str(row.get("ip") or ""),
        body=body,
        status=status,
        is_spam=str(row.get("is_spam") or "").lower() in ("1", "true", "yes"),
        created_at=created_at,
        article_id=str(article.get("id") or row.get("article_id") or ""),
        article_url=str(article.get("url") or row.get("article_url") or ""),
        article_title=str(article.get("title") or row.get("article_title") or ""),
        parent_id=str(row.get("parent_id") or ""),
        author_id=str(row.get("author_id") or ""),
    )


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    if is_gzip:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")

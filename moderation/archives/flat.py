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
_CHUNK = 1 << 16


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
    """Objects of JSON lines or of one JSON array (gzipped or not), each with where it stands."""
    with _opened(path) as lines:
        try:
            start = _first(lines)
            yield from _of_array(lines) if start == "[{" else _of_lines(lines)
        except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
            raise NotAnArchive(f"{path.name} cannot be read as UTF-8 text: {error}") from error


def _first(lines: IO[str]) -> str:
    """The first two characters that are no space; reading begins anew after it."""
    found = ""
    while len(found) < 2 and (chunk := lines.read(1024)):
        found += "".join(chunk.split())
    lines.seek(0)
    return found[:2]


def _of_lines(lines: IO[str]) -> Iterator[tuple[str, dict[str, Any] | BadRow]]:
    for number, line in enumerate(lines, start=1):
        where, line = f"line {number}", line.strip()
        if not line:
            continue
        if len(line) > _MOST_DIGITS:
            yield where, BadRow(where, "longer than 10 million characters")
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield where, BadRow(where, "not JSON")
            continue
        yield where, row if isinstance(row, dict) else BadRow(where, "not a JSON object")


def _of_array(text: IO[str]) -> Iterator[tuple[str, dict[str, Any] | BadRow]]:
    """Objects of one array, on one line or on many, in the memory of a few of them."""
    decoder, number = json.JSONDecoder(), 0
    kept = text.read(_CHUNK).lstrip().removeprefix("[")
    while not (kept := kept.lstrip(" \t\r\n,")).startswith("]"):
        try:
            row, end = decoder.raw_decode(kept)
        except (ValueError, RecursionError):  # not whole yet, or broken
            more = text.read(
                max(_CHUNK, len(kept))
            )  # doubling: a long object is not read anew for every chunk
            if not more or len(kept) > _MOST_DIGITS:
                where = f"element {number + 1}"
                yield where, BadRow(where, "not JSON; nothing after it in the array can be read")
                return
            kept += more
            continue
        number, kept, where = number + 1, kept[end:], f"element {number + 1}"
        yield where, row if isinstance(row, dict) else BadRow(where, "not a JSON object")


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

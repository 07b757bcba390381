"""What every archive is read into."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import nh3


@dataclass(frozen=True, slots=True)
class Archived:
    """One comment of an archive.

    :param status: ``approved``, ``rejected`` or ``held``.
    :param is_spam: for a rejected one, whether it was called spam.
    :param created_at: aware, UTC.
    """

    external_id: str
    name: str
    body: str
    status: str
    created_at: datetime
    email: str = ""
    url: str = ""
    ip: str = ""
    article_id: str = ""
    article_url: str = ""
    article_title: str = ""
    parent_id: str = ""
    author_id: str = ""
    is_spam: bool = False


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used.

    :param where: its number or id in the archive.
    :param why: what is wrong with it, for the report.
    """

    where: str
    why: str


class NotAnArchive(ValueError):
    """The file is not of the format that was named; the message says what it lacks."""


_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/li)\b[^>]*>", re.IGNORECASE)


def text_of_html(markup: str) -> str:
    """What a reader saw of a comment kept as HTML: words and line breaks, no tags, no scripts."""
    kept = nh3.clean(_BREAKS.sub("\n", markup), tags=set(), clean_content_tags={"script", "style"})
    return html.unescape(kept).strip()


#: Characters that no XML may hold and WordPress exports all the same; in UTF-8 they are part of no other.
_NOT_XML = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r")


class _WithoutControls:
    """A file without the characters that would end the reading of an XML archive in the middle."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        while chunk := self._raw.read(size):
            if kept := chunk.translate(None, _NOT_XML):
                return kept
        return b""


@contextmanager
def xml_of(path: Path) -> Iterator[Any]:
    """An XML archive as `iterparse` takes it."""
    with path.open("rb") as raw:
        yield _WithoutControls(raw)


def time_of(value: object) -> datetime:
    """A time as archives write it: ISO 8601 with or without zone (then UTC), or seconds since 1970.

    :raises ValueError: for anything else.
    """
    if isinstance(value, dict) and "$date" in value:  # MongoDB's extended JSON
        value = value["$date"]
    if isinstance(value, dict) and "$numberLong" in value:  # and its canonical form
        value = int(value["$numberLong"])
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    read = datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)

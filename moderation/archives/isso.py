"""Isso: its SQLite database, `comments.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from moderation.archives.archived import Archived, BadRow, NotAnArchive, time_of

_STATUS = {1: "approved", 2: "held"}


def read(path: Path) -> Iterator[Archived | BadRow]:
    """Comments with their thread. Deleted ones (mode 4) have no text any more and are left out.

    :raises NotAnArchive: no SQLite file, or not Isso's.
    """
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "select c.id, c.parent, c.created, c.mode, c.remote_addr, c.text, c.author, c.email, c.website,"
            " t.uri, t.title from comments c join threads t on t.id = c.tid where c.mode != 4 order by c.id"
        )
        for number, parent, created, mode, ip, text, author, email, website, uri, title in rows:
            status = _STATUS.get(mode)
            if status is None or not (text or "").strip():
                yield BadRow(str(number), f"no text or an unknown mode ({mode})")
                continue
            yield Archived(
                external_id=f"isso-{number}",
                name=author or "",
                email=email or "",
                url=website or "",
                ip=ip or "",
                body=text,
                status=status,
                created_at=time_of(created),
                article_id=uri or "",
                article_url=uri or "",
                article_title=title or "",
                parent_id=f"isso-{parent}" if parent else "",
            )
    except sqlite3.DatabaseError as error:
        raise NotAnArchive(f"{path.name} is not Isso's database: {error}") from error
    finally:
        connection.close()

"""What the site knows about comments: what its readers sent, and what webhooks said since.

There is no column for an e-mail address, an IP address or a user agent: they are passed on and forgotten.
"""

import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import current_app, g

_SCHEMA = """
CREATE TABLE IF NOT EXISTS comments (
  external_id  TEXT PRIMARY KEY,       -- ours, sent with the comment
  btl_id       TEXT UNIQUE,            -- theirs; NULL until they have answered
  article      TEXT NOT NULL,
  parent       TEXT,                   -- external_id of the comment that this one answers
  reader       TEXT,                   -- random name of the browser that sent it; NULL when it came otherwise
  name         TEXT NOT NULL,
  body         TEXT NOT NULL,
  new_body     TEXT,                   -- its author's new version while readers still see the old one
  status       TEXT NOT NULL,          -- pending, held, approved, rejected, withdrawn, erased
  was_public   INTEGER NOT NULL DEFAULT 0,
  edited       INTEGER NOT NULL DEFAULT 0,
  why          TEXT,                   -- kind of reason for a rejection, for its author
  appeal       TEXT,                   -- asked, upheld, overturned
  answer       TEXT,                   -- what the person who looked again wrote to the author
  sequence     INTEGER NOT NULL DEFAULT 0,  -- of the last event that was applied
  sent_at      TEXT NOT NULL           -- UTC, ISO 8601
);
CREATE INDEX IF NOT EXISTS comments_of_article ON comments (article, status, sent_at);
CREATE TABLE IF NOT EXISTS heard (webhook_id TEXT PRIMARY KEY, heard_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""
THREADS_PER_PAGE = 40
# What an author is told, by the names of attributes and of moderators' reasons.
KINDS_OF_REASON = {
    "spam": {"spam", "SPAM", "AD"},
    "threat": {"threat", "HARASSMENT_BULLYING"},
    "hatred": {"identity_attack", "HATE_SPEECH"},
    "insult": {"toxicity", "severe_toxicity", "obscene", "insult", "OFFENSIVE", "ABUSIVE", "BANNED_WORD"},
}


def prepare(path: Path) -> bytes:
    """Create what is missing in the database; answer the key that signs this site's cookies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_connect(path)) as db, db:
        db.executescript(_SCHEMA)
        if "new_body" not in {row["name"] for row in db.execute("PRAGMA table_info(comments)")}:
            db.execute("ALTER TABLE comments ADD COLUMN new_body TEXT")
        db.execute(
            "INSERT OR IGNORE INTO secrets (name, value) VALUES ('cookies', ?)", (secrets.token_bytes(32),)
        )
        return db.execute("SELECT value FROM secrets WHERE name = 'cookies'").fetchone()["value"]


def database() -> sqlite3.Connection:
    """This request's connection."""
    if "db" not in g:
        g.db = _connect(current_app.config["DATABASE"])
    return g.db


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    # What is deleted is overwritten, not merely unlinked: an erased text must be gone from the file.
    db.execute("PRAGMA secure_delete = ON")
    return db


def comment_of(db: sqlite3.Connection, external_id: str) -> sqlite3.Row | None:
    return db.execute("SELECT * FROM comments WHERE external_id = ?", (external_id,)).fetchone()


def keep_for_reader(
    db: sqlite3.Connection,
    *,
    external_id: str,
    article: str,
    parent: str | None,
    reader: str,
    name: str,
    body: str,
) -> None:
    """Remember a comment before it is sent, so that a webhook that is faster than the answer finds it."""
    with db:
        db.execute(
            "INSERT INTO comments (external_id, article, parent, reader, name, body, status, sent_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'pending', ?) "
            # Heard of before we knew whose it is: the answer got lost, and the reader sent it again.
            "ON CONFLICT (external_id) DO UPDATE SET reader = excluded.reader",
            (external_id, article, parent, reader, name, body, _now()),
        )


def note_taken(db: sqlite3.Connection, external_id: str, btl_id: str) -> None:
    with db:
        db.execute("UPDATE comments SET btl_id = ? WHERE external_id = ?", (btl_id, external_id))


def forget_unsent(db: sqlite3.Connection, external_id: str) -> None:
    """Drop a comment that was not taken, unless a webhook says that it was after all."""
    with db:
        db.execute("DELETE FROM comments WHERE external_id = ? AND sequence = 0", (external_id,))


def note_edit(db: sqlite3.Connection, external_id: str, body: str) -> None:
    """Keep a new version that was taken: readers see the old one, if any, until it has been judged."""
    with db:
        db.execute(
            "UPDATE comments SET new_body = iif(status = 'approved', ?, NULL), "
            "body = iif(status = 'approved', body, ?), why = NULL, appeal = NULL, answer = NULL, "
            "status = iif(status = 'approved', status, 'pending') WHERE external_id = ?",
            (body, body, external_id),
        )


def note_withdrawal(db: sqlite3.Connection, external_id: str) -> None:
    with db:
        _drop_text(db, external_id, "withdrawn")


def note_appeal(db: sqlite3.Connection, external_id: str) -> None:
    with db:
        db.execute("UPDATE comments SET appeal = 'asked' WHERE external_id = ?", (external_id,))


def counts_by_article(db: sqlite3.Connection) -> dict[str, int]:
    rows = db.execute(
        "SELECT article, count(*) AS n FROM comments WHERE status = 'approved' GROUP BY article"
    )
    return {row["article"]: row["n"] for row in rows}


def threads_of(
    db: sqlite3.Connection, article: str, reader: str, page: int = 1
) -> tuple[list[dict[str, Any]], bool]:
    """Threads of an article as one reader may see them, newest thread first, answers in the order they came.

    :param page: from 1; 40 threads each.
    :return: the threads, and whether older ones follow. A comment is a dict of its row, with ``answers`` (a
        flat list of the same; ``answers_name`` says whom, where it is not the first), ``is_public`` and
        ``is_own``. What is neither public nor the reader's own appears only as the empty head of a thread
        that lives on.
    """
    rows = db.execute(
        "SELECT * FROM comments WHERE article = ? AND (status = 'approved' OR was_public OR reader = ?) "
        "ORDER BY sent_at, external_id",
        (article, reader),
    ).fetchall()
    nodes = {row["external_id"]: _node(row, reader) for row in rows}
    roots = _roots(nodes)
    threads: dict[str, dict[str, Any]] = {}
    for external_id, node in nodes.items():
        if roots[external_id] == external_id:
            threads[external_id] = node
    for external_id, node in nodes.items():
        if roots[external_id] != external_id and (node["is_public"] or node["is_own"]):
            threads[roots[external_id]]["answers"].append(node)
            if node["parent"] != roots[external_id] and nodes[node["parent"]]["is_public"]:
                node["answers_name"] = nodes[node["parent"]]["name"]
    visible = [
        node for node in reversed(threads.values()) if node["is_public"] or node["is_own"] or node["answers"]
    ]
    first = (page - 1) * THREADS_PER_PAGE
    return visible[first : first + THREADS_PER_PAGE], len(visible) > first + THREADS_PER_PAGE


def _node(row: sqlite3.Row, reader: str) -> dict[str, Any]:
    is_public = row["status"] == "approved"
    is_own = (
        row["reader"] is not None and row["reader"] == reader and row["status"] not in ("withdrawn", "erased")
    )
    return {**dict(row), "answers": [], "answers_name": "", "is_public": is_public, "is_own": is_own}


def _roots(nodes: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The comment that each thread began with. Without recursion: strangers decide how deep a thread goes."""
    roots: dict[str, str] = {}
    for external_id in nodes:
        path = []
        while external_id not in roots:
            path.append(external_id)
            parent = nodes[external_id]["parent"]
            if parent not in nodes or parent in path:
                roots[external_id] = external_id
            else:
                external_id = parent
        roots.update(dict.fromkeys(path, roots[external_id]))
    return roots


def apply_event(db: sqlite3.Connection, webhook_id: str, kind: str, data: dict[str, Any]) -> str:
    """Take one verified event over, once and in order, in one transaction.

    :param kind: e.g. ``comment.approved``.
    :param data: the event's ``data``.
    :return: ``applied``, ``repeated`` (this id was heard before) or ``stale`` (something newer was heard).
    :raises KeyError, TypeError, ValueError: for a document that is not such an event; nothing is changed.
    """
    with db:
        heard = db.execute("INSERT OR IGNORE INTO heard VALUES (?, ?)", (webhook_id, _now()))
        if heard.rowcount == 0:
            return "repeated"
        # Retries end after about 76 hours; a fortnight is ample.
        db.execute("DELETE FROM heard WHERE heard_at < ?", (_stamp(datetime.now(UTC) - timedelta(days=14)),))
        outcome = _apply_to_comment(db, kind, data)
    if kind == "comment.erased":
        # The write-ahead log held the text too.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return outcome


def _apply_to_comment(db: sqlite3.Connection, kind: str, data: dict[str, Any]) -> str:
    btl_id, sequence = str(data["id"]), int(data["sequence"])
    external_id = str(data.get("external_id") or btl_id)
    db.execute(
        "INSERT OR IGNORE INTO comments (external_id, btl_id, article, parent, name, body, status, sent_at) "
        "VALUES (?, ?, ?, ?, '', '', 'pending', ?)",
        (
            external_id,
            btl_id,
            str((data.get("article") or {}).get("id") or ""),
            (data.get("parent") or {}).get("id"),
            data.get("submitted_at") or _now(),
        ),
    )
    known = comment_of(db, external_id)
    if known is None or sequence <= known["sequence"]:
        return "stale"
    db.execute(
        "UPDATE comments SET btl_id = ?, sequence = ? WHERE external_id = ?", (btl_id, sequence, external_id)
    )

    if kind in ("comment.approved", "comment.edited"):
        db.execute(
            "UPDATE comments SET status = 'approved', was_public = 1, name = ?, body = ?, new_body = NULL, "
            "edited = max(edited, ?), why = NULL, appeal = NULL, answer = NULL WHERE external_id = ?",
            (str(data["name"]), str(data["body"]), int(kind == "comment.edited"), external_id),
        )
    elif kind == "comment.erased":
        _drop_text(db, external_id, "erased")
    elif kind in ("comment.held", "comment.rejected", "comment.retracted"):
        status = str(data.get("status") or kind.removeprefix("comment."))
        if status not in ("held", "rejected"):
            _drop_text(db, external_id, "withdrawn")
        elif known["reader"] is None:
            # Nobody on this site may see it, so nothing of it is kept.
            _drop_text(db, external_id, status)
        else:
            db.execute(
                "UPDATE comments SET status = ?, why = ?, body = coalesce(new_body, body), new_body = NULL "
                "WHERE external_id = ?",
                (status, _why(data.get("reasons") or []), external_id),
            )
    elif kind == "appeal.decided":
        db.execute(
            "UPDATE comments SET appeal = ?, answer = ? WHERE external_id = ?",
            (str(data["outcome"]), str(data.get("answer") or ""), external_id),
        )
    return "applied"


def _why(reasons: list[dict[str, Any]]) -> str | None:
    """The kind of the first reason that an author can make sense of; scores stay with the moderators."""
    for reason in reasons:
        for kind, names in KINDS_OF_REASON.items():
            if reason.get("name") in names:
                return kind
    return None


def _drop_text(db: sqlite3.Connection, external_id: str, status: str) -> None:
    db.execute(
        "UPDATE comments SET status = ?, name = '', body = '', new_body = NULL, why = NULL, appeal = NULL, "
        "answer = NULL, reader = iif(? = 'erased', NULL, reader) WHERE external_id = ?",
        (status, status, external_id),
    )


def _now() -> str:
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")

"""The live desk: what others decide leaves an open page within half a second (server-sent events).

Gunicorn gives each request a thread for as long as the answer lasts, and there are four or eight of them. A
stream that lasts would hold one for each open page. So the request only begins the answer: it then takes the
connection away from the server (``socket.detach``) and hands it to one thread of this process, which looks at
the database twice a second, once for all pages, and writes to all of them. An open page costs a file
descriptor and no thread; no open page, no look.

The rows are the truth here too: nothing depends on Redis, and every web process looks for itself. A page that
gets no stream (another server, too many pages: 204) or hears nothing on it (a proxy that holds answers back)
goes on asking every few seconds (static/live.js).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as AnyResponse

from moderation import leases, moves
from moderation.logs import log_of
from moderation.store import Database
from service.review.desk import bp, me, rights, utcnow

TICK_SECONDS = 0.4
#: The page takes silence of twice this for a stream that a proxy holds back.
BEAT_SECONDS = 8.0
#: Then the page asks anew, and whoever was signed out or lost a role meanwhile gets no more.
LIFE_SECONDS = 120.0
#: Pages with a stream in one process; those beyond it ask every few seconds instead.
MOST_STREAMS = 200
#: A decision counts from its commit, but its id from a moment before.
_LOOK_BACK = timedelta(seconds=5)
_BEAT = b"event: beat\ndata:\n\n"
_NAME = "below-the-line-live"


@dataclass(eq=False)
class _Stream:
    """One open page: its connection, and what it may be told of."""

    connection: socket.socket
    person_id: str
    site_ids: frozenset[str]
    ends_at: float
    beats_at: float = 0.0
    busy: list[str] = field(default_factory=list)

    def is_closed(self) -> bool:
        """Whether the browser went away. It has nothing to say, so anything to read is the end."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        if not poll.poll(0):
            return False
        try:
            return not self.connection.recv(4096)
        except OSError:
            return True

    def send(self, data: bytes) -> bool:
        """:return: False when it did not go out at once: nobody waits for a slow reader."""
        try:
            return self.connection.send(data) == len(data)
        except OSError:
            return False


class Live:
    """The streams of this process and the one thread that serves them, there while there are any."""

    def __init__(self, kept: Database) -> None:
        self._database = kept
        self._begin()
        _ALL.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._streams: list[_Stream] = []
        self._thread: threading.Thread | None = None

    @property
    def has_room(self) -> bool:
        return len(self._streams) < MOST_STREAMS

    def add(self, stream: _Stream) -> None:
        with self._lock:
            self._streams.append(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        # decision ids told before; without those taken before the first stream came
        told: set[str] = set()
        is_first = True
        while True:
            time.sleep(TICK_SECONDS)
            with self._lock:
                if not self._streams:
                    self._thread = None
                    return
                streams = list(self._streams)
            try:
                moved, told, busy = self._look(told, is_quiet=is_first)
                is_first = False
            except SQLAlchemyError as error:
                # No beat either: the pages take the silence for what it is, and ask by themselves.
                log_of(__name__).warning("live_failed", error=type(error).__name__)
                moved, busy = {}, None
            for stream in streams:
                if not self._serve(stream, moved, busy):
                    self._drop(stream)

    def _look(
        self, told: set[str], *, is_quiet: bool
    ) -> tuple[Mapping[str, tuple[str, list[str]]], set[str], list[Any]]:
        now = utcnow()
        with self._database.reading() as session:
            recent = moves.moved_since(session, now - _LOOK_BACK)
            fresh = set() if is_quiet else {recent[one] for one in recent.keys() - told}
            places = moves.places_of(session, fresh) if fresh else {}
            return places, set(recent), list(leases.open_now(session, now))

    def _serve(
        self,
        stream: _Stream,
        moved: Mapping[str, tuple[str, list[str]]],
        busy_rows: list[Any] | None,
    ) -> bool:
        """Tell one page what concerns it; False when its stream is over."""
        at = time.monotonic()
        if at > stream.ends_at or stream.is_closed():
            return False
        said = b""
        theirs = {one: views for one, (site_id, views) in moved.items() if site_id in stream.site_ids}
        if theirs:
            said += _event("moved", json.dumps(theirs, separators=(",", ":")))
        if busy_rows is not None:
            busy = leases.busy_with_others(busy_rows, person_id=stream.person_id, site_ids=stream.site_ids)
            if busy != stream.busy:
                stream.busy = busy
                said += _event("busy", " ".join(busy))
            if at >= stream.beats_at:
                stream.beats_at = at + BEAT_SECONDS
                said += _BEAT
        return stream.send(said) if said else True

    def _drop(self, stream: _Stream) -> None:
        with self._lock:
            self._streams.remove(stream)
        with contextlib.suppress(OSError):
            stream.connection.close()


class _Taken(Response):
    """An answer whose head goes out here, and whose connection then belongs to the live thread."""

    def __init__(self, live: Live, person_id: str, site_ids: Iterable[str]) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self.live, self.person_id, self.site_ids = live, person_id, frozenset(site_ids)
        # Nginx holds answers back unless it is told not to.
        self.headers["X-Accel-Buffering"] = "no"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        asked: socket.socket = environ["gunicorn.socket"]
        headers = self.get_wsgi_headers(environ)
        headers.remove("Content-Length")
        headers["Connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 200 OK\r\n{lines}\r\nretry: 3000\n\n".encode("latin-1")
        # Gunicorn shuts a connection down when it is done; detached, it holds nothing to shut down.
        connection = socket.socket(fileno=asked.detach())
        connection.setblocking(False)
        stream = _Stream(connection, self.person_id, self.site_ids, ends_at=time.monotonic() + LIFE_SECONDS)
        if stream.send(head + _BEAT):
            stream.beats_at = time.monotonic() + BEAT_SECONDS
            self.live.add(stream)
        else:
            connection.close()
        # What gunicorn understands as "somebody took the connection": it answers nothing more.
        raise StopIteration


def register(app: Flask, kept: Database) -> None:
    app.extensions[_NAME] = Live(kept)


@bp.get("/live")
def live() -> AnyResponse:
    """The stream of an open page, or 204: ask every few seconds instead."""
    served: Live = current_app.extensions[_NAME]
    if not _can_be_taken(request.environ) or not served.has_room:
        return Response(status=204)
    return _Taken(served, me().id, rights().site_ids())


def _can_be_taken(environ: Mapping[str, Any]) -> bool:
    """Whether the server is one whose plain connection may be taken over."""
    connection = environ.get("gunicorn.socket")
    is_plain = isinstance(connection, socket.socket) and not isinstance(connection, ssl.SSLSocket)
    return is_plain and environ.get("SERVER_PROTOCOL") == "HTTP/1.1"


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _begin_again() -> None:
    """In a forked child the parent's thread is not there, and its lock may be held for ever."""
    for one in _ALL:
        one._begin()


_ALL: weakref.WeakSet[Live] = weakref.WeakSet()
os.register_at_fork(after_in_child=_begin_again)

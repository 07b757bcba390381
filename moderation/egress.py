"""Outgoing requests that cannot be turned inward (server-side request forgery).

A site's owner types an address and we call it, from inside the operator's network. So every
connection is opened here: the name is resolved once, every address it has must be public, and the
socket goes to exactly the address that was looked at, so that a name which answers differently the
second time (DNS rebinding) finds nobody asking a second time. The Host header, the server name in TLS and
the certificate check keep the name. No redirect is followed, no proxy variable is read.

The transport is urllib3's, with connections kept alive; only the opening of sockets is ours
(docs/adr/0007-outgoing-requests.md).
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,
)

from moderation.targets import TargetRefused, Targets, parsed

CONNECT_SECONDS = 5.0
#: From the first packet to the last byte of the answer; a trickle cannot stretch it.
TOTAL_SECONDS = 15.0
#: What is read of an answer so that its connection can be used again; a longer one is hung up on.
LONGEST_ANSWER = 64 * 1024
#: Connections kept open to one receiver, and receivers with any kept open.
KEPT_EACH, KEPT_RECEIVERS = 8, 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    :param status: the HTTP status, or None when there was no answer.
    :param retry_after: the header as it came, or None.
    :param error: why there was no answer, in words for the site's owner; else empty.
    """

    status: int | None
    retry_after: str | None = None
    error: str = ""


class Egress:
    """Sends POSTs outward; safe to share between threads, one for each process.

    :param targets: what may be called.
    :param tls: trusted certificates; None takes the system's (SSL_CERT_FILE) and certifi's.
    """

    def __init__(self, targets: Targets, *, tls: ssl.SSLContext | None = None) -> None:
        self._targets = targets
        self._local = threading.local()
        self._watchdog = _Watchdog()
        if tls is None:
            tls = ssl.create_default_context()
            tls.load_verify_locations(certifi.where())
        # Retries are the schedule's, redirects nobody's. PoolManager reads no proxy variables.
        self._pool = urllib3.PoolManager(KEPT_RECEIVERS, maxsize=KEPT_EACH, retries=False, ssl_context=tls)
        self._pool.pool_classes_by_scheme = _pool_classes(self._open, self._local)

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = TOTAL_SECONDS
    ) -> Answer:
        """Send one request; whatever happens is told in the answer, nothing is raised."""
        started = time.monotonic()
        attempt = self._local.attempt = _Attempt(deadline=started + seconds)
        self._watchdog.watch(attempt)
        try:
            parsed(url)
            try:
                return self._post(url, body, headers, seconds)
            except ProtocolError:
                # A receiver may close an idle connection just as we use it: that is no fault of its,
                # and the same id sent twice is one event.
                if not attempt.reused or attempt.is_over:
                    raise
                return self._post(url, body, headers, attempt.deadline - time.monotonic())
        except TargetRefused as refused:
            return Answer(None, error=str(refused))
        except (HTTPError, OSError, ValueError) as error:
            return Answer(None, error=_in_words(error, attempt, seconds))
        finally:
            attempt.finish()
            self._local.attempt = None

    def close(self) -> None:
        """Hang up everywhere."""
        self._pool.clear()
        self._watchdog.stop()

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        seconds = max(seconds, 0.01)
        response = self._pool.urlopen(
            "POST",
            url,
            body=body,
            headers=dict(headers),
            redirect=False,
            preload_content=False,
            decode_content=False,  # a small answer that unpacks to gigabytes stays small
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
        )
        if self._local.attempt.is_over:
            response.close()  # what was cut off in the middle of its headers is no answer
            raise ProtocolError("over")
        answer = Answer(response.status, response.headers.get("retry-after"))
        # The status is the answer. The rest is read only to use the connection again.
        length = response.headers.get("content-length", "0")
        is_short = length.isdigit() and len(length) < 10 and int(length) <= LONGEST_ANSWER
        try:
            if is_short and len(response.read(LONGEST_ANSWER + 1)) <= LONGEST_ANSWER:
                response.release_conn()
        except (HTTPError, OSError):
            pass  # the answer stands, though its rest was cut off
        finally:
            response.close()
        return answer

    def _open(self, connection: HTTPConnection) -> socket.socket:
        """A socket to an address that was looked at; the only place where one is opened."""
        attempt: _Attempt = self._local.attempt
        last: OSError = OSError("no address")
        host = connection._dns_host
        try:
            addresses = self._targets.addresses(host, int(connection.port or 0))
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        for family, address in addresses:
            opened = socket.socket(family, socket.SOCK_STREAM)
            try:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.settimeout(max(0.01, min(CONNECT_SECONDS, attempt.deadline - time.monotonic())))
                attempt.hold(opened)
                opened.connect(address)
                return opened
            except OSError as error:
                opened.close()
                last = error
        raise NewConnectionError(connection, str(last)) from last


@dataclass(slots=True)
class _Attempt:
    """One request under way: what the watchdog needs to end it."""

    deadline: float
    reused: bool = False
    is_over: bool = False
    _handle: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, opened: socket.socket) -> None:
        """Keep a second handle on the connection: the first one is handed on to TLS and closed there."""
        with self._lock:
            self._drop()
            self._handle = socket.socket(fileno=os.dup(opened.fileno()))
            if self.is_over:
                self._hang_up()

    def expire(self) -> None:
        """End the connection whatever it is doing: connecting, shaking hands, sending or reading."""
        with self._lock:
            self.is_over = True
            self._hang_up()

    def finish(self) -> None:
        with self._lock:
            self._drop()

    def _hang_up(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class _Watchdog:
    """Ends attempts at their deadline. A socket's own time-out starts anew with every byte received."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, _Attempt]] = []
        self._number = itertools.count()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def watch(self, attempt: _Attempt) -> None:
        with self._condition:
            heapq.heappush(self._waiting, (attempt.deadline, next(self._number), attempt))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="egress-watchdog", daemon=True)
                self._thread.start()
            if self._waiting[0][2] is attempt:
                self._condition.notify()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._stopped:
                    left = self._waiting[0][0] - time.monotonic() if self._waiting else None
                    if left is not None and left <= 0:
                        break
                    self._condition.wait(left)
                if self._stopped:
                    return
                attempt = heapq.heappop(self._waiting)[2]
            attempt.expire()


def _pool_classes(open_socket: Callable[[HTTPConnection], socket.socket], local: threading.local) -> Any:
    """Connection pools of urllib3 whose every socket is opened by ``open_socket``."""

    class Pinned:
        sock: Any

        def _new_conn(self) -> socket.socket:
            return open_socket(self)  # type: ignore[arg-type]

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None and not getattr(self, "is_fresh", True):
                local.attempt.reused = True
                local.attempt.hold(self.sock)
            self.is_fresh = False
            super().request(*args, **kwargs)  # type: ignore[misc]

        def close(self) -> None:
            self.is_fresh = True
            super().close()  # type: ignore[misc]

    class Plain(Pinned, HTTPConnection):
        pass

    class Encrypted(Pinned, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _in_words(error: Exception, attempt: _Attempt, seconds: float) -> str:
    """Why there was no answer. Only the kind of the error: its text may hold the receiver's bytes."""
    if attempt.is_over:
        return f"No answer within {seconds:g} s."
    if isinstance(error, NameResolutionError):
        return "The name of the host could not be resolved."
    if isinstance(error, NewConnectionError):
        return f"No connection: {getattr(error.__cause__, 'strerror', None) or 'it timed out'}."
    if isinstance(error, TimeoutError):
        return f"No answer within {seconds:g} s."
    if isinstance(error, SSLError):
        reason = getattr(error.args[0] if error.args else None, "verify_message", "")
        return f"No secure connection: {reason or 'the TLS handshake failed'}."
    return "The connection broke before there was an answer."

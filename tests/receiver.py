"""A webhook receiver over real HTTP that does what a test tells it to, and remembers what it got."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body)


#: Gets the request and the handler; returns (status, headers, body), or None when it wrote by itself.
Behaviour = Callable[[Got, BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes] | None]


def answering(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """:param headers: with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda got, handler: (status, named, body)


def hanging(seconds: float) -> Behaviour:
    """Takes the request and is silent; ends early when the receiver is closed."""

    def behave(got: Got, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        handler.server.closing.wait(seconds)  # type: ignore[attr-defined]
        return 200, {}, b""

    return behave


def resetting(got: Got, handler: BaseHTTPRequestHandler) -> None:
    """Breaks the connection without an answer (RST)."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def flooding(got: Got, handler: BaseHTTPRequestHandler) -> None:
    """Answers 200 with a gigabyte, for as long as somebody reads it."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("content-length", str(10**9))
    handler.end_headers()
    chunk = bytes(65536)
    with contextlib.suppress(OSError):
        for _ in range(10**9 // len(chunk)):
            handler.wfile.write(chunk)
            handler.server.flooded += len(chunk)  # type: ignore[attr-defined]


def trickling(got: Got, handler: BaseHTTPRequestHandler) -> None:
    """Sends a header a byte at a time, each in time, without an end."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not handler.server.closing.wait(0.05):  # type: ignore[attr-defined]
            handler.wfile.write(b"a")


@dataclass
class Receiver:
    """``behave`` may be replaced at any time; ``got`` holds every request in order of arrival."""

    behave: Behaviour = answering(204)
    got: list[Got] = field(default_factory=list)
    _server: Any = None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hooks"

    @property
    def connections(self) -> int:
        return len({got.peer for got in self.got})

    @property
    def flooded(self) -> int:
        """Bytes of a flood that were taken from us."""
        return int(self._server.flooded)

    def wait_for(self, is_so: Callable[[Receiver], bool], seconds: float = 20) -> None:
        """Wait for a condition, and fail the test when it does not come."""
        until = time.monotonic() + seconds
        while not is_so(self):
            assert time.monotonic() < until, f"waited {seconds} s; got {len(self.got)} requests"
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        got = Got(time.time(), self.path, headers, body, self.client_address)
        receiver.got.append(got)
        answer = receiver.behave(got, self)
        if answer is None:
            return
        status, headers, body = answer
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, receiver: Receiver, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.receiver, self.closing, self.flooded = receiver, threading.Event(), 0
        self._open: set[socket.socket] = set()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def get_request(self) -> tuple[Any, Any]:
        request, address = super().get_request()
        self._open.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: Any) -> None:
        pass

    def close_all(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()
        for request in list(self._open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def receiving(
    behave: Behaviour = answering(204), *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """A receiver on a free port of this machine; closing it breaks every open connection."""
    receiver = Receiver(behave)
    server = receiver._server = _Server(receiver, port, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.close_all()
        thread.join(timeout=5)

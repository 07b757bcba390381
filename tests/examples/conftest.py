"""The example news site on a real port, and a stand-in for the API that lies outside of it."""

from __future__ import annotations

import base64
import json
import re
import socket
import sqlite3
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from standardwebhooks import Webhook
from werkzeug.serving import WSGIRequestHandler, make_server

from examples.news_site import create_app

SECRET = "whsec_" + base64.b64encode(b"a secret of at least 24 bytes").decode()
EMAIL = "ann.secret@example.org"


class StandIn(ThreadingHTTPServer):
    """Answers the calls that the site makes, and keeps what it was sent.

    :ivar calls: (path, headers, document) in the order they came.
    :ivar answer: status and document of the next answers; None: taken.
    :ivar token: what a shown form is given; None: that call fails.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Calls)
        self.calls: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answer: tuple[int, dict[str, Any]] | None = None
        self.token: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Calls(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        if self.path == "/v1/form-token":
            self._say(*((201, {"form_token": self.server.token}) if self.server.token else (503, {})))
            return
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_form = "form-urlencoded" in self.headers["Content-Type"]
        document = dict(parse_qsl(sent)) if is_form else json.loads(sent)
        self.server.calls.append((self.path, dict(self.headers), document))
        self._say(*(self.server.answer or (202, {"id": uuid.uuid4().hex, "status": "pending"})))

    do_PUT = do_POST

    def do_DELETE(self) -> None:
        self.server.calls.append((self.path, dict(self.headers), {}))
        self._say(*(self.server.answer or (204, {})))

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def api() -> Iterator[StandIn]:
    with serving(StandIn()) as server:
        yield server


@dataclass
class NewsSite:
    url: str
    database: Path
    sequence: int = 0
    sent: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def announce(self, kind: str, **data: Any) -> requests.Response:
        """Tell the site of an event as Below the Line does, signed by the public library."""
        self.sequence += 1
        return self.deliver(*signed(kind, {"sequence": self.sequence, **data}))

    def deliver(self, headers: dict[str, str], body: bytes) -> requests.Response:
        self.sent.append((headers, body))
        return requests.post(f"{self.url}/webhooks", data=body, headers=headers, timeout=10)

    def publish(self, external_id: str, body: str, *, name: str = "Ann", article: str = "ferry", **more: Any):
        return self.announce(
            "comment.approved",
            id=f"btl-{external_id}",
            external_id=external_id,
            status="approved",
            article={"id": article},
            name=name,
            body=body,
            **more,
        )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(query, values).fetchall()


def signed(
    kind: str, data: dict[str, Any], *, secret: str = SECRET, age_seconds: float = 0, webhook_id: str = ""
) -> tuple[dict[str, str], bytes]:
    now = datetime.now(UTC) - timedelta(seconds=age_seconds)
    webhook_id = webhook_id or f"evt_{uuid.uuid4().hex}"
    body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data})
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, now, body),
        "Content-Type": "application/json",
    }
    return headers, body.encode()


@pytest.fixture
def news_site(api: StandIn, tmp_path: Path) -> Iterator[NewsSite]:
    database = tmp_path / "news" / "site.sqlite3"
    app = create_app(
        {
            "BTL_API_URL": api.url,
            "BTL_SITE_KEY": "btl_key_of_the_site",
            "BTL_WEBHOOK_SECRET": SECRET,
            "NEWS_SITE_DATABASE": str(database),
        }
    )
    with serving(make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)) as server:
        yield NewsSite(f"http://127.0.0.1:{server.server_port}", database)


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None, "the process ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("it does not listen")


class Reader:
    """A browser without JavaScript: a cookie jar that fills in forms as they stand on the page."""

    def __init__(self, site: NewsSite) -> None:
        self.site = site
        self.session = requests.Session()

    def page(self, path: str) -> str:
        return self.session.get(self.site.url + path, timeout=10).text

    def submit(self, path: str, **typed: str) -> requests.Response:
        """Open a page, fill in its form and send it."""
        return self.send(self.page(path), path, **typed)

    def send(self, page: str, path: str, **typed: str) -> requests.Response:
        form = re.search(r'<form method="post"(?: action="([^"#]*)[^"]*")?.*?</form>', page, re.DOTALL)
        assert form, page
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0])
        values = {name: unescape(value) for name, value in hidden} | typed
        return self.session.post(self.site.url + (form[1] or path), data=values, timeout=10)

    def comment(self, body: str, article: str = "ferry", **typed: str) -> requests.Response:
        return self.submit(f"/articles/{article}", body=body, **{"name": "Ann", "email": EMAIL} | typed)

    def close(self) -> None:
        self.session.close()


@pytest.fixture
def reader(news_site: NewsSite) -> Iterator[Reader]:
    with closing(Reader(news_site)) as opened:
        yield opened


@pytest.fixture
def other_reader(news_site: NewsSite) -> Iterator[Reader]:
    with closing(Reader(news_site)) as opened:
        yield opened

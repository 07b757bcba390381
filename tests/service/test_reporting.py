"""Errors and traces reach the operator's own collectors, and carry nobody's words, address or key."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

#: What a stranger sends, in every place where it could leak from.
WORDS = "unmistakable-words"
ADDRESS = "ada.unmistakable@example.org"
KEY = "btl_unmistakable_key"
AGENT = "unmistakable-agent"


@pytest.fixture
def collector() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server that takes whatever it is sent; path -> everything received there."""
    received: dict[str, bytes] = {}

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received[self.path] = received.get(self.path, b"") + body
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def run(source: str, environment: dict[str, str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr


WEB = f"""
    from sqlalchemy import text
    from service import create_app, door

    app = create_app()

    @app.route("/broken")
    def broken():
        body = "{WORDS}"
        raise RuntimeError("{WORDS} of {ADDRESS}")

    from service import auth
    auth.allow(app, {{"broken": auth.OPEN}})
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    headers = {{"User-Agent": "{AGENT}", "Authorization": "Bearer {KEY}"}}
    assert client.get("/broken?key={KEY}&text={WORDS}", headers=headers).status_code == 500
    with app.app_context(), door.database().reading() as session:
        session.execute(text("SELECT :words"), {{"words": "{WORDS}"}})
    client.post("/v1/comments?key={KEY}", json={{"body": "{WORDS}", "email": "{ADDRESS}"}}, headers=headers)
"""


def test_an_error_reaches_sentry_without_its_words(environment, collector):
    host, received = collector
    run(
        WEB + "    import sentry_sdk\n    sentry_sdk.flush(10)\n",
        environment | {"BTL_SENTRY_DSN": f"http://public@{host}/1"},
    )

    sent = received["/api/1/envelope/"]
    assert b"RuntimeError" in sent
    assert b"/broken" in sent
    for secret in (ADDRESS, KEY, AGENT):
        assert secret.encode() not in sent, secret


def test_traces_reach_the_collector_without_keys_or_addresses(environment, collector):
    host, received = collector
    run(
        WEB + "    from opentelemetry import trace\n    trace.get_tracer_provider().shutdown()\n",
        environment | {"BTL_OTLP_ENDPOINT": f"http://{host}"},
    )

    sent = received["/v1/traces"]
    assert b"below-the-line-web" in sent
    assert b"/v1/comments" in sent
    assert b"SELECT" in sent
    for secret in (WORDS, ADDRESS, KEY, AGENT):
        assert secret.encode() not in sent, secret


def test_a_worker_traces_its_tasks(environment, collector):
    host, received = collector
    run(
        """
        from opentelemetry import trace
        from worker import app, reporting

        app.loader.import_default_modules()
        reporting._in_a_child()
        app.tasks["btl.sweep"].apply()
        trace.get_tracer_provider().shutdown()
        """,
        environment | {"BTL_OTLP_ENDPOINT": f"http://{host}"},
    )

    assert b"below-the-line-worker" in received["/v1/traces"]
    assert b"run/btl.sweep" in received["/v1/traces"]


def test_without_these_settings_neither_library_is_loaded(environment):
    run(
        """
        import sys
        from service import create_app

        create_app()
        assert not {"sentry_sdk", "opentelemetry"} & set(sys.modules)
        """,
        environment,
    )

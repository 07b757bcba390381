"""The embedded form and list in Chromium, on a page of another origin with a strict policy of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import WSGIRequestHandler, make_server

from moderation import lifecycle
from moderation.keys import issue_key
from moderation.settings import Settings
from moderation.store import comment_of, open_database
from moderation.tables import Comment
from moderation.vault import vault_of
from service import create_app
from tests.conftest import make_site

pytestmark = pytest.mark.browser
expect.set_options(timeout=20_000)
EMAIL = "ann.secret@example.org"


class Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


class StaticSite(ThreadingHTTPServer):
    """A site that can only serve a page."""

    daemon_threads = True
    html = b""
    policy = ""


class Pages(BaseHTTPRequestHandler):
    server: StaticSite

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Content-Length", str(len(self.server.html)))
        self.end_headers()
        self.wfile.write(self.server.html)

    def log_message(self, *_: object) -> None:
        pass


def started(server: Any) -> Any:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


class Embedded:
    """A static page with the script, and the program that answers it."""

    def __init__(self, settings: Settings) -> None:
        self.database = open_database(settings.database_url)
        self.program = started(
            make_server(
                "127.0.0.1", 0, create_app(settings, self.database), threaded=True, request_handler=Silent
            )
        )
        self.site = started(StaticSite(("127.0.0.1", 0), Pages))
        self.url = f"http://127.0.0.1:{self.site.server_port}"
        vault = vault_of(settings.email_keys, settings.hash_key)
        with self.database.writing() as session:
            row = make_site(session, vault)
            self.site_id, now = row.id, datetime.now(UTC)
            _, self.key = issue_key(
                session, vault, site_id=row.id, now=now, kind="publishable", origins=[self.url]
            )
        self.write_page("en")

    def write_page(self, language: str, direction: str = "ltr") -> None:
        program = f"http://127.0.0.1:{self.program.server_port}"
        self.site.policy = f"default-src 'none'; script-src {program}; connect-src {program}; base-uri 'none'"
        self.site.html = (
            f'<!doctype html><html lang="{language}" dir="{direction}"><head><title>The ferry</title>'
            '<meta name="viewport" content="width=device-width"></head>'
            '<body><main><h1>The ferry</h1><p>It hums.</p><div id="comments"></div></main>'
            f'<script src="{program}/embed.js" data-key="{self.key}" data-article="ferry" defer></script>'
            "</body></html>"
        ).encode()

    def approve_all(self) -> None:
        with self.database.writing() as session:
            for row in session.query(Comment).filter_by(status="pending"):
                comment = comment_of(session, self.site_id, row.id, lock=True)
                lifecycle.decide(
                    session, comment, action="approve", by_kind="site", by_id="", now=datetime.now(UTC)
                )

    def close(self) -> None:
        for server in (self.site, self.program):
            server.shutdown()
            server.server_close()
        self.database.engine.dispose()


@pytest.fixture
def embedded(settings: Settings) -> Iterator[Embedded]:
    opened = Embedded(settings)
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [one for one in complaints if "422" not in one] == []


def write(page: Page, body: str, email: str = EMAIL) -> None:
    page.get_by_role("textbox", name="Comment").fill(body)
    page.get_by_role("textbox", name="Name").fill("Ann")
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("button", name="Post comment").click()


def test_a_comment_waits_for_its_author_alone_and_then_shows_for_all(browser, page, embedded):
    page.goto(embedded.url)
    expect(page.get_by_text("No comments yet.")).to_be_visible()

    write(page, "Hello <b>from</b> a static page.")

    expect(page.get_by_role("status")).to_have_text(
        "Thank you. Your comment will appear once it has been looked at."
    )
    expect(page.get_by_text("Awaiting moderation.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Awaiting moderation.")).to_be_visible()
    embedded.approve_all()
    page.reload()
    expect(page.get_by_text("Awaiting moderation.")).to_have_count(0)

    stranger = browser.new_context().new_page()
    stranger.goto(embedded.url)
    expect(stranger.get_by_text("Hello <b>from</b> a static page.")).to_be_visible()
    assert EMAIL not in stranger.content()
    stranger.context.close()


def test_an_answer_stands_below_what_it_answers(page, embedded):
    page.goto(embedded.url)
    write(page, "Does it run on Sundays?")
    expect(page.get_by_text("Awaiting moderation.")).to_be_visible()
    embedded.approve_all()
    page.reload()

    page.get_by_role("button", name="Reply to Ann").click()
    write(page, "It does.")

    expect(page.locator(".answers").get_by_text("It does.")).to_be_visible()


def test_faults_stand_beside_their_fields_and_nothing_typed_is_lost(page, embedded):
    page.goto(embedded.url)

    write(page, "", email="nonsense")

    expect(page.locator("#fault-body")).to_have_text("Please fill in this field.")
    expect(page.locator("#fault-email")).to_have_text("This does not look like an email address.")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Ann")


def test_a_fault_that_only_the_program_finds_is_shown_too(page, embedded):
    page.goto(embedded.url)

    write(page, "Hello", email="ann@nowhere")

    expect(page.locator("#fault-email")).to_have_text("This does not look like an email address.")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("Hello")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "Kommentar schreiben"),
        ("fr", "Laisser un commentaire"),
        ("es", "Deja un comentario"),
        ("pt-BR", "Deixe um comentário"),
    ],
)
def test_it_speaks_the_language_of_the_page(page, embedded, language, words):
    embedded.write_page(language)

    page.goto(embedded.url)

    expect(page.get_by_role("heading", name=words)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found_and_nothing_scrolls_sideways(page, embedded, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(embedded.url)
    write(page, "W" * 300)
    expect(page.get_by_text("Awaiting moderation.")).to_be_visible()

    # The page's policy forbids scripts from elsewhere: the checker comes in by the browser itself.
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]}})

    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

"""A real browser on a real server with threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from werkzeug.serving import make_server

from tests.desk import PASSWORD, Desk, open_desk

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(settings, sqlite_database) -> Iterator[Desk]:
    """A desk with one site and nothing to decide yet."""
    opened = open_desk(settings, sqlite_database)
    yield opened
    opened.close()


@pytest.fixture
def address(desk) -> Iterator[str]:
    """Where the desk answers."""
    server = make_server("127.0.0.1", 0, desk.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sign_in(browser, address) -> Iterator[Callable[..., object]]:
    """A new browser window in which a person has signed in at the desk.

    Whatever the page's own script or the browser complains about fails the test.
    """
    contexts, complaints = [], []

    def open_window(person, *, path: str = "/desk/held", **options):
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(address + "/desk/sign-in")
        page.fill("#email", person.email)
        page.fill("#password", PASSWORD)
        page.click("button.primary")
        page.wait_for_url("**/desk/held*")
        if path != "/desk/held":
            page.goto(address + path)
        if page.locator("body.at-desk").count():
            page.wait_for_selector("body.with-script")
        return page

    open_window.complaints = complaints
    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []

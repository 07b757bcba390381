"""What a newcomer does in the first two minutes, in a real browser on everything that `make run` starts."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from moderation import policies
from moderation.store import open_database
from moderation.tables import Site
from tests.processes import wait_until
from tests.running import btl_up

pytestmark = [pytest.mark.browser, pytest.mark.processes]
expect.set_options(timeout=30_000)

EMAIL = "hedwig.zirkonquark@example.com"
BODY = "The night boat is a joy, and the timetable fits the last train at last."


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with btl_up(tmp_path_factory.mktemp("life") / "var") as stack:
        stack.wait_until_ready()
        # This newsroom looks at everything first, whatever the model thinks of it.
        database = open_database(f"sqlite:///{stack.data_dir / 'btl.sqlite3'}")
        with database.writing() as session:
            site = session.scalars(select(Site)).one()
            policies.save(session, site.id, {"preset": "pre-moderate"}, now=datetime.now(UTC), by="test")
        database.engine.dispose()
        yield stack


def test_a_reader_writes_a_moderator_approves_and_everyone_can_read_it(running, browser):
    where = running.addresses
    pages = []
    reader = browser.new_context().new_page()
    reader.goto(f"{where['news_site_url']}/articles/ferry")
    reader.locator("[name=body]").fill(BODY)
    reader.locator("[name=name]").fill("Hedwig")
    reader.locator("[name=email]").fill(EMAIL)
    reader.locator(".send button").click()
    expect(reader.get_by_text("Awaiting moderation")).to_be_visible()

    stranger = browser.new_context().new_page()
    stranger.goto(f"{where['news_site_url']}/articles/ferry")
    expect(stranger.get_by_text("The night boat")).to_have_count(0)

    moderator = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    moderator.goto(where["desk_url"])
    moderator.fill("#email", where["moderator_email"])
    moderator.fill("#password", where["moderator_password"])
    moderator.click("button.primary")
    moderator.wait_for_url("**/desk/held*")

    def is_there() -> bool:
        moderator.reload()
        return "The night boat" in moderator.locator("#comment").inner_text()

    wait_until(is_there, "the comment at the desk", 60, every=0.5)
    expect(moderator.locator("#comment")).to_contain_text("looks at every comment before it is published")
    pages.append(moderator.content())
    moderator.wait_for_selector("body.with-script")
    moderator.keyboard.press("f")
    expect(moderator.locator("#comment")).to_contain_text("Nothing waits.")

    # ten seconds for an undo, then the webhook, then the open page of the reader
    expect(reader.get_by_text("Awaiting moderation")).to_have_count(0, timeout=60_000)
    stranger.reload()
    expect(stranger.get_by_text("The night boat")).to_be_visible()
    pages += [reader.content(), stranger.content(), moderator.content()]

    assert not any(EMAIL in page for page in pages)
    logs = "".join(path.read_text(errors="replace") for path in (running.data_dir / "logs").glob("*"))
    for secret in (EMAIL, BODY, where["site_key"], where["webhook_secret"], where["moderator_password"]):
        assert secret not in logs
    with sqlite3.connect(running.data_dir / "btl.sqlite3") as database:
        events = "".join(payload for (payload,) in database.execute("select payload from events"))
    assert "The night boat" in events
    assert EMAIL not in events
    everything = b"".join(path.read_bytes() for path in running.data_dir.glob("*.sqlite3*"))
    assert EMAIL.encode() not in everything

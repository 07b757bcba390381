"""The example site in headless Chromium: with and without JavaScript, narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from .conftest import EMAIL, NewsSite

pytestmark = pytest.mark.browser
# Shared machines are slow at times; a condition is waited for, not a guess.
expect.set_options(timeout=20_000)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def write(page: Page, site: NewsSite, body: str, article: str = "ferry") -> None:
    page.goto(f"{site.url}/articles/{article}")
    page.locator("[name=body]").fill(body)
    page.locator("[name=name]").fill("Ann")
    page.locator("[name=email]").fill(EMAIL)
    page.locator(".send button").click()


def approve(site: NewsSite) -> None:
    external_id, btl_id, body = site.rows("SELECT external_id, btl_id, body FROM comments")[0]
    kept = {"id": btl_id, "external_id": external_id, "article": {"id": "ferry"}, "status": "approved"}
    assert site.announce("comment.approved", **kept, name="Ann", body=body).ok


def test_a_comment_turns_public_on_the_open_page(page, news_site):
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    write(page, news_site, "I heard the buoys.")
    expect(page.get_by_text("Awaiting moderation")).to_be_visible()
    page.evaluate("window.notReloaded = true")

    approve(news_site)

    expect(page.get_by_role("status")).to_have_text("Your comment has been published.")
    expect(page.get_by_text("Awaiting moderation")).to_have_count(0)
    assert page.evaluate("window.notReloaded")
    assert complaints == []


def test_without_javascript_the_same_comment_shows_after_a_reload(browser, news_site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    write(page, news_site, "I heard the buoys.")
    expect(page.get_by_text("Awaiting moderation")).to_be_visible()

    approve(news_site)
    page.reload()

    expect(page.get_by_text("Awaiting moderation")).to_have_count(0)
    expect(page.get_by_text("I heard the buoys.")).to_be_visible()
    context.close()


def test_a_fault_is_in_view_and_tied_to_its_field(page, news_site):
    write(page, news_site, "")

    field = page.get_by_role("textbox", name="Comment")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#fault-body")).to_have_text("Please write a comment.")
    expect(page.locator("#fault-body")).to_be_in_viewport()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Ann")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_scrolls_sideways_and_no_barrier_is_found(browser, news_site, width, scheme):
    news_site.publish("c1", "W" * 300, name="N" * 90)
    news_site.publish("c2", "سافرت ليلاً للمرة الأولى منذ سنوات.", name="سلمى")
    news_site.publish("c3", "A long answer. " * 600, parent={"id": "c2"})
    news_site.publish("c4", "شكراً على هذا المقال.", article="maktaba")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()

    for path in ("/", "/articles/ferry", "/articles/maktaba?reply_to=c4", "/comments/c1/report"):
        page.goto(news_site.url + path)
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow == 0, path
        if (width, scheme) in ((360, "dark"), (1440, "light")):
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
    context.close()

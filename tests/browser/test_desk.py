"""Moderators at work, in a real browser."""

from __future__ import annotations

import os
import re
import time

import pytest
from playwright.sync_api import expect

from moderation.tables import Comment

pytestmark = pytest.mark.browser


def _opened(page) -> str:
    return page.locator("#comment [data-comment]").get_attribute("data-comment")


def _press(page, key: str) -> None:
    """Press a key and wait until another comment is open, or none is left."""
    before = _opened(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "id => document.querySelector('#comment [data-comment]')?.dataset.comment !== id"
        " && !document.querySelector('#comment').classList.contains('asking')",
        arg=before,
    )


def test_a_moderator_clears_the_queue_with_keys_alone(desk, sign_in, capsys):
    count = int(os.environ.get("BTL_TEST_DESK_COMMENTS", "50"))
    comments = [desk.add_comment(f"You are a fool, number {i}.") for i in range(count)]
    page = sign_in(desk.add_person())
    whole_pages = []
    page.on("request", lambda one: whole_pages.append(one.url) if one.resource_type == "document" else None)

    begun = time.monotonic()
    for turn in range(count):
        _press(page, "fds"[turn % 3])
    seconds = time.monotonic() - begun

    expect(page.locator("#comment")).to_contain_text("Nothing waits.")
    expect(page.locator("#rows .row")).to_have_count(0)
    expect(page.locator("#views [aria-current] b")).to_have_text("0")
    assert {desk.status_of(comment) for comment in comments} == {"approved", "rejected"}
    # A key pressed the moment a comment appears must not send its form the slow way, as a page of its own.
    assert whole_pages == []
    with capsys.disabled():
        print(f"\n{count} comments decided by keys in {seconds:.1f} s")


def test_after_an_act_focus_stays_on_the_next_comment_and_the_act_is_said(desk, sign_in):
    for i in range(3):
        desk.add_comment(f"Fool {i}")
    page = sign_in(desk.add_person())

    _press(page, "d")

    page.wait_for_function("id => document.activeElement.dataset.comment === id", arg=_opened(page))
    expect(page.get_by_role("status").filter(has_text="Rejected: Abusive")).to_be_visible()
    expect(page.locator(f"#row-{_opened(page)}")).to_have_class(re.compile("current"))
    assert _opened(page) in page.url


def test_u_takes_an_act_back_and_opens_the_comment_again(desk, sign_in):
    comment = desk.add_comment("Only one.")
    page = sign_in(desk.add_person())
    _press(page, "f")
    assert desk.status_of(comment) == "approved"

    page.keyboard.press("u")

    expect(page.locator(f"#comment [data-comment='{comment.id}']")).to_be_visible()
    expect(page.locator(f"#row-{comment.id}")).to_be_visible()
    expect(page.locator("#told")).to_contain_text("Taken back.")
    assert desk.status_of(comment) == "held"


def test_a_reason_of_the_menu_is_chosen_by_keys(desk, sign_in):
    comment = desk.add_comment("Off topic, but polite.")
    page = sign_in(desk.add_person())

    page.keyboard.press("r")
    page.keyboard.press("8")
    page.keyboard.press("Enter")

    expect(page.locator("#told")).to_contain_text("Rejected: Misinformation")
    assert desk.status_of(comment) == "rejected"


def test_two_moderators_never_get_the_same_comment_and_see_rows_leave(desk, sign_in):
    for i in range(6):
        desk.add_comment(f"Fool {i}")
    first, second = sign_in(desk.add_person("Ana")), sign_in(desk.add_person("Ben"))
    assert _opened(first) != _opened(second)

    decided = _opened(first)
    _press(first, "f")
    assert _opened(first) != _opened(second)
    second.evaluate("htmx.trigger('#pulse', 'pulse')")

    expect(second.locator(f"#row-{decided}")).to_have_count(0)
    expect(second.locator("#views [aria-current] b")).to_have_text("5")


def test_who_was_slower_is_told_and_nothing_is_overwritten(desk, sign_in):
    comment = desk.add_comment("Fool")
    first = sign_in(desk.add_person("Ana"))
    second = sign_in(desk.add_person("Ben"), path=f"/desk/comments/{comment.id}")
    expect(second.locator("#comment")).to_contain_text("Ana has this open.")

    _press(first, "f")
    second.keyboard.press("d")

    expect(second.locator("#told")).to_contain_text("Not saved: someone else was faster, it is approved now.")
    assert desk.status_of(comment) == "approved"


def test_selected_comments_are_decided_at_once_and_taken_back_at_once(desk, sign_in):
    comments = [desk.add_comment(f"Fool {i}") for i in range(5)]
    page = sign_in(desk.add_person())
    for comment in comments[:3]:
        page.check(f"#row-{comment.id} input")

    page.click("#bulk button[value=spam]")

    expect(page.locator("#told")).to_contain_text("Rejected: Spam: 3 comments")
    expect(page.locator("#rows .row")).to_have_count(2)
    assert [desk.status_of(c) for c in comments] == ["rejected"] * 3 + ["held"] * 2
    page.keyboard.press("u")
    expect(page.locator("#rows .row")).to_have_count(5)
    assert {desk.status_of(c) for c in comments} == {"held"}


def test_all_like_this_one_are_counted_first_then_decided(desk, sign_in):
    first = desk.add_comment("Buy now", cluster="c1")
    others = [desk.add_comment("Buy now!", cluster="c1") for _ in range(4)]
    alone = desk.add_comment("Something else")
    page = sign_in(desk.add_person(), path=f"/desk/comments/{first.id}")

    page.keyboard.press("a")
    expect(page.locator("#like-title")).to_have_text("5 comments with almost the same text wait")
    page.keyboard.press("s")

    expect(page.locator("#told")).to_contain_text("5 comments")
    assert {desk.status_of(c) for c in (first, *others)} == {"rejected"}
    assert desk.status_of(alone) == "held"


def test_what_readers_type_never_runs(desk, sign_in):
    bad = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">"\'><svg onload=window.hacked=1>'
    comment = desk.add_comment(
        bad,
        name=bad[:150],
        article={"id": bad[:200], "url": "javascript:window.hacked=1", "title": bad, "section": bad[:90]},
        parent={"id": "p", "body": bad},
        author={"id": "x", "url": "javascript:window.hacked=1", "verified": False},
        language=bad[:15],
        facts={"links": [{"url": "javascript:window.hacked=1", "domain": bad, "host": bad}]},
        signals=[{"name": bad, "evidence": {"text": bad}, "weight": 1}],
        spans={"insult": {"spans": [{"begin": 0, "end": 20, "contribution": 2.0}]}},
        reasons=[{"kind": "rule", "name": bad, "verdict": "hold", "value": None, "threshold": None,
                  "text": bad}],
    )  # fmt: skip
    page = sign_in(desk.add_person("Ana", role="senior"), path=f"/desk/comments/{comment.id}")

    for path in ("held", "decided", "numbers", f"like/author/{comment.id}", f"held?section={bad[:90]}"):
        page.goto(page.url.split("/desk/")[0] + "/desk/" + path)
        assert page.evaluate("window.hacked") is None
        assert page.locator("a[href^='javascript:']").count() == 0
    page.goto(page.url.split("/desk/")[0] + f"/desk/comments/{comment.id}")
    page.keyboard.press("d")
    expect(page.locator("#told [data-told]")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_the_desk_works_without_javascript(desk, browser, address):
    first, second = desk.add_comment("One"), desk.add_comment("Two")
    person = desk.add_person()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "/desk/sign-in")
    page.fill("#email", person.email)
    page.fill("#password", "a long evening by the sea")
    page.click("button.primary")

    page.click("button[value=approve]:has-text('Approve') >> nth=-1")
    expect(page.locator("#told")).to_contain_text("Approved")
    page.click("#told button")

    expect(page.locator("#told")).to_contain_text("Taken back.")
    assert {desk.status_of(first), desk.status_of(second)} == {"held"}
    context.close()


WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# The other theme has the same markup in other colours.
CONTRAST = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
PAGES = ("decided", "reported", "held?text=fool&list=1", "numbers", "deliveries", "people", "account",
         "account/second-factor", "keys", "nowhere")  # fmt: skip


@pytest.mark.parametrize(("scheme", "rules"), [("light", WCAG), ("dark", CONTRAST)])
def test_axe_finds_nothing_on_any_page(desk, sign_in, scheme, rules):
    from axe_playwright_python.sync_playwright import Axe

    for i in range(3):
        desk.add_comment(f"Fool {i}", cluster="c1", language="en", parent={"id": "p", "body": "Before"},
                         spans={"insult": {"spans": [{"begin": 0, "end": 4, "contribution": 2.0}]}})  # fmt: skip
    desk.add_comment("Fine.", outcome="approve")
    page = sign_in(desk.add_person("Root", is_admin=True), color_scheme=scheme)
    home = page.url.split("/desk/")[0]
    found = {}

    def look(name):
        result = Axe().run(page, options={"runOnly": rules})
        if result.violations_count:
            found[name] = result.generate_report()

    _press(page, "f")
    look("held, after an act")
    for key in "rm":
        page.keyboard.press(key)
        look(f"held, menu {key}")
        page.keyboard.press("Escape")
    for path in PAGES:
        page.goto(f"{home}/desk/{path}")
        look(path)
    page.context.clear_cookies()
    page.goto(f"{home}/desk/sign-in")
    look("sign-in")
    assert found == {}, "\n".join(f"{name}: {said}" for name, said in found.items())
    # the page that is not there says so to the console too
    assert [line for line in sign_in.complaints if "404" not in line] == []
    sign_in.complaints.clear()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_scrolls_sideways(desk, sign_in, width):
    bodies = ["W" * 300, "word " * 2000, "هذا المقال رائع " * 20, "\n" * 5 + "end"]
    comments = [desk.add_comment(body, name="N" * 190, parent={"id": "p", "body": "p" * 300},
                                 facts={"links": [{"url": "https://x.example/" + "a" * 400, "domain": "x" * 200}]})
                for body in bodies]  # fmt: skip
    person = desk.add_person("Root", is_admin=True)
    page = sign_in(person, viewport={"width": width, "height": 740})
    home = page.url.split("/desk/")[0]

    wide = []
    for path in (
        "held",
        "numbers",
        "people",
        "deliveries",
        "account",
        "keys",
        *(f"comments/{c.id}" for c in comments),
    ):
        page.goto(f"{home}/desk/{path}")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    assert wide == []


# Neighbours that lie over each other, and what leaves its frame: what a designer would see first.
FAULTS = """() => {
  const found = [], seen = (one) => one.getClientRects().length && getComputedStyle(one).visibility !== "hidden";
  for (const parent of document.querySelectorAll(
      ".masthead, .masthead .places, #views ol, .search, .row, .row a, #rows, .acts, article.comment, article.comment header")) {
    const all = [...parent.children].filter((one) => seen(one) && !one.matches(".away")).map((one) => [one, one.getBoundingClientRect()]);
    all.forEach(([one, a], at) => all.slice(at + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 1) found.push(`${one.className || one.tagName} over ${other.className || other.tagName}`);
    }));
  }
  const frame = document.querySelector(".right").getBoundingClientRect();
  for (const sheet of document.querySelectorAll(".acts details[open] .sheet")) {
    const box = sheet.getBoundingClientRect();
    if (box.left < frame.left || box.right > frame.right || box.top < 0 || box.bottom > innerHeight) found.push("a menu leaves its frame");
  }
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return found;
}"""


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_nothing_overlaps_and_no_menu_is_cut_off(desk, sign_in, locale):
    long = [
        {"kind": "score", "name": "threat", "verdict": "hold", "value": 0.9, "threshold": 0.3, "text": ""}
    ]
    for body in ("W" * 300, "A fine thing. " * 30, "هذا المقال رائع " * 20):
        desk.add_comment(
            body, name="N" * 90, reasons=long, scores={"threat": 0.9}, parent={"id": "p", "body": "p" * 300}
        )
    page = sign_in(desk.add_person("Root", is_admin=True), locale=locale)
    found = {}

    for width in (360, 768, 1024, 1180, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(page.url)
        if width == 360:
            found[width, "list"] = page.evaluate(FAULTS)
            page.locator("#rows .row a").first.click()
            page.wait_for_selector("body.reading")
        found[width, "page"] = page.evaluate(FAULTS)
        for menu in ("reasons", "more"):
            page.click(f"details[data-menu={menu}] summary")
            found[width, menu] = page.evaluate(FAULTS)
            page.keyboard.press("Escape")
        if width >= 760:
            assert page.locator(".masthead").bounding_box()["height"] < 60, width

    assert {where: what for where, what in found.items() if what} == {}


def test_on_a_phone_the_list_and_the_comment_are_two_screens(desk, sign_in):
    comment = desk.add_comment("Only one.")
    page = sign_in(desk.add_person(), viewport={"width": 360, "height": 740})
    expect(page.locator("#comment")).to_be_hidden()

    page.click(f"#row-{comment.id} a")
    expect(page.locator("#comment")).to_be_visible()
    expect(page.locator("#rows")).to_be_hidden()
    page.go_back()

    expect(page.locator("#rows")).to_be_visible()
    with desk.database.reading() as session:
        assert session.get_one(Comment, comment.id).status == "held"


def test_acts_of_the_closed_menu_have_keys_too(desk, sign_in):
    banned, passed_on = desk.add_comment("First", name="Troll"), desk.add_comment("Second")
    page = sign_in(desk.add_person())
    assert _opened(page) == banned.id

    _press(page, "b")
    expect(page.locator("#told")).to_contain_text("Rejected, and Troll is banned.")
    _press(page, "e")
    expect(page.locator("#told")).to_contain_text("Passed on to senior moderators.")

    assert (desk.status_of(banned), desk.status_of(passed_on)) == ("rejected", "held")


def test_a_long_queue_comes_page_by_page_while_rows_leave(desk, sign_in):
    for i in range(40):
        desk.add_comment(f"Fool {i}")
    page = sign_in(desk.add_person())
    expect(page.locator("#rows .row")).to_have_count(30)

    page.locator("#rows .more").scroll_into_view_if_needed()

    expect(page.locator("#rows .row")).to_have_count(40)
    expect(page.locator("#rows .more")).to_have_count(0)

"""A senior moderator at the policy and learning pages, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from moderation import learning, policies
from moderation.tables import Site

pytestmark = pytest.mark.browser

WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def violations(page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)
    result = Axe().run(page, options={"runOnly": WCAG})
    return result.generate_report() if result.violations_count else ""


def is_wide(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_a_policy_is_written_with_its_faults_in_sight_tried_and_saved(desk, sign_in):
    desk.add_comment("أنت أحمق", scores={"spam": 0.01, "insult": 0.35}, outcome="approve")
    page = sign_in(desk.add_person("Sam", role="senior"), path="/desk/policy")

    page.fill("#text", "preset: strct\nthresholds:\n  insult: {hold_at: 0.25, reject_at: 0.9}\n")
    expect(page.locator("#checked .faults")).to_contain_text("Did you mean 'strict'?")
    expect(page.locator(".gutter b")).to_have_text("1")
    assert [violations(page, scheme) for scheme in ("light", "dark")] == ["", ""]
    page.click("[data-goes='1']")
    selected = "text.value.slice(text.selectionStart, text.selectionEnd)"
    assert (
        page.evaluate(f"() => {{ const text = document.getElementById('text'); return {selected}; }}")
        == "preset: strct"
    )
    page.keyboard.type("preset: strict")
    expect(page.get_by_role("row", name="Insult 0.25 0.90")).to_be_visible()

    page.click("button:has-text('Try it')")
    expect(page.locator("#tried")).to_contain_text("approved → held")
    expect(page.locator("#tried .serif[dir=auto]")).to_contain_text("أنت أحمق")
    page.select_option("#wish", "per_hour")
    page.fill("#amount", "1")
    page.click("button:has-text('Propose lines')")
    expect(page.locator("#advised")).to_contain_text("Insult held from")
    assert [violations(page, scheme) for scheme in ("light", "dark")] == ["", ""]
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert not is_wide(page), width
    page.fill("#note", "Too many insults")
    page.click("button:has-text('Save as a new version')")

    expect(page.locator("body")).to_contain_text("Version 1 is in force, saved by Sam")
    with desk.database.reading() as session:
        assert policies.in_force(session, desk.site.id)[0].thresholds["insult"].hold_at == 0.25


def test_without_javascript_a_policy_is_checked_tried_and_saved(desk, browser, address):
    desk.add_person("Sam", role="senior")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "/desk/sign-in")
    page.fill("#email", "sam@desk.example")
    page.fill("#password", "a long evening by the sea")
    page.click("button.primary")
    page.click("nav >> text=Policy")

    page.fill("#text", "preset: strct")
    page.click("button:has-text('Check')")
    expect(page.locator("#checked .faults")).to_contain_text("Line 1")
    page.fill("#text", "preset: strict")
    page.click("button:has-text('Try it')")
    expect(page.locator("#tried")).to_contain_text("No comment was judged in these days.")
    page.click("button:has-text('Save as a new version')")

    expect(page.locator("body")).to_contain_text("Version 1 is in force, saved by Sam")
    context.close()


def test_a_model_is_let_decide_and_rolled_back(desk, sign_in):
    line = {"passed": True, "value": 0.08, "bound": 0.0, "interval": [0.02, 0.14]}
    with desk.database.writing() as session:
        learning.note_version(
            session, site_id=desk.site.id, version="m1", base="2026.11.1", labels=260, gate={"better": line},
            metrics={"held_out": {"auc": 0.87, "likely": [0.2, 0.9]}, "label_noise": 0.03},
            now=datetime.now(UTC),
        )  # fmt: skip
    page = sign_in(desk.add_person("Sam", role="senior"), path="/desk/learning")

    assert [violations(page, scheme) for scheme in ("light", "dark")] == ["", ""]
    for width in (360, 768, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert not is_wide(page), width
    page.click("button:has-text('Let it decide')")
    expect(page.locator("body")).to_contain_text("m1 decides from now on")
    page.click("button:has-text('Roll back')")
    expect(page.locator("body")).to_contain_text("The shipped model decides alone again.")
    page.click("button:has-text('Train now')")
    expect(page.locator("#training")).to_contain_text("Training was asked for")
    with desk.database.writing() as session:
        site = session.get_one(Site, desk.site.id)
        site.options = {"learning": {"answered_at": datetime.now(UTC).isoformat(), "says": "m2 was trained."}}

    expect(page.locator("#training")).to_contain_text("m2 was trained.", timeout=15_000)

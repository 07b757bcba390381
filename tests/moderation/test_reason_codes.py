"""Every part that names a reason names it alike."""

from __future__ import annotations

import re
from pathlib import Path

from examples.news_site.comments import KINDS_OF_REASON
from examples.news_site.pages import REPORT_REASONS
from moderation.labels import _SUBJECT_OF
from moderation.reason_codes import CODES, OF_MACHINE, ground_of
from service.review import words


def test_the_codes_are_corals():
    assert set(CODES) == {
        "OFFENSIVE", "ABUSIVE", "SPAM", "BANNED_WORD", "AD", "ILLEGAL_CONTENT", "HARASSMENT_BULLYING",
        "MISINFORMATION", "HATE_SPEECH", "IRRELEVANT_CONTENT", "OTHER",
    }  # fmt: skip


def test_machine_desk_lessons_and_the_example_site_use_no_other():
    assert set(OF_MACHINE.values()) <= set(CODES)
    assert set(words.CODES) == {*CODES, "APPEAL"}
    assert set(_SUBJECT_OF) <= set(CODES)
    assert set(REPORT_REASONS) <= set(CODES)
    told = {name for names in KINDS_OF_REASON.values() for name in names if name.isupper()}
    assert told <= set(CODES)


def test_the_page_for_developers_lists_them_all():
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    line = next(row for row in page.splitlines() if "reason_code" in row)

    assert set(re.findall(r"`([A-Z_]{2,})`", line)) == set(CODES)


def test_a_house_rule_is_said_by_its_name():
    assert ground_of("No politics").words == "the site's rule “No politics”"
    assert ground_of("") == CODES["OTHER"]

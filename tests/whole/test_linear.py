"""From the request to the verdict, nothing a stranger types costs more than its length."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from models.scorer import Scorer, Text
from moderation import duplicates, intake
from moderation.lists import Entry, Matcher
from moderation.policy import DEFAULT
from moderation.signals import NO_HISTORY, Subject, find

SHORT, LONG, MEGABYTE = 25_000, 250_000, 1_000_000
#: Ten times the text may take four times that: machines are busy. What grows with the square takes a hundred.
SLACK = 4
#: Of processor time; below it a clock measures nothing but itself.
FLOOR_SECONDS = 0.01
FLOODS = {
    "one letter": "a",
    "zalgo": "z" + "\u0335" * 40,
    "every plane": "".join(chr(0x10000 * plane + 0x4E01) for plane in range(17)),
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "zero width": "a\u200b\u2060",
    "bidi": "\u202ea\u2066",
    "brackets": "[({<",
    "spaced out": "f u c k ",
    "addresses": "a.b.c@d.e.f/g?h=i&",
    "links": "https://a.example/b ",
    "digits": "4111 1111 1111 1111 ",
    "handles": "@a_b ",
    "lines": "a\n",
    "html": "<a href=&amp;",
    "decomposed": "e\u0301",
    "expanding": "\ufb2c",
}
MATCHER = Matcher([Entry("blocked", "word", "f*ck"), Entry("blocked", "word", "free*money"),
                   Entry("suspect", "regex", "(a|aa)+b"), Entry("blocked", "domain", "d.example")])  # fmt: skip


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load()


@pytest.mark.parametrize("flood", FLOODS)
def test_what_floods_takes_time_by_its_length(scorer, flood):
    now = datetime(2026, 11, 28, tzinfo=UTC)
    subject = Subject(body="", name="Ana", email="ana@example.org")

    def judged(length: int) -> float:
        text = (FLOODS[flood] * (length // len(FLOODS[flood]) + 1))[:length]
        began = time.process_time()
        body, _ = intake.clean(text)
        (found,) = scorer.score([Text(body=body, name="Ana", language="en")], lines=DEFAULT.lines)
        duplicates.fingerprints([body])
        duplicates.contacts(body, found.facts)
        find(replace(subject, body=body), found.facts, MATCHER, NO_HISTORY, DEFAULT, now, "en")
        return time.process_time() - began

    judged(1_000)
    short = max(judged(SHORT), FLOOR_SECONDS)
    long = MEGABYTE if flood in ("one letter", "zalgo", "every plane") else LONG

    assert judged(long) < SLACK * long / SHORT * short

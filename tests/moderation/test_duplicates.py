"""Copies and near-copies against what merely resembles."""

from __future__ import annotations

import pytest

from moderation.duplicates import ALIKE_AT, BANDS, CONTACTS, EXACT, contacts, fingerprints

PITCH = (
    "I was skeptical at first but Mrs Jane helped me recover my lost crypto and now I make five thousand "
    "dollars every week, you should contact her on telegram today"
)


def shared_bands(a: str, b: str) -> int:
    one, other = fingerprints([a, b])
    return sum(one.keys.get(number) == band for number, band in other.keys.items())


@pytest.mark.parametrize(
    "variant",
    [
        PITCH.upper(),
        PITCH.replace("Jane", "Ana"),
        PITCH.replace("crypto", "crypt0").replace("skeptical", "skept1cal").replace("week", "wееk"),
        PITCH.replace("today", "today https://t.example/abc"),
        PITCH.replace("today", "now").replace("five", "six"),
        "Hello! " + PITCH,
    ],
)
def test_a_respun_text_is_alike_and_found_by_its_bands(variant):
    one, other = fingerprints([PITCH, variant])

    assert one.jaccard(other) >= ALIKE_AT
    assert shared_bands(PITCH, variant) >= 1


def test_another_text_on_the_same_matter_is_not_alike():
    other = "I was happy to hear that the council keeps the library open, you should go there today with your kids"
    one, two = fingerprints([PITCH, other])

    assert one.jaccard(two) < 0.2


def test_a_short_text_is_compared_whole():
    agree, same, other = fingerprints(["I totally agree!", "i TOTALLY agree", "I totally disagree"])

    assert list(agree.keys) == [EXACT]
    assert agree.keys == same.keys
    assert agree.jaccard(same) == 1.0
    assert agree.jaccard(other) == 0.0


def test_what_everyone_writes_is_no_fingerprint():
    assert [found.keys for found in fingerprints(["Yes", "LOL", "", "👍👍👍", "12345 678"])] == [{}] * 5


def test_the_same_text_has_the_same_fingerprint_in_every_process_and_batch():
    alone = fingerprints([PITCH])[0]

    assert fingerprints(["", "x y z", PITCH])[2] == alone
    assert len(alone.keys) == BANDS
    assert alone.whole == "11c10a98ea28bd78"  # kept in databases: a change of it forgets all copies seen


def test_a_comment_is_known_by_its_links_handles_and_numbers():
    links = [{"url": "https://t.me/coins_4u", "host": "t.me", "domain": "t.me", "where": "body"}]

    one = contacts("write to @jane_fx or call +44 20 7946 0958", {"links": links})
    other = contacts("my @JANE_FX", {})

    assert len(one) == 4
    assert min(one) == CONTACTS
    assert set(other.values()) < set(one.values())

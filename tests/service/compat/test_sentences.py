"""Sentences and their UTF-16 places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.compat.scoring import readable, words_of
from service.compat.sentences import MOST_SPANS, sentences_of, units_in


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two!  Three?", ["One.", "Two!", "Three?"]),
        ("Pay 3.50 at news.example now", ["Pay 3.50 at news.example now"]),
        ("„Stimmt.“ Oder?\nNein", ["„Stimmt.“ Oder?", "Nein"]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("不行。真的！", ["不行。", "真的！"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_sentences(text, sentences):
    assert [one.text for one in sentences_of(text)] == sentences


@given(st.text(alphabet="a😀. \n!é", max_size=300))
def test_each_place_cuts_out_its_sentence(text):
    units = text.encode("utf-16-le")

    found = sentences_of(text)

    assert len(found) <= MOST_SPANS
    assert "".join("".join(one.text.split()) for one in found) == "".join(text.split())
    for one in found:
        assert units[2 * one.begin : 2 * one.end].decode("utf-16-le") == one.text


def test_a_flood_of_sentences_shares_spans():
    found = sentences_of("No! " * 5_000)

    assert len(found) <= MOST_SPANS
    assert found[-1].end == units_in("No! " * 5_000) - 1


@given(st.text(max_size=200))
def test_readable_keeps_the_length_and_can_be_encoded(text):
    assert len(readable(text)) == len(text)
    readable(text).encode()


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("plain", "plain"),
        ("a &amp; b &lt;3", "a & b <3"),
        ("<p>one</p><p>two<br>three</p>", "one\ntwo\nthree"),
        ('<a href="https://x.example/y">here</a>', "https://x.example/y here"),
        ("<script>bad()</script>shown<style>p{}</style>", "shown"),
        ("a < b and c > d", "a < b and c > d"),
        ("<b>stu</b>pid", "stupid"),
        ("<scr<script>ipt>", None),
        ("<!-- a --><![CDATA[ x", None),
        ("&#xD800;&#0;", None),
    ],
)
def test_words_of_html(html, words):
    found = words_of(html)

    if words is not None:
        assert " ".join(found.split()) == " ".join(words.split())

"""What a batch's one look leaves out changes nothing: the same facts and the same model text, to the letter."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models import links, structure
from models import text as reading
from models.text import Text

#: So many that the batch is glanced at.
MANY = 4
WORDS = (
    "the", "a", "and", "you", "is", "I", "Council", "idiot", "vote", "CO2", "21st", "l33t", "f*ck", "sh_t", "a$$", "s o",
    "u.s.a.", "e.g.", "so-cal", "re-elect", "day-to-day", "dent(s)", "sooooo", "aaa", "III", "WOW!!!!", "....", "----", "$25M",
    "@harbour", "me@example.com", "http://example.org/x?y=1", "//localhost", "www.spam.ru", "end.Next", "end.it", "the.In",
    "x.In/page", "example[.]com", "cheap(dot)shop", "site dot] com", "hxxp://bad.top", "1.2.3.4", "xn--e1afmkfd.xn--p1ai",
    "+49 170 1234567", "(555) 123-4567", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "telegram", "$", "%", "0x" + "a1" * 20, "&amp;", "&", "<b>", "a<b",
    "naïve", "“so”", "don’t", "–", "—", "…", "……", "‘a b c’", "пример", "\u200b", "😀", "it’s", "\n", "\r\n", "\t", "\x00", "\x0b", "\x1c", "\x7f", "_", "a b c d", "s, t, u, p", "1 2 3",
)  # fmt: skip
GLUE = st.sampled_from([" ", " ", " ", "", ".", ". ", ", ", "-", "\n", "!", "/", "  "])


@st.composite
def real_looking(draw) -> str:
    many = draw(st.integers(0, 40))
    pieces = st.one_of(
        st.sampled_from(WORDS), st.sampled_from(WORDS[:12]), st.text("abcxyzAIU .,!?*_-'1$@/", max_size=12)
    )
    return "".join(draw(pieces) + draw(GLUE) for _ in range(many))


def step_by_step(text: Text) -> reading.Reading:
    """Read with the finder looking at the whole of every text."""

    def whole(value: str) -> list[tuple[int, Any]]:
        return [(0, match) for match in links._finder().match(value) or ()]

    with mock.patch.object(links, "_matches", whole):
        return reading.read(text)


def is_same(one: reading.Reading, other: reading.Reading) -> bool:
    return (one.facts, one.model_text, one.cuts) == (other.facts, other.model_text, other.cuts)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(real_looking(), min_size=1, max_size=8))
@example(["", "a", "\x00", " ", "....", "a b c", "aaa", "x" * 25_000])
@example(["ends with a", "b c begins so"])  # nothing may be seen across two bodies
@example(["f", "*ck"])
def test_a_batch_is_read_as_its_comments_one_by_one(bodies):
    for body, found in zip(bodies, reading.read_all([Text(body=body) for body in bodies]), strict=True):
        assert is_same(found, step_by_step(Text(body=body))), body


@settings(max_examples=2_000, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_any_ascii_is_read_the_same(body):
    found = reading.read_all([Text(body=body)] * MANY)

    assert is_same(found[0], step_by_step(Text(body=body)))


@settings(max_examples=300, deadline=None)
@given(real_looking(), st.sampled_from(["", "Bob", "visit cheap.shop"]), st.sampled_from(["", "example.org"]))
def test_a_link_beside_a_plain_body_is_found(body, name, url):
    text = Text(body=body, name=name, url=url, language="de")
    found = reading.read_all([text] * MANY)

    assert is_same(found[0], step_by_step(text))


@settings(max_examples=500, deadline=None)
@given(st.lists(real_looking(), min_size=MANY, max_size=8))
@example(
    ["5% of usdt", "text me on whats app", "btc", "$5 is 5 $", "a b a b a b a b a b", "ALL IN CAPITALS!!!"]
)
def test_the_shape_of_a_batch_is_that_of_its_comments(bodies):
    texts = [Text(body=body) for body in bodies]
    shapes = structure.measured_all(texts, reading.read_all(texts))

    for text, shape in zip(texts, shapes, strict=True):
        read = reading.read(text)
        alone = structure.measured(text, read.facts, read.model_text)
        assert shape.tolist() == np.array(alone, np.float32).tolist(), text.body


def test_a_wallets_address_is_not_overlooked():
    texts = [Text(body="send it to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq please")] * MANY
    shapes = structure.measured_all(texts, reading.read_all(texts))

    assert shapes[:, structure.NAMES.index("wallet")].all()

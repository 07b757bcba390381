"""What is read off a text: links, language, disguises; and what the model reads of it."""

from __future__ import annotations

import json

import pytest

from models import normalise
from models.disguise import DISGUISES
from models.text import Text, model_text, read

PLAIN = "You are a completely stupid idiot and a worthless piece of garbage, shut your mouth."


def facts(body: str, **more: str):
    return read(Text(body, **more)).facts


@pytest.mark.parametrize(
    ("body", "domain"),
    [
        ("see http://www.shop.co.uk/a?b=c now", "shop.co.uk"),
        ("see foo.xyz/a now", "foo.xyz"),
        ("see example[.]com now", "example.com"),
        ("see hxxps://bit.ly/x3", "bit.ly"),
        ("see www.x.ru", "x.ru"),
    ],
)
def test_a_link_is_found_however_it_is_written(body, domain):
    assert [link["domain"] for link in facts(body)["links"]] == [domain]


@pytest.mark.parametrize(
    "body", ["the end.Next time", "hello.world", "e.g. this", "3.14 and 2.5", "well...no"]
)
def test_a_missing_space_is_no_link(body):
    assert facts(body)["links"] == []


def test_links_of_name_and_site_field_say_where_they_stand():
    links = facts("Nice post", name="www.cheap-pills.com", url="casino-best.ru")["links"]

    assert [(link["where"], link["domain"]) for link in links] == [
        ("name", "cheap-pills.com"),
        ("url", "casino-best.ru"),
    ]


def test_a_shortener_and_a_look_alike_domain_are_named():
    links = facts("http://bit.ly/abc and http://раураl.com and p4ypal.com")["links"]

    assert [link["shortener"] for link in links] == [True, False, False]
    assert [link["lookalike"] for link in links] == [False, True, True]


def test_an_address_is_counted_and_is_no_link():
    found = facts("write to jane.doe@example.com or call +44 7911 123456")

    assert (found["emails"], found["phones"], found["links"]) == (1, 1, [])


@pytest.mark.parametrize("name", sorted(DISGUISES))
def test_the_model_reads_through_a_disguise(name):
    words = set(PLAIN.lower().replace(",", "").replace(".", "").split())

    seen = set(model_text(DISGUISES[name](PLAIN, 1)).replace(",", "").replace(".", "").split())

    assert len(words & seen) >= 0.85 * len(words)


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("f*ck", "fuck"), ("sh*t", "shit"), ("@sshole", "asshole"), ("𝓯𝓾𝓬𝓴", "fuck"), ("f\u200bu\u200bck", "fuck"),
        ("s t u p i d", "stupid"), ("ѕtuріd", "stupid"), ("&#115;tupid", "stupid"), ("stuuupid", "stupid"),
        ("5tup1d", "stupid"), ("🅵🆄🅲🅺", "fuck"),
    ],
)  # fmt: skip
def test_a_disguised_word_is_read_as_the_word(disguised, plain):
    assert model_text(f"you {disguised} man") == f"you {plain} man"


@pytest.mark.parametrize(
    ("body", "word", "written"),
    [
        ("this s t u p i d story", "stupid", "s t u p i d"),
        ("so stuuuupid, really", "stupid", "stuuuupid"),
        ("f\u200bu\u200bck it", "fuck", "f\u200bu\u200bck"),
        ("you 5tup1d man", "stupid", "5tup1d"),
    ],
)
def test_a_disguised_word_is_found_again_where_it_was_written(body, word, written):
    text, origins = normalise.traced(body)
    begin = text.index(word)

    assert body[origins[begin] : origins[begin + len(word) - 1] + 1] == written


@pytest.mark.parametrize(
    "ordinary",
    [
        "covid19 and 2nd place",
        "$500k for the m3 motorway",
        "a 4x4 and an mp3",
        "self-made e-mail",
        "the u.s.a.",
        "kkk",
    ],
)
def test_ordinary_spelling_is_left_alone(ordinary):
    assert model_text(ordinary) == ordinary
    assert facts(ordinary)["disguises"] == []


@pytest.mark.parametrize(
    "body",
    ["", " ", "\x00\x01", "\ud800 lone", "😀" * 50, "a\u0301" * 200, "\u202e" * 90, "שלום", "x" * 5000, "a." * 3000,
     "&amp;" * 500, "<b>" * 900, "1" * 4000, "f u " * 900, "http://" * 400, PLAIN],
)  # fmt: skip
def test_any_text_is_taken_and_its_trace_agrees(body):
    reading = read(Text(body))

    text, origins = normalise.traced(body, reading.cuts)

    assert text == reading.model_text
    assert len(origins) == len(text)
    assert all(0 <= origin < max(len(body), 1) for origin in origins)
    json.dumps(reading.facts)


@pytest.mark.parametrize(
    ("body", "site", "language"),
    [
        ("lol", "de", "de"),
        ("lol", "", "en"),
        ("great song love it", "", "en"),
        ("This is the best comment that I have read on the topic.", "de", "en"),
        ("Das ist ein sehr schönes Haus und ich bin nicht hier gewesen.", "en", "de"),
        ("Não é verdade que o ministro disse isso para você, mas também não nega.", "en", "pt"),
        ("오늘 날씨가 정말 좋네요", "en", "ko"),
        ("今天的天气真的很好", "en", "zh"),
    ],
)
def test_the_language_is_told_and_a_short_text_counts_as_the_sites(body, site, language):
    assert facts(body, language=site)["language"] == language


def test_reading_is_linear_in_length():
    short, long = "a. http:// f*u s t u ", "a. http:// f*u s t u " * 400

    # No clock: the work is bounded by the text that comes out of each step.
    assert len(model_text(long)) <= 400 * (len(model_text(short)) + 12)

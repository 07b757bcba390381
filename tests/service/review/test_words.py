"""Readers' words on a page: escaped whole, marked where a score comes from, in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask_babel import force_locale

from service.review import words

TRANSLATIONS = Path(words.__file__).parent.parent / "translations"
LANGUAGES = ("de", "es", "fr", "pt")


@pytest.fixture
def page(desk):
    with desk.app.test_request_context("/desk/held"):
        yield


def span(begin, end, contribution=1.0):
    return {"begin": begin, "end": end, "contribution": contribution}


@pytest.mark.parametrize(
    ("spans", "marked"),
    [
        ([], "a &lt;b&gt; 👍 c"),
        ([span(2, 5)], 'a <mark class="m3" title="Insult">&lt;b&gt;</mark> 👍 c'),
        ([span(6, 7)], 'a &lt;b&gt; <mark class="m3" title="Insult">👍</mark> c'),
        ([span(0, 1, 0.2), span(8, 9, 1.0)],
         '<mark class="m1" title="Insult">a</mark> &lt;b&gt; 👍 <mark class="m3" title="Insult">c</mark>'),
        ([span(0, 5, 0.5), span(2, 5, 1.0)],
         '<mark class="m2" title="Insult">a </mark><mark class="m3" title="Insult">&lt;b&gt;</mark> 👍 c'),
        ([span(0, 1, 0.2), span(2, 5, 0.2)], '<mark class="m3" title="Insult">a &lt;b&gt;</mark> 👍 c'),
        ([span(0, 1, 1.0), span(2, 5, 0.1)],
         '<mark class="m3" title="Insult">a</mark><mark class="m1" title="Insult"> &lt;b&gt;</mark> 👍 c'),
        ([span(0, 5, -1.0), span(7, 900), span(5, 2)], 'a &lt;b&gt; 👍<mark class="m3" title="Insult"> c</mark>'),
    ],
    ids=["none", "escaped inside", "counted in characters", "two strengths", "the stronger on top", "neighbours are one phrase",
         "a space goes with the weaker", "out of range"],
)  # fmt: skip
def test_marks_stand_where_the_explanation_says(page, spans, marked):
    assert words.marked("a <b> 👍 c", {"insult": {"spans": spans}}) == marked


def test_a_score_is_never_rounded_up_to_certainty(page):
    assert [words.figure(value) for value in (0.0, 0.834, 0.999999, 1.0)] == ["0.00", "0.83", "0.99", "1.00"]


def test_reasons_are_said_in_the_language_of_the_page(page):
    score = {
        "kind": "score",
        "name": "insult",
        "verdict": "hold",
        "value": 0.83,
        "threshold": 0.6,
        "text": "x",
    }
    signal = {"kind": "signal", "name": "link_shortener", "verdict": "hold",
              "text": "A link behind a shortener: bit.ly"}  # fmt: skip
    rule = {"kind": "rule", "name": "r", "verdict": "hold", "text": "Rule “r” applies"}

    assert words.reason_text(score) == "Insult 0.83, above this site’s hold line of 0.60"
    with force_locale("de"):
        assert words.reason_text(score) == "Beleidigung 0,83, über der Haltegrenze dieser Seite von 0,60"
        assert words.reason_text(signal) == "Link hinter einem Kürzungsdienst: bit.ly"
        assert words.reason_text(rule) == "Rule “r” applies"


def _as_tuple(said):
    return (said,) if isinstance(said, str) else tuple(said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_desk_is_translated_and_compiled(language):
    folder = TRANSLATIONS / language / "LC_MESSAGES"
    with (TRANSLATIONS / "desk.pot").open("rb") as file:
        template = read_po(file)
    with (folder / "messages.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    with (folder / "messages.mo").open("rb") as file:
        compiled = read_mo(file)

    missing, broken, stale = [], [], []
    for message in template:
        if not message.id:
            continue
        found = catalog.get(message.id)
        key = message.id if isinstance(message.id, str) else message.id[0]
        said = (
            [found.string] if found and isinstance(found.string, str) else list(found.string if found else ())
        )
        if not said or not all(said):
            missing.append(key)
            continue
        for one in said:
            if set(re.findall(r"%\(\w+\)s", one)) - set(re.findall(r"%\(\w+\)s", str(message.id))):
                broken.append(key)
        kept = compiled.get(message.id)
        if kept is None or _as_tuple(kept.string) != _as_tuple(found.string):
            stale.append(key)
    assert (missing, broken, stale) == ([], [], [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_speaks_the_language_of_the_browser(desk, language):
    page = desk.app.test_client().get("/desk/sign-in", headers={"Accept-Language": language}).text

    assert f'<html lang="{language}"' in page
    assert "Sign in" not in page

"""The scripts that a text is written in, and its language."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources
from itertools import repeat
from typing import Any

#: How much of a text tells its language.
SAMPLE = 600
_HANGUL, _KANA, _HAN = "Hangul", "Kana", "Han"
_RANGES = (
    ("Latin", 0x41, 0x24F), ("Latin", 0x1E00, 0x1EFF), ("Latin", 0xFF21, 0xFF5A), ("Greek", 0x370, 0x3FF),
    ("Cyrillic", 0x400, 0x52F), ("Armenian", 0x530, 0x58F), ("Hebrew", 0x590, 0x5FF),
    ("Arabic", 0x600, 0x77F),
    ("Arabic", 0xFB50, 0xFEFC), ("Devanagari", 0x900, 0x97F), ("Bengali", 0x980, 0x9FF),
    ("Tamil", 0xB80, 0xBFF),
    ("Thai", 0xE00, 0xE7F), ("Georgian", 0x10A0, 0x10FF), (_HANGUL, 0x1100, 0x11FF),
    (_HANGUL, 0xAC00, 0xD7AF),
    (_KANA, 0x3041, 0x30FF), (_HAN, 0x3400, 0x4DBF), (_HAN, 0x4E00, 0x9FFF), (_HAN, 0x20000, 0x323AF),
)  # fmt: skip


@cache
def _script_of(char: str) -> str:
    point = ord(char)
    for script, first, last in _RANGES:
        if first <= point <= last:
            return script
    return unicodedata.name(char, "Other").split(" ")[0].capitalize()


def scripts_of(body: str) -> list[str]:
    if body.isascii():
        return ["Latin"] if any(map(str.isalpha, body)) else []
    return sorted({_script_of(char) for char in set(body) if char.isalpha()})


def _function_words() -> dict[str, tuple[str, ...]]:
    """Common words -> the languages they are common in."""
    listed = json.loads(resources.files("models.lists").joinpath("function_words.json").read_text("utf-8"))
    found: dict[str, tuple[str, ...]] = {}
    for tag, words in listed.items():
        for word in set(words.split()):
            found[word] = (*found.get(word, ()), tag)
    return found


_BY_WORD = _function_words()
ONLY_ENGLISH = frozenset(word for word, tags in _BY_WORD.items() if tags == ("en",))
_BY_SCRIPT = {_HANGUL: "ko", _KANA: "ja", _HAN: "zh", "Greek": "el", "Hebrew": "he", "Thai": "th",
              "Georgian": "ka",
              "Armenian": "hy", "Bengali": "bn", "Tamil": "ta"}  # fmt: skip
_EDGES = ".,;:!?\"'()[]…“”„«»-"
_LEAST_LETTERS, _LEAST_PROBABILITY = 24, 0.95


def language_of(body: str, letters: int, scripts: list[str], site: str) -> tuple[str, bool]:
    """The language and whether it is certain; a short or doubtful text counts as the site's.

    Common words decide first: py3langid alone calls one in six short English comments foreign.
    """
    usual = (site or "en").split("-")[0].lower()
    sample = list(map(str.strip, body[:SAMPLE].lower().replace("’", "'").split(), repeat(_EDGES)))
    english = len(ONLY_ENGLISH.intersection(sample))
    if english >= 2 and english * 8 >= len(sample) and "Latin" in scripts:
        return "en", True
    dominant = _dominant(body, scripts) if scripts and scripts != ["Latin"] else "Latin"
    if dominant in _BY_SCRIPT:
        if dominant == _HAN and _KANA in scripts:
            return "ja", True
        return _BY_SCRIPT[dominant], letters >= 4
    votes: dict[str, int] = {}
    for tags in filter(None, map(_BY_WORD.get, sample)):
        for tag in tags:
            votes[tag] = votes.get(tag, 0) + 1
    if votes:
        best, *others = sorted(votes, key=lambda tag: -votes[tag])
        lead = votes[best] - (votes[others[0]] if others else 0)
        if votes[best] >= 3 and lead >= 2 and dominant == "Latin":
            return best, True
    if letters < _LEAST_LETTERS and dominant == "Latin":
        return usual, False
    if letters < 6:
        return usual, False
    guessed, probability = _identifier().classify(body[:SAMPLE])
    if probability < _LEAST_PROBABILITY or (
        guessed != usual and dominant == "Latin" and not votes.get(guessed)
    ):
        if dominant == "Latin":
            return usual, False
        return str(guessed), False
    return str(guessed), True


def _dominant(body: str, scripts: Iterable[str]) -> str:
    counts = dict.fromkeys(scripts, 0)
    for char in body[:2000]:
        if char.isalpha():
            script = _script_of(char)
            counts[script] = counts.get(script, 0) + 1
    return max(counts, key=lambda script: counts[script]) if counts else "Latin"


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

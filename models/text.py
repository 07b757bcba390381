"""What can be read off a comment alone: links, language, scripts, disguises; and what the model reads.

Found once, here; :mod:`moderation.signals` combines these facts with lists, history and timing. Every input
is a stranger's: any string is taken, and time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from models import glance, links, normalise
from models.fold import FOLD
from models.glance import Glance
from models.language import ONLY_ENGLISH, SAMPLE, language_of, scripts_of

LINK_WORD, MAIL_WORD = "urllink", "mailaddress"


@dataclass(frozen=True, slots=True)
class Text:
    """A comment as its reader sent it; ``language`` is the site's, may be empty."""

    body: str
    name: str = ""
    email: str = ""
    url: str = ""
    language: str = ""


class Reading(NamedTuple):
    """The facts of a text (JSON-able) and what the model reads of its body.

    ``cuts`` are spans (begin, end, word) in code points of the body: links and addresses, named by a word.
    ``seen`` is the glance at the body, and ``distinct`` how many different words the model reads of it; both
    only where the whole reading went by the glance.
    """

    facts: dict[str, Any]
    model_text: str
    cuts: tuple[tuple[int, int, str], ...]
    seen: Glance | None = None
    distinct: int = 0


_UPPER = bytes(range(65, 91))
_LETTERS = _UPPER + bytes(range(97, 123))
_MAYBE_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?[(\d](?:[ ().\u00a0/-]?\d){7,15}(?![\w,])")
#: Marks that word processors set, each as the model reads it; nothing else about them tells anything.
_TYPESET = {ord(mark): FOLD[ord(mark)] for mark in "‘’‚‛“”„–—―…"}
#: The look itself costs as much as it spares three texts.
_FEWEST_TO_GLANCE = 4
#: Of a phone number.
_FEWEST_DIGITS = 9


def read_all(texts: Sequence[Text]) -> list[Reading]:
    """As :func:`read` for each; one look at the whole batch tells what can be left out for whom."""
    if len(texts) < _FEWEST_TO_GLANCE:
        return [read(text) for text in texts]
    shown = [text.body if text.body.isascii() else text.body.translate(_TYPESET) for text in texts]
    readings = []
    for text, body, seen in zip(texts, shown, glance.look(shown), strict=True):
        if seen is None:
            readings.append(read(text))
            continue
        may_hold_link = seen.suspects & glance.LINK and links.may_hold_link(text.body)
        spans = links.found_in(text.body) if may_hold_link else []
        if spans or seen.suspects & glance.STRANGE:
            readings.append(_read(text, spans))
        else:
            readings.append(_read_glanced(text, body, seen))
    return readings


def _read_glanced(text: Text, shown: str, seen: Glance) -> Reading:
    """Read a body without links: the same facts, most of them known by now.

    :param shown: the body, typeset marks written in ASCII.
    """
    body, letters = text.body, seen.letters
    pieces, disguises = normalise.glanced(shown, seen.suspects)
    distinct = set(pieces)
    is_unchanged = shown is body and not seen.suspects & (glance.DISGUISED | glance.MARKED)
    scripts = ["Latin"] if letters else []
    # The words that tell English stand among those not yet stripped of their commas: mostly they suffice.
    if is_unchanged and len(body) <= SAMPLE:
        sample, english = pieces, len(ONLY_ENGLISH & distinct)
    else:
        sample = body[:SAMPLE].lower().replace("’", "'").split()
        english = len(ONLY_ENGLISH.intersection(sample))
    if english >= 2 and english * 8 >= len(sample) and letters:
        language, certain = "en", True
    else:
        language, certain = language_of(body, letters, scripts, text.language)
    facts: dict[str, Any] = {
        "links": _links_beside(text) if text.name or text.url else [],
        "language": language,
        "language_certain": certain,
        "scripts": scripts,
        "disguises": disguises,
        "letters": letters,
        "upper_share": round(seen.capitals / letters, 4) if letters else 0.0,
        "length": len(body),
        "emails": 0,
        "phones": _phones(body) if seen.digits >= _FEWEST_DIGITS else 0,
        "words": len(pieces if is_unchanged else body.split()),
    }
    return Reading(facts, " ".join(pieces), (), seen, len(distinct))


def read(text: Text) -> Reading:
    """Find the facts of a comment and what the model reads of it."""
    return _read(text, links.found_in(text.body) if links.may_hold_link(text.body) else [])


def _read(text: Text, spans: list[links.Span]) -> Reading:
    body = text.body
    found = [fact for _, _, fact in spans if fact]
    cuts = tuple((begin, end, LINK_WORD if fact else MAIL_WORD) for begin, end, fact in spans)
    found += _links_beside(text)
    model_text, disguises = normalise.normalise(body, cuts)
    words = body.split()
    letters, upper = _letters(body)
    scripts = scripts_of(body)
    language, certain = language_of(body, letters, scripts, text.language)
    facts: dict[str, Any] = {
        "links": found,
        "language": language,
        "language_certain": certain,
        "scripts": scripts,
        "disguises": disguises,
        "letters": letters,
        "upper_share": round(upper / letters, 4) if letters else 0.0,
        "length": len(body),
        "emails": sum(1 for _, _, fact in spans if not fact),
        "phones": _phones(body),
        "words": len(words),
    }
    return Reading(facts, model_text, cuts)


def _links_beside(text: Text) -> list[dict[str, Any]]:
    """The links of the name and of the address that an author gave."""
    found: list[dict[str, Any]] = []
    for where, value in (("name", text.name), ("url", text.url)):
        if value and (where == "url" or links.may_hold_link(value)):
            found += [
                {**fact, "where": where} for _, _, fact in links.found_in(value, where == "url") if fact
            ]
    return found


def model_text(body: str) -> str:
    """What the model reads of a body."""
    spans = links.found_in(body) if links.may_hold_link(body) else []
    return normalise.normalise(body, [(b, e, LINK_WORD if fact else MAIL_WORD) for b, e, fact in spans])[0]


def _letters(body: str) -> tuple[int, int]:
    """How many letters, and how many of them are capitals."""
    if body.isascii():
        raw = body.encode()
        return len(raw) - len(raw.translate(None, _LETTERS)), len(raw) - len(raw.translate(None, _UPPER))
    return sum(map(str.isalpha, body)), sum(map(str.isupper, body))


def _phones(body: str) -> int:
    raw = body.encode("utf-8", "replace")
    if len(raw) - len(raw.translate(None, b"0123456789")) < _FEWEST_DIGITS:
        return 0
    return sum(1 for m in _MAYBE_PHONE.finditer(body) if _FEWEST_DIGITS <= sum(map(str.isdigit, m[0])) <= 15)

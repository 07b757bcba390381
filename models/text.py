"""What can be read off a comment alone: links, language, scripts, disguises; and what the model reads.

Found once, here; :mod:`moderation.signals` combines these facts with lists, history and timing. Every input
is
a stranger's: any string is taken, and time is linear in its length.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from models import glance, normalise
from models.fold import FOLD
from models.glance import Glance

LINK_WORD, MAIL_WORD = "urllink", "mailaddress"


@dataclass(frozen=True, slots=True)
class Text:
    """A comment as its reader sent it; ``language`` is the site's, may be empty."""

    body: str
    name: str = ""
    email: str = ""
    url: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The facts of a text (JSON-able) and what the model reads of its body.

    ``cuts`` are spans (begin, end, word) in code points of the body: links and addresses, named by a word.
    """

    facts: dict[str, Any]
    model_text: str
    cuts: tuple[tuple[int, int, str], ...]
    may_hold_wallet: bool = True


_UPPER = bytes(range(65, 91))
_LETTERS = _UPPER + bytes(range(97, 123))
_DOTTED = re.compile(r"\.[^\W_]{2}")
_DEFANGED = re.compile(r"\s?(?:\[\.\]|\(\.\)|[\[(]dot[\])])\s?", re.I)
_BROKEN_SCHEME = re.compile(r"\bh(?:xx|\*\*)p(s?)://", re.I)
_MAYBE_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?[(\d](?:[ ().\u00a0/-]?\d){7,15}(?![\w,])")
#: Marks that word processors set, each as the model reads it; nothing else about them tells anything.
_TYPESET = {ord(mark): FOLD[ord(mark)] for mark in "‘’‚‛“”„–—―…"}
#: The look itself costs as much as it spares three texts.
_FEWEST_TO_GLANCE = 4
#: Of a phone number; and how much of a text tells its language.
_FEWEST_DIGITS, _SAMPLE = 9, 600
_HANGUL, _KANA, _HAN = "Hangul", "Kana", "Han"


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
        spans = _links(text.body) if seen.may_hold_link and _may_hold_link(text.body) else []
        plain = seen.is_plain and not spans
        readings.append(_read_plain(text, body, seen) if plain else _read(text, spans))
    return readings


def _read_plain(text: Text, shown: str, seen: Glance) -> Reading:
    """Read a body without links or disguises: the same facts, most of them known by now.

    :param shown: the body, typeset marks written in ASCII.
    """
    body, letters = text.body, seen.letters
    model_text = normalise.plain(shown, seen.is_marked)
    words = (body if seen.is_marked or shown is not body else model_text).split()
    scripts = ["Latin"] if letters else []
    # The words that tell English stand among those not yet stripped of their commas: mostly they suffice.
    is_sample = len(body) <= _SAMPLE and not seen.is_marked and shown is body
    sample = words if is_sample else body[:_SAMPLE].lower().replace("’", "'").split()
    english = len(_ONLY_ENGLISH.intersection(sample))
    if english >= 2 and english * 8 >= len(sample) and letters:
        language, certain = "en", True
    else:
        language, certain = _language(body, letters, scripts, text.language)
    facts: dict[str, Any] = {
        "links": _links_beside(text),
        "language": language,
        "language_certain": certain,
        "scripts": scripts,
        "disguises": [],
        "letters": letters,
        "upper_share": round(seen.capitals / letters, 4) if letters else 0.0,
        "length": len(body),
        "emails": 0,
        "phones": _phones(body) if seen.digits >= _FEWEST_DIGITS else 0,
        "words": len(words),
    }
    return Reading(facts, model_text, (), seen.may_hold_wallet)


def read(text: Text) -> Reading:
    """Find the facts of a comment and what the model reads of it."""
    return _read(text, _links(text.body) if _may_hold_link(text.body) else [])


def _read(text: Text, spans: list[tuple[int, int, dict[str, Any] | None]]) -> Reading:
    body = text.body
    links = [fact for _, _, fact in spans if fact]
    cuts = tuple((begin, end, LINK_WORD if fact else MAIL_WORD) for begin, end, fact in spans)
    links += _links_beside(text)
    model_text, disguises = normalise.normalise(body, cuts)
    words = body.split()
    letters, upper = _letters(body)
    scripts = _scripts(body)
    language, certain = _language(body, letters, scripts, text.language)
    facts: dict[str, Any] = {
        "links": links,
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
        if value and (where == "url" or _may_hold_link(value)):
            found += [{**fact, "where": where} for _, _, fact in _links(value, where == "url") if fact]
    return found


def model_text(body: str) -> str:
    """What the model reads of a body."""
    spans = _links(body) if _may_hold_link(body) else []
    return normalise.normalise(body, [(b, e, LINK_WORD if fact else MAIL_WORD) for b, e, fact in spans])[0]


def _may_hold_link(body: str) -> bool:
    if "://" in body or "@" in body or "[." in body or "(." in body:
        return True
    return _DOTTED.search(body) is not None or "dot]" in body or "dot)" in body


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


@cache
def _finder() -> Any:
    from linkify_it import LinkifyIt
    from linkify_it.tlds import TLDS

    return LinkifyIt().tlds(TLDS)


@cache
def _suffixes() -> Any:
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=False)


@cache
def shorteners() -> frozenset[str]:
    """Domains that hide where a link leads. Source: antispam-link-shorteners 0.2.1 (MIT)."""
    return frozenset(resources.files("models.lists").joinpath("shorteners.txt").read_text("utf-8").split())


@cache
def _ends() -> frozenset[str]:
    """Top-level domains in plain letters; those in other letters are written ``xn--…`` in ASCII."""
    from linkify_it.tlds import TLDS

    return frozenset(end.lower() for end in TLDS if end.isascii() and end.isalpha())


_WORD = re.compile(r"\S+")
_AFTER_DOT = re.compile(r"\.([A-Za-z][A-Za-z0-9]*)(?=([/?#:])?)")


def _matches(value: str) -> Iterator[tuple[int, Any]]:
    """What the finder finds, each with the place where it began to look.

    It reads a text at length, and no link or address spans a blank: in ASCII it is shown single words only.
    """
    if not value.isascii():
        for match in _finder().match(value) or ():
            yield 0, match
    elif _may_be_address(value):
        for word in _WORD.finditer(value):
            if _may_be_address(word[0]):
                for match in _finder().match(word[0]) or ():
                    yield word.start(), match


def _may_be_address(value: str) -> bool:
    """Whether the finder could find a link in a text in ASCII that :func:`_link` would let stand.

    A missing space after a full stop ("the end.Next") is the usual reason to ask.
    """
    if "@" in value or "//" in value:
        return True
    return any(
        (end.lower() in _ends() and (after or not end[0].isupper())) or end[:2].lower() == "xn"
        for end, after in _AFTER_DOT.findall(value)
    )


_USUAL_ENDS = frozenset(("com", "net", "org", "info", "biz", "ru", "uk", "de", "shop", "online", "site"))
_DIGIT_LETTERS = str.maketrans("013457", "oieast")
_BRANDS = frozenset(
    [
        "paypal",
        "google",
        "facebook",
        "amazon",
        "apple",
        "microsoft",
        "netflix",
        "instagram",
        "whatsapp",
        "coinbase",
        "binance",
        "telegram",
        "youtube",
        "twitter",
        "linkedin",
        "metamask",
        "blockchain",
        "trustwallet",
        "icloud",
        "outlook",
        "steam",
        "discord",
    ]
)


def _links(value: str, is_url: bool = False) -> list[tuple[int, int, dict[str, Any] | None]]:
    """Spans of links (with their fact) and e-mail addresses (None), in order, in code points of ``value``."""
    found: list[tuple[int, int, dict[str, Any] | None]] = []
    shown = _BROKEN_SCHEME.sub(lambda m: f"http{m[1]}://".ljust(len(m[0]), "/"), value)
    # "example[.]com" keeps its length, so that spans stay spans of the original.
    shown = (
        _DEFANGED.sub(lambda m: "." + "\u2060" * (len(m[0]) - 1), shown)
        if "." in shown or "dot" in shown.lower()
        else shown
    )
    packed = shown.replace("\u2060", "")
    places = [i for i, char in enumerate(shown) if char != "\u2060"] if len(packed) != len(shown) else None
    if is_url and packed.strip() and "://" not in packed:
        packed, places = "http://" + packed, [0] * 7 + (places or list(range(len(packed))))
    for offset, match in _matches(packed):
        begin, end = match.index + offset, match.last_index + offset
        if places is not None:
            begin, end = places[begin], places[end - 1] + 1
        if match.schema == "mailto:":
            found.append((begin, end, None))
        elif fact := _link(match.url, match.schema, match.raw):
            found.append((begin, end, fact))
    return found


def _link(url: str, schema: str, raw: str) -> dict[str, Any] | None:
    host = re.sub(r"^\w*:?//", "", url).split("/")[0].split("?")[0].split("#")[0].rsplit("@", 1)[-1]
    host = host.split(":")[0].rstrip(".").lower()
    if not schema and "/" not in raw:
        first, _, last = host.rpartition(".")
        known = normalise.words()
        # "…the end.Next time": a missing space after a full stop is no link.
        is_word = last in known and last not in _USUAL_ENDS
        if raw.rpartition(".")[2][:1].isupper() or (first in known and is_word):
            return None
    parts = _suffixes()(host)
    domain = parts.top_domain_under_public_suffix or host
    shown, punycode = host, "xn--" in host
    if punycode:
        try:
            shown = host.encode("ascii").decode("idna")
        except UnicodeError:
            shown = host
    name = _suffixes()(shown).domain
    return {
        "url": url[:2000],
        "host": host[:255],
        "domain": domain[:255],
        "where": "body",
        "shortener": domain in shorteners() or host in shorteners(),
        "punycode": punycode or not host.isascii(),
        "lookalike": _looks_like_another(name),
    }


def _looks_like_another(name: str) -> bool:
    """A domain in letters of another script that reads as Latin, or a known name with digits for letters."""
    if not name.isascii():
        return name.isalnum() and normalise.normalise(name)[0].isascii()
    return name not in _BRANDS and not _BRANDS.isdisjoint(
        (name.translate(_DIGIT_LETTERS), name.replace("1", "l"))
    )


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


def _scripts(body: str) -> list[str]:
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
_ONLY_ENGLISH = frozenset(word for word, tags in _BY_WORD.items() if tags == ("en",))
_BY_SCRIPT = {_HANGUL: "ko", _KANA: "ja", _HAN: "zh", "Greek": "el", "Hebrew": "he", "Thai": "th",
              "Georgian": "ka",
              "Armenian": "hy", "Bengali": "bn", "Tamil": "ta"}  # fmt: skip
_EDGES = ".,;:!?\"'()[]…“”„«»-"
_LEAST_LETTERS, _LEAST_PROBABILITY = 24, 0.95


def _language(body: str, letters: int, scripts: list[str], site: str) -> tuple[str, bool]:
    """The language and whether it is certain; a short or doubtful text counts as the site's.

    Common words decide first: py3langid alone calls one in six short English comments foreign.
    """
    usual = (site or "en").split("-")[0].lower()
    sample = [word.strip(_EDGES) for word in body[:_SAMPLE].lower().replace("’", "'").split()]
    english = len(_ONLY_ENGLISH.intersection(sample))
    if english >= 2 and english * 8 >= len(sample) and "Latin" in scripts:
        return "en", True
    dominant = _dominant(body, scripts) if scripts and scripts != ["Latin"] else "Latin"
    if dominant in _BY_SCRIPT:
        if dominant == _HAN and _KANA in scripts:
            return "ja", True
        return _BY_SCRIPT[dominant], letters >= 4
    votes: dict[str, int] = {}
    for word in sample:
        for tag in _BY_WORD.get(word, ()):
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
    guessed, probability = _identifier().classify(body[:_SAMPLE])
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

"""Links and e-mail addresses in a text, however they are written, and what a link alone gives away.

Every input is a stranger's: any string is taken, and time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

from models import normalise

#: Where a link or an address stands, in code points of the text, and the link's fact; None for an address.
Span = tuple[int, int, dict[str, Any] | None]

_DOTTED = re.compile(r"\.[^\W_]{2}")
_DEFANGED = re.compile(r"\s?(?:\[\.\]|\(\.\)|[\[(]dot[\])])\s?", re.I)
_BROKEN_SCHEME = re.compile(r"\bh(?:xx|\*\*)p(s?)://", re.I)


def may_hold_link(body: str) -> bool:
    """Whether a search for links is worth its while."""
    if "://" in body or "@" in body or "[." in body or "(." in body:
        return True
    return _DOTTED.search(body) is not None or "dot]" in body or "dot)" in body


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
_INNER_DOT = re.compile(r"\.\w")


def _matches(value: str) -> Iterator[tuple[int, Any]]:
    """What the finder finds, each with the place where it began to look.

    It reads a text at length, and no link or address spans a blank: it is shown single words only, and of
    these only such as may hold a link.
    """
    if _may_be_address(value):
        for word in _WORD.finditer(value):
            if _may_be_address(word[0]):
                for match in _matches_of(word[0]):
                    yield word.start(), match


def _matches_of(word: str) -> Sequence[Any]:
    """A link that is written in full is looked for once, where it begins, if nothing after it can be one."""
    if word.startswith(("http://", "https://")):
        whole = _finder().match_at_start(word)
        if whole and not _may_follow(word[whole.last_index :]):
            return (whole,)
    return _finder().match(word) or ()


def _may_follow(rest: str) -> bool:
    return "@" in rest or "//" in rest or "." in rest


def _may_be_address(value: str) -> bool:
    """Whether the finder could find a link that :func:`_link` would let stand.

    A missing space after a full stop ("the end.Next") is the usual reason to ask.
    """
    if "//" in value or ("@" in value and ("." in value or ":" in value)):
        return True
    if not value.isascii():
        return _INNER_DOT.search(value) is not None
    return any(
        (end.lower() in _ends() and (after or not end[0].isupper())) or end[:2].lower() == "xn"
        for end, after in _AFTER_DOT.findall(value)
    )


_USUAL_ENDS = frozenset(("com", "net", "org", "info", "biz", "ru", "uk", "de", "shop", "online", "site"))
_DIGIT_LETTERS = str.maketrans("013457", "oieast")
_BRANDS = frozenset((
    "paypal", "google", "facebook", "amazon", "apple", "microsoft", "netflix", "instagram", "whatsapp",
    "coinbase", "binance", "telegram", "youtube", "twitter", "linkedin", "metamask", "blockchain",
    "trustwallet", "icloud", "outlook", "steam", "discord",
))  # fmt: skip


def found_in(value: str, is_url: bool = False) -> list[Span]:
    """Spans of links (with their fact) and e-mail addresses (None), in order, in code points of ``value``."""
    found: list[Span] = []
    shown = value
    if "://" in value:
        shown = _BROKEN_SCHEME.sub(lambda m: f"http{m[1]}://".ljust(len(m[0]), "/"), value)
    # "example[.]com" keeps its length, so that spans stay spans of the original.
    if "[.]" in value or "(.)" in value or (("[" in value or "(" in value) and "dot" in value.lower()):
        shown = _DEFANGED.sub(lambda m: "." + "\u2060" * (len(m[0]) - 1), shown)
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
    name = (parts if shown == host else _suffixes()(shown)).domain
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

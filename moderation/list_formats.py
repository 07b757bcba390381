"""Read lists in the formats that people have: lines, WordPress keys, patterns, CSV, Coral settings."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TextIO

from moderation.errors import Fault, Invalid
from moderation.lists import EntryRefused, cleaned

FORMATS = ("auto", "lines", "wordpress", "regex", "csv", "coral")
_SAMPLE = 1_000
_LONGEST_LINE = 10_000
_COLUMNS = (
    *("pattern", "text", "word", "phrase", "term", "keyword"),
    *("domain", "host", "email", "ip", "cidr", "value"),
)
_COLUMN_KINDS = {"domain": "domain", "host": "domain", "email": "email", "ip": "ip", "cidr": "ip"}
_V6 = r"[0-9a-f]{0,4}:[0-9a-f:]*:[0-9a-f:]*(?:/\d+)?"
_LOOKS = tuple(
    (kind, re.compile(look, re.IGNORECASE))
    for kind, look in (
        ("ip", rf"\[?(?:\d{{1,3}}\.){{2,3}}(?:\d{{1,3}}|\*)?(?:/\d{{1,2}})?\]?|{_V6}"),
        ("email", r"[^\s@]*@[^\s@]+\.[^\s@]+"),
        ("domain", r"(?:https?://)?(?:\*?\.)?(?:[\w-]+\.)+[a-z]{2,24}(?:/\S*)?"),
    )
)
# Coral's settings are one JSON document: read whole, so with an end
_MOST_JSON = 20_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a file.

    :param line: where it stood, from 1.
    :param list: ``blocked`` or ``suspect`` where the file says it, else ``""``.
    :param fault: why it cannot be taken; then the pattern is as written.
    """

    line: int
    list: str
    kind: str
    pattern: str
    fault: str = ""


def entries_in(
    source: TextIO,
    *,
    form: str = "auto",
    kind: str = "auto",
    email_hash: Callable[[str], str] | None = None,
) -> Iterator[Found]:
    """Every entry of a file, cleaned, one at a time: memory does not grow with the file.

    :param form: one of :data:`FORMATS`; ``auto`` looks at the first thousand lines.
    :param kind: ``word``, ``regex``, ``domain``, ``email`` or ``ip`` for all of them, or ``auto``.
    :raises Invalid: when the file as a whole is not what it should be.
    """
    lines = _lines(source)
    sample = list(islice(lines, _SAMPLE))
    if form == "auto":
        form = _guess_form([text for _, text in sample])
    rest = chain(sample, lines)
    raw: Iterable[tuple[int, str, str, str]]
    if form == "coral":
        raw = _coral(rest)
    elif form == "csv":
        raw = _csv(rest)
    else:
        raw = ((number, "", "", text) for number, text in rest if not text.startswith(("#", "//", ";")))
        if form == "regex":
            kind = "regex"
        elif kind == "auto" and form == "lines":
            kind = _guess_kind([text for _, text in sample if not text.startswith("#")])
    for number, which, said, text in raw:
        of = kind if kind != "auto" else said or _kind_of(text)
        # what only looks like a domain (“best-buy.com-”) is a word after all
        for attempt in (of,) if kind != "auto" or said or of == "word" else (of, "word"):
            try:
                found = Found(number, which, attempt, cleaned(attempt, text, email_hash))
                break
            except EntryRefused as refused:
                found = Found(number, which, of, text[:80], str(refused))
        yield found


def _lines(source: TextIO) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, empty ones left out; a line without end is cut, never held whole."""
    number, cut = 0, False
    while line := source.readline(_LONGEST_LINE):
        whole = line.endswith("\n")
        if not cut:
            number += 1
            text = line.strip().strip("\ufeff")
            if text:
                yield number, text
        cut = not whole


def _guess_form(sample: list[str]) -> str:
    if not sample:
        return "lines"
    if sample[0].startswith(("{", "[")):
        return "coral"
    header = [name.strip().lower() for name in sample[0].split(",")]
    if len(header) > 1 and any(name in _COLUMNS for name in header):
        return "csv"
    patterns = sum(bool(re.search(r"\\[WwbdsD.]|\(\?|\[\^?[a-z]-|\.\*|\)\?", text)) for text in sample)
    return "regex" if patterns > len(sample) * 0.1 else "lines"


def _guess_kind(sample: list[str]) -> str:
    for kind in ("ip", "domain", "email"):
        if sample and sum(_kind_of(text) == kind for text in sample) >= 0.9 * len(sample):
            return kind
    # a list of words holds the odd domain: each is read by itself
    return "auto"


def _kind_of(text: str) -> str:
    """The kind of one entry by its look."""
    for kind, look in _LOOKS:
        if look.fullmatch(text):
            return kind
    return "word"


def _csv(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str, str]]:
    numbers: list[int] = []

    def texts() -> Iterator[str]:
        for number, text in lines:
            numbers[:] = [number]
            yield text

    reader = csv.DictReader(texts())
    names = {name.strip().lower(): name for name in reader.fieldnames or [] if name}
    column = next((name for name in _COLUMNS if name in names), None)
    if column is None:
        raise Invalid([Fault("", f"The CSV has none of the columns {', '.join(_COLUMNS)}.", 1)])
    try:
        for row in reader:
            said = (row.get(names.get("kind", "")) or "").strip().lower()
            which = (row.get(names.get("list", "")) or "").strip().lower()
            yield numbers[0], which, said or _COLUMN_KINDS.get(column, ""), row[names[column]] or ""
    except csv.Error as error:
        raise Invalid([Fault("", f"The CSV cannot be read: {error}.", numbers[0])]) from None


def _coral(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str, str]]:
    text, size = [], 0
    for _, line in lines:
        size += len(line)
        if size > _MOST_JSON:
            raise Invalid([Fault("", f"The JSON document is longer than {_MOST_JSON:,} characters.")])
        text.append(line)
    try:
        document = json.loads("\n".join(text))
    except (ValueError, RecursionError) as error:
        raise Invalid([Fault("", f"This is not JSON: {error}.")]) from None
    lists = _word_list(document)
    if lists is None:
        hint = 'Coral\'s settings hold {"wordList": {"banned": […], "suspect": […]}}.'
        raise Invalid([Fault("", f"The document holds no word list. {hint}")])
    for theirs, ours in (("banned", "blocked"), ("suspect", "suspect"), ("", "")):
        for word in lists.get(theirs, []):
            if isinstance(word, str):
                yield 1, ours, "word", word


def _word_list(part: Any) -> dict[str, list[Any]] | None:
    if isinstance(part, list):
        return {"": part}
    for _ in range(4):
        if not isinstance(part, dict):
            return None
        lists = part.get("wordList", part)
        if isinstance(lists, dict) and ("banned" in lists or "suspect" in lists):
            return {name: value for name, value in lists.items() if isinstance(value, list)}
        part = next((part[step] for step in ("data", "settings", "tenant") if step in part), None)
    return None

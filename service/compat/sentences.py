"""Sentences of a text and their places as JavaScript and Java count them: UTF-16 code units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

#: More sentences than this share spans, so that one call cannot ask for a thousand scores.
MOST_SPANS = 60
#: A stop with its closing quotes, or the end of a line.
_END = re.compile(r"(?:[.!?…。！？؟]+[\"'”’)\]»]*(?=\s|$)|[。！？]+|\n+)\s*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """:param begin: and ``end``, exclusive: offsets in UTF-16 code units of the whole text."""

    text: str
    begin: int
    end: int


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a text, in order, without the space around them; together they hold every word."""
    cuts = [match.end() for match in _END.finditer(text)]
    edges = [0, *[cut for cut in cuts if cut < len(text)], len(text)]
    if len(edges) - 1 > MOST_SPANS:
        step = -(-(len(edges) - 1) // MOST_SPANS)
        edges = [*edges[:-1:step], len(text)]
    found = []
    units = 0  # code units before `begin`, carried along: counting anew for each would be quadratic
    for begin, end in pairwise(edges):
        part = text[begin:end]
        stripped = part.strip()
        if stripped:
            lead = units_in(part[: len(part) - len(part.lstrip())])
            found.append(Sentence(stripped, units + lead, units + lead + units_in(stripped)))
        units += units_in(part)
    return found


def units_in(text: str) -> int:
    """How long JavaScript takes a text to be."""
    return len(text) + sum(1 for char in text if char > "\uffff")

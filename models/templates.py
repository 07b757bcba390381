"""Sentences written for this project, because the corpora lack them: who is attacked, who is only named.

The corpora hold identity terms mostly inside abuse, swear words mostly inside toxicity, and hardly any
denial, quotation or counter-speech; a model trained on them alone learns the word instead of the attack.
These patterns train; the functional cases and fairness sentences that judge (models/cases.json) are worded
differently and are never trained on.

Source of the kinds of cases: Roettger et al., HateCheck, ACL 2021 (the idea, none of its sentences).
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any


@cache
def _written() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(
        resources.files("models.lists").joinpath("sentences.json").read_text("utf-8")
    )
    return read


_SLOT = re.compile(r"\{(\w+)\}")
_OPENINGS = (
    "",
    "",
    "",
    "",
    "Honestly, ",
    "Well, ",
    "Look, ",
    "I have to say it: ",
    "Sorry, but ",
    "As I said before: ",
)
_FRAMES = (
    "{}",
    "{}",
    "{}",
    "{} Just my two cents.",
    "{} And the bus was late too.",
    "Good article. {}",
    "{} That is all.",
)


def group(chance: random.Random) -> tuple[str, str]:
    """A group of people: many of it, and one."""
    many, one = chance.choice(_written()["groups"])
    return many, one


def with_articles(text: str) -> str:
    """The text with "an" before a vowel, where a place was filled with a word that begins with one."""
    return re.sub(r"\b([Aa]) (?=[AEIOUaeiou](?!ne\b))", r"\1n ", text)


def slots() -> dict[str, list[str]]:
    """What the other places in a pattern may be filled with."""
    found: dict[str, list[str]] = _written()["slots"]
    return found


def _filled(pattern: str, chance: random.Random) -> str:
    many, one = group(chance)
    kept: dict[str, str] = {"many": many, "one": one}

    def put(match: re.Match[str]) -> str:
        slot = match[1]
        return kept.setdefault(slot, chance.choice(slots()[slot])) if slot not in kept else kept[slot]

    text = with_articles(_SLOT.sub(put, pattern))
    return text[:1].upper() + text[1:]


def sentences(kind_count: int, seed: int = 7) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Up to ``kind_count`` different sentences of every kind: (kind, text, labels); the same for one seed."""
    for kind, listed in _written()["kinds"].items():
        chance = random.Random(f"{seed}-{kind}")  # noqa: S311 - sampling, not secrets
        pool, labels = listed["patterns"], listed["labels"]
        seen: set[str] = set()
        for pattern in itertools.islice(itertools.cycle(pool), kind_count * 2):
            text = _filled(pattern, chance)
            text = chance.choice(_FRAMES).format(chance.choice(_OPENINGS) + text)
            if text not in seen and len(seen) < kind_count:
                seen.add(text)
                yield kind, text, labels

"""Comments written by hand for this project: threats without a swear word, polite hate, counter-speech, spam.

The public corpora hold little of what swear words do not decide. Most of these comments have a twin: nearly
the same words on the other side of the line, so that no word alone gives the answer away. Whoever wrote them
had not seen the cases that judge the model (models/cases), nor any corpus. A tenth trains nothing: it shows
how far what was learned carries over to comments by the same hands.
"""

from __future__ import annotations

import json
import random
import re
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from models import ATTRIBUTES, corpora, spam_templates, templates

Frame = Any
_SLOT = re.compile(r"\{(\w+)\}")
_OF_ADVERTS = {"link", "source", "phone", "handle", "mail", "hero", "small", "amount"}
#: Kinds with this in their name are in several languages, all others in English.
_FOREIGN = "foreign"


@cache
def _files() -> dict[str, Any]:
    """File name without its ending -> kinds."""
    folder = resources.files("models.lists.written")
    return {
        file.name.removesuffix(".json"): json.loads(file.read_text("utf-8"))["kinds"]
        for file in sorted(folder.iterdir(), key=lambda one: one.name)
        if file.name.endswith(".json")
    }


def _filled(pattern: str, chance: random.Random) -> str:
    kept: dict[str, str] = {}

    def put(match: re.Match[str]) -> str:
        slot = match[1]
        if slot in ("many", "one") and slot not in kept:
            kept["many"], kept["one"] = templates.group(chance)
        if slot not in kept:
            kept[slot] = (
                spam_templates.slot(slot, chance)
                if slot in _OF_ADVERTS
                else chance.choice(templates.slots()[slot])
            )
        return kept[slot]

    text = _SLOT.sub(put, pattern)
    if text == pattern:
        return text
    text = templates.with_articles(text)
    return text[:1].upper() + text[1:] if pattern[:1] == "{" else text


def comments(copies: int, seed: int = 7) -> Frame:
    """All of them as rows: text, corpus (``written_`` and the file's name), kind, lang, side, labels.

    :param copies: how often one that speaks of a group, or names an address or a sum, occurs, each time
        filled differently.
    """
    rows = []
    for file, kinds in _files().items():
        for kind, listed in kinds.items():
            chance = random.Random(f"{seed}-{file}-{kind}")  # noqa: S311 - sampling, not secrets
            for pattern in listed["texts"]:
                held = corpora.side(pattern) == "development"
                for text in dict.fromkeys(_filled(pattern, chance) for _ in range(copies)):
                    rows.append(
                        {
                            "text": text,
                            "corpus": f"written_{file}",
                            "kind": kind,
                            "lang": "" if _FOREIGN in kind else "en",
                            "natural": 0,
                            "weight": 1.0,
                            "side": "development" if held else "train",
                            **listed["labels"],
                        }
                    )
    return pd.DataFrame(rows).reindex(
        columns=["text", "corpus", "kind", "lang", "natural", "weight", "side", *ATTRIBUTES]
    )

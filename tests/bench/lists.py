"""The row of word lists: ten thousand entries held against a comment."""

from __future__ import annotations

import random
import re
import time

from moderation.lists import Entry, Matcher
from tests.bench.rows import Bench, Figure, figure, in_turns, row

ENTRIES = 10_000


@row("lists")
def lists(bench: Bench) -> list[Figure]:
    """Our matcher, disguises undone, against the one big alternation that people write with ``re``."""
    chance = random.Random(1)
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(5, 12))) for _ in range(ENTRIES)
    ]
    matcher = Matcher(
        Entry("blocked", "word", f"{word}*" if i % 10 == 0 else word) for i, word in enumerate(words)
    )
    alternation = re.compile(r"\b(?:" + "|".join(words) + r")\b", re.IGNORECASE)
    texts = bench.texts[: 20 if bench.short else 100]

    def ours() -> float:
        began = time.perf_counter()
        for text in texts:
            matcher.words(text)
        return (time.perf_counter() - began) / len(texts) * 1000

    def reference() -> float:
        began = time.perf_counter()
        for text in texts:
            alternation.search(text)
        return (time.perf_counter() - began) / len(texts) * 1000

    mine, theirs = in_turns(bench.rounds, ours, reference)
    return [
        figure("word lists", "ms a comment", mine, theirs, 5.0, inverse=True,
               reference_name=f"re, an alternation of {ENTRIES:,} words", note="10,000 entries, one in ten a wildcard")
    ]  # fmt: skip

"""Ways of disguising a word, to judge how well the model sees through them. Seeded: the same text, the same
disguise.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7", "b": "8", "g": "9"}
_LOOKALIKE = dict(zip("aeopcyxis", "аеорсухіѕ", strict=True))
_HIDDEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_EMOJI = "😀😂🔥💀🙈✨"
_WORD = re.compile(r"[A-Za-z]{3,}")


def _each_word(text: str, change: Callable[[str, random.Random], str], seed: int) -> str:
    chance = random.Random(f"{seed}-{text}")  # noqa: S311 - sampling, not secrets
    return _WORD.sub(lambda m: change(m[0], chance), text)


def leet(text: str, seed: int = 1) -> str:
    """Digits and signs for about two thirds of the letters that have one."""
    return _each_word(
        text,
        lambda w, c: "".join(
            c.choice(_LEET[x.lower()]) if x.lower() in _LEET and c.random() < 0.66 else x for x in w
        ),
        seed,
    )


def spacing(text: str, seed: int = 1) -> str:
    """A sign or a blank between the letters of every third word."""
    return _each_word(
        text, lambda w, c: c.choice((" ", ".", "-", "*", "_")).join(w) if c.random() < 0.34 else w, seed
    )


def homoglyphs(text: str, seed: int = 1) -> str:
    """Cyrillic letters that look the same."""
    return _each_word(
        text, lambda w, c: "".join(_LOOKALIKE.get(x, x) if c.random() < 0.7 else x for x in w), seed
    )


def zero_width(text: str, seed: int = 1) -> str:
    """Characters that nobody sees, inside words."""
    return _each_word(
        text, lambda w, c: "".join(x + (c.choice(_HIDDEN) if c.random() < 0.4 else "") for x in w), seed
    )


def repeats(text: str, seed: int = 1) -> str:
    """One letter of every other word, three to six times."""

    def stretched(word: str, chance: random.Random) -> str:
        if chance.random() < 0.5:
            return word
        at = chance.randrange(1, len(word))
        return word[:at] + word[at] * chance.randint(2, 5) + word[at:]

    return _each_word(text, stretched, seed)


def emoji(text: str, seed: int = 1) -> str:
    """Emoji between the letters of every third word."""
    return _each_word(text, lambda w, c: c.choice(_EMOJI).join(w) if c.random() < 0.34 else w, seed)


DISGUISES: dict[str, Callable[[str, int], str]] = {
    "leet": leet, "spacing": spacing, "homoglyphs": homoglyphs, "zero_width": zero_width, "repeats": repeats,
    "emoji": emoji,
}  # fmt: skip

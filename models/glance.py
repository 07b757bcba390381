"""One look at a batch of bodies in plain ASCII: which of the costly steps of reading could find anything.

Most comments hold no link, no disguise and no number, but each search for one reads the whole text. Here the
bytes of all bodies are classed and compared at once in NumPy, and a step is left out where even the
least that it looks for is missing. What is seen here decides nothing by itself: where there is a doubt, the
step is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.features import Array

#: A body that is longer is read step by step: it is rare, and the others should not wait for its arrays.
LONGEST = 20_000
_LETTER, _UPPER, _DIGIT, _GAP, _MASK, _BAR, _LEET, _ODD = (1 << bit for bit in range(8))
# What must be there for a search of models.normalise or models.text to find anything.
_LINK, _SPACED, _MASKED, _LEETED, _REPEATED, _MARKED, _STRANGE, _RUN = (1 << bit for bit in range(8))
#: How far a search looks from where it begins.
_AHEAD = 8
#: A wallet's address (models.structure) is a run of at least so many letters and digits.
_SHORTEST_WALLET = 23


def _classes() -> Array:
    table = np.zeros(256, np.uint8)
    for chars, bit in (
        ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", _LETTER),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", _UPPER),
        ("0123456789", _DIGIT),
        (" ._*,/|-", _GAP),
        ("*#~%^(+|", _MASK),
        ("_-", _BAR),
        ("0123456789@$", _LEET),
    ):
        table[np.frombuffer(chars.encode(), np.uint8)] |= np.uint8(bit)
    # Entities and tags begin so; everything else that is not printed is no plain text either.
    table[[ord("&"), ord("<"), 127]] |= np.uint8(_ODD)
    table[:32] |= np.uint8(_ODD)
    table[ord("\n")] = table[0] = 0
    return table


_CLASS = _classes()
_LOWER = np.array([byte + 32 if 65 <= byte <= 90 else byte for byte in range(256)], np.uint8)


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen of one body: counts, which are exact, and what may be there, which may be wrong.

    ``is_plain``: none of the steps that undo disguises could change more than case, blanks and, where
    ``is_marked``, a mark that is repeated.
    """

    letters: int
    capitals: int
    digits: int
    may_hold_link: bool
    may_hold_wallet: bool
    is_plain: bool
    is_marked: bool


def look(bodies: Sequence[str]) -> list[Glance | None]:
    """A glance at each body; None for one that is not ASCII, holds a NUL, or is very long."""
    found: list[Glance | None] = [None] * len(bodies)
    places = [
        at for at, body in enumerate(bodies) if body.isascii() and len(body) <= LONGEST and "\0" not in body
    ]
    if not places:
        return found
    # Between two bodies stands a NUL, which is of no class, and nothing spans it.
    raw = ("\0".join([bodies[at] for at in places]) + "\0" * (_AHEAD + 1)).encode()
    lengths = np.fromiter((len(bodies[at]) + 1 for at in places), np.int64, len(places))
    starts = np.cumsum(lengths) - lengths
    joined = np.frombuffer(raw, np.uint8)
    seen = np.bitwise_or.reduceat(_seen(joined), starts)
    classes = _CLASS[joined]
    counts = [
        np.add.reduceat((classes & bit) > 0, starts, dtype=np.int32).tolist()
        for bit in (_LETTER, _UPPER, _DIGIT)
    ]
    disguised = _SPACED | _MASKED | _LEETED | _REPEATED | _STRANGE
    for at, flags, letters, capitals, digits in zip(places, seen.tolist(), *counts, strict=True):
        found[at] = Glance(
            letters,
            capitals,
            digits,
            may_hold_link=bool(flags & _LINK),
            may_hold_wallet=bool(flags & _RUN),
            is_plain=not flags & disguised,
            is_marked=bool(flags & _MARKED),
        )
    return found


def _seen(joined: Array) -> Array:
    """For each byte, what may begin there; the last ``_AHEAD`` bytes are NULs."""
    end = len(joined) - _AHEAD
    classes = _CLASS[joined]
    letter, gap = (classes & _LETTER) > 0, (classes & _GAP) > 0
    word = (classes & (_LETTER | _DIGIT)) > 0

    def after(of: Array, steps: int) -> Array:
        return of[steps : steps + end]

    out = np.zeros(len(joined), np.uint8)
    view = out[:end]
    here, next_letter = letter[:end], after(letter, 1)
    char = joined[:end]
    # "a b c" and "a, b, c", letters that stand alone: models.normalise._SPACED_MAYBE
    one = after(letter, 2) & after(gap, 3) & after(letter, 4) & ~after(letter, 5)
    two = after(gap, 2) & after(letter, 3) & after(gap, 4) & after(letter, 6) & ~after(letter, 7)
    alone = here.copy()
    alone[1:] &= ~word[: end - 1]
    view |= (alone & after(gap, 1) & (one | two)) * np.uint8(_SPACED)
    mask, bar = (classes & _MASK) > 0, (classes & _BAR) > 0
    # a bar hides letters after one or two of them: the third before it is none
    short = np.ones(len(joined), bool)
    short[2:] = ~(letter[2:] & letter[1:-1] & letter[:-2])
    view |= (here & (after(mask, 1) | (after(bar, 1) & short[:end]))) * np.uint8(_MASKED)
    leet = (classes & _LEET) > 0
    begins = (leet[:end] | (char == ord("!"))) & next_letter
    view |= (begins | (here & after(leet, 1) & ~after(word, 2))) * np.uint8(_LEETED)
    lower = _LOWER[joined]
    same = lower[1:] == lower[:-1]
    twice = same[:end] & after(same, 1)
    view |= (twice & here) * np.uint8(_REPEATED)
    view |= (twice & after(same, 2) & ~word[:end] & (char > 32)) * np.uint8(_MARKED)
    view |= ((classes[:end] & _ODD) > 0) * np.uint8(_STRANGE)
    # models.text._may_hold_link: an "@", "//", a dot before two letters or digits, "[.", "(.", "dot]", "dot)"
    dot, bracket = joined == ord("."), (joined == ord("[")) | (joined == ord("("))
    closing = (joined == ord("]")) | (joined == ord(")"))
    link = (char == ord("@")) | ((char == ord("/")) & (joined[1 : 1 + end] == ord("/")))
    link |= dot[:end] & after(word, 1) & after(word, 2)
    link |= bracket[:end] & after(dot, 1)
    link |= (char == ord("t")) & after(closing, 1)
    view |= link * np.uint8(_LINK)
    edges = np.flatnonzero(~word)
    long = edges[1:][np.diff(edges) > _SHORTEST_WALLET]
    # noted where the run ends, which is still in its own body
    out[long] |= np.uint8(_RUN)
    return out

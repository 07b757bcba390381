"""One look at a batch of bodies in plain ASCII: which of the costly steps of reading could find anything.

Most comments hold no link, no disguise and no number, but each search for one reads the whole text. Here the
bytes of all bodies are classed and compared at once in NumPy, and a step is left out where even the
least that it looks for is missing. What is seen here decides nothing by itself: where there is a doubt, the
step is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.features import Array

#: A body that is longer is read step by step: it is rare, and the others should not wait for its arrays.
LONGEST = 20_000
#: What may be there for a search of models.links, models.normalise or models.structure to find.
LINK, SPACED, MASKED, LEETED, REPEATED, MARKED, STRANGE, WALLET = (1 << bit for bit in range(8))
#: The steps of models.normalise that undo letters.
DISGUISED = SPACED | MASKED | LEETED | REPEATED
_LETTER, _WORD, _GAP, _MASK, _BAR, _LEET, _ODD = (1 << bit for bit in range(7))
#: How far a search looks from where it begins.
_AHEAD = 24
#: Four counts in one number, none of which reaches this.
_FIELD = 15
_COUNTED = tuple(map(str.encode, (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!",
)))  # fmt: skip


def _classes() -> bytes:
    table = [0] * 256
    for chars, bit in (
        (_COUNTED[0], _LETTER | _WORD),
        (_COUNTED[2], _WORD),
        (b" ._*,/|-", _GAP),
        (b"*#~%^(+|", _MASK),
        (b"_-", _BAR),
        (b"0123456789@$", _LEET),
        # Entities and tags begin so; everything else that is not printed is no plain text either.
        (b"&<\x7f" + bytes(set(range(1, 32)) - {10}), _ODD),
    ):
        for char in chars:
            table[char] |= bit
    return bytes(table)


_CLASS, _LOWER = _classes(), bytes(range(256)).lower()
_COUNTS = np.array(
    [sum((byte in chars) << (_FIELD * at) for at, chars in enumerate(_COUNTED)) for byte in range(256)]
)


class Glance(NamedTuple):
    """What was seen of one body: counts, which are exact, and what may be there, which may be wrong.

    ``suspects``: without a bit, the search for it (``SPACED``, ``MASKED``, …) would find nothing in the body
    in small letters. With ``STRANGE`` there may be an entity, a tag or a character that is not printed.
    """

    letters: int
    capitals: int
    digits: int
    exclamations: int
    suspects: int


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
    counts = np.add.reduceat(_COUNTS.take(np.frombuffer(raw, np.uint8)), starts)
    columns = [((counts >> _FIELD * at) & ((1 << _FIELD) - 1)).tolist() for at in range(len(_COUNTED))]
    suspects = np.bitwise_or.reduceat(_suspects(raw), starts).tolist()
    for at, *seen in zip(places, *columns, suspects, strict=True):
        found[at] = Glance(*seen)
    return found


def _suspects(raw: bytes) -> Array:
    """For each byte, what may begin there; the last ``_AHEAD`` bytes are NULs."""
    end = len(raw) - _AHEAD
    joined, lower = np.frombuffer(raw, np.uint8), np.frombuffer(raw.translate(_LOWER), np.uint8)
    classes = np.frombuffer(raw.translate(_CLASS), np.uint8)
    letter, word, gap, mask, bar, leet, odd = (
        (classes & np.uint8(bit)).astype(bool) for bit in (_LETTER, _WORD, _GAP, _MASK, _BAR, _LEET, _ODD)
    )
    out = np.zeros(len(raw), np.uint8)
    view = out[:end]

    def after(of: Array, steps: int) -> Array:
        return of[steps : steps + end]

    def note(where: Array, suspect: int) -> None:
        np.bitwise_or(view, where.view(np.uint8) * np.uint8(suspect), out=view)

    here, next_letter, char = letter[:end], after(letter, 1), joined[:end]
    # "a b c" and "a, b, c", letters that stand alone: models.normalise._SPACED_MAYBE
    alone = here & after(gap, 1)
    alone[1:] &= ~word[: end - 1]
    one = after(letter, 2) & after(gap, 3) & after(letter, 4) & ~after(letter, 5)
    two = after(gap, 2) & after(letter, 3) & after(gap, 4) & after(letter, 6) & ~after(letter, 7)
    note(alone & (one | two), SPACED)
    # a bar hides letters after one or two of them: the third before it is none
    short = np.ones(len(raw), bool)
    short[2:] = ~(letter[2:] & letter[1:-1] & letter[:-2])
    note(here & (after(mask, 1) | (after(bar, 1) & short[:end])), MASKED)
    note(
        ((leet[:end] | (char == ord("!"))) & next_letter) | (here & after(leet, 1) & ~after(word, 2)), LEETED
    )
    same = lower[1:] == lower[:-1]
    twice = same[:end] & after(same, 1)
    note(twice & here, REPEATED)
    note(twice & after(same, 2) & ~word[:end] & (char > ord(" ")), MARKED)
    note(odd[:end], STRANGE)
    # models.links.may_hold_link: an "@", "//", a dot before two letters or digits, "[.", "(.", "dot]", "dot)"
    dot, slash = joined == ord("."), joined == ord("/")
    opening = (joined == ord("[")) | (joined == ord("("))
    closing = (joined == ord("]")) | (joined == ord(")"))
    link = (char == ord("@")) | (slash[:end] & after(slash, 1))
    link |= dot[:end] & after(word, 1) & after(word, 2)
    link |= opening[:end] & after(dot, 1)
    link |= (char == ord("t")) & after(closing, 1)
    note(link, LINK)
    # A wallet's address (models.structure) is a run of at least 23 letters and digits.
    run = word
    for steps in (1, 2, 4, 8, 7):
        run = run[:-steps] & run[steps:]
    note(run[:end], WALLET)
    return out

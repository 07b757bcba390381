"""Hashed n-grams of a whole batch at once: no Python loop over n-grams.

Byte n-grams (2 to 5) and word 1- and 2-grams fall into 2^20 buckets. A feature's value is
(1 + log count) x idf, divided by the Euclidean norm of the text's values.

Sources: Weinberger et al., Feature hashing, ICML 2009; Wang and Manning, Baselines and Bigrams, ACL 2012
(the naive-Bayes log-count ratio that scales the weights, see :mod:`models.train`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BITS = 20
BUCKETS = 1 << BITS
LONGEST = 5
BATCH = 64
# Past this many bytes a text repeats itself; reading on would only give a stranger our time.
MOST_BYTES = 100_000

_U32 = np.uint32
_PRIME = 0x01000193
_MIX = _U32(0x9E3779B1)
_SALT = [_U32(0x85EBCA6B * (n + 1) & 0xFFFFFFFF) for n in range(8)]
#: Whether a byte belongs to a word: a digit, a small letter, an apostrophe or a part of a wider character.
_INSIDE = bytes(48 <= b <= 57 or 97 <= b <= 122 or b >= 128 or b == 39 for b in range(256))
#: How many lengths byte n-grams have; for each, the places before a text's end where none can begin.
_LENGTHS = LONGEST - 1
_KIND, _BACK = (
    np.array(column)[:, None]
    for column in zip(*((kind, back) for kind in range(_LENGTHS) for back in range(1, kind + 2)), strict=True)
)
#: The key of no n-gram: greater than each that has a text.
_NONE = _U32(0xFFFFFFFF)
_LOG = (1.0 + np.log(np.maximum(np.arange(1024), 1))).astype(np.float32)

Array = npt.NDArray[Any]


def _powers(base: int, count: int) -> Array:
    table = np.full(count, base, dtype=_U32)
    table[0] = 1
    return np.multiply.accumulate(table, dtype=_U32)


_INVERSE = pow(_PRIME, -1, 1 << 32)
_tables: dict[str, Array] = {"up": _powers(_PRIME, 1 << 16), "down": _powers(_INVERSE, 1 << 16)}


def _power_tables(count: int) -> tuple[Array, Array]:
    up, down = _tables["up"], _tables["down"]
    if count <= len(up):
        return up, down
    return _powers(_PRIME, count), _powers(_INVERSE, count)


@dataclass(frozen=True, slots=True)
class Grams:
    """Every n-gram of a batch: its document, its bucket, and where in the joined bytes it begins and ends."""

    document: Array
    bucket: Array
    begin: Array
    end: Array


def encoded(texts: Sequence[str]) -> list[bytes]:
    """The bytes that are hashed: each text between two spaces, cut at a bound, lone surrogates replaced."""
    return [b" " + text.encode("utf-8", "replace")[:MOST_BYTES].strip(b" ") + b" " for text in texts]


def _keys(raws: Sequence[bytes]) -> tuple[Array, Array, Array]:
    """A key, text and bucket in one number, for each n-gram; and where the words begin and end.

    Byte n-grams of each length come first, one for each byte, then the words, then their pairs. Nothing is
    selected in between, which would cost more than all the arithmetic: an n-gram that would span two texts
    is ``_NONE``.
    """
    lengths = np.fromiter(map(len, raws), np.int64, len(raws))
    joined = b"".join(raws)
    size = len(joined)
    # The last n-grams of the last text look a few bytes past its end.
    wide = np.frombuffer(joined + b" " * (LONGEST - 1), np.uint8).astype(_U32)
    inside = np.frombuffer(joined.translate(_INSIDE), np.bool_)
    # Every text begins and ends with a space, so edges come in pairs and no word spans two texts.
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    edges += 1
    begins, ends = edges[::2], edges[1::2]
    words, pairs = len(begins), max(len(begins) - 1, 0)
    keys = np.empty(_LENGTHS * size + words + pairs, _U32)
    spans = keys[: _LENGTHS * size].reshape(_LENGTHS, size)
    rolling = wide
    for kind, span in enumerate(spans):
        rolling = rolling[:-1] * _U32(_PRIME)
        rolling += wide[kind + 1 :]
        np.bitwise_xor(rolling[:size], _SALT[kind], out=span)
    up, down = _power_tables(size + 1)
    sums = np.zeros(size + 1, _U32)
    np.cumsum(wide[:size] * up[:size], out=sums[1:], dtype=_U32)
    word = sums[ends]
    word -= sums[begins]
    word *= down[begins]
    at_words = keys[_LENGTHS * size : _LENGTHS * size + words]
    at_pairs = keys[_LENGTHS * size + words :]
    np.bitwise_xor(word, _SALT[5], out=at_words)
    if pairs:
        pair = word[:-1] * _U32(0xC2B2AE35)
        pair += word[1:] * _U32(0x27D4EB2F)
        np.bitwise_xor(pair, _SALT[6], out=at_pairs)
    _mix(keys)
    shifted = np.repeat(np.arange(len(raws), dtype=_U32) << _U32(BITS), lengths)
    spans |= shifted
    over = np.cumsum(lengths) - _BACK
    spans[_KIND, np.maximum(over, 0, out=over)] = _NONE
    whose = shifted[begins]
    at_words |= whose
    if pairs:
        at_pairs |= whose[1:]
        at_pairs[whose[1:] != whose[:-1]] = _NONE
    return keys, begins, ends


def _mix(value: Array) -> None:
    """Spread hashes over the buckets, in place."""
    value *= _MIX
    value ^= value >> _U32(15)
    value *= _U32(0x85EBCA6B)
    value >>= _U32(32 - BITS)


def grams(raws: Sequence[bytes]) -> Grams:
    """Every n-gram with its place, for explanations."""
    keys, begins, ends = _keys(raws)
    size = sum(map(len, raws))
    begin = np.concatenate([np.tile(np.arange(size), _LENGTHS), begins, begins[:-1]])
    end = np.concatenate([*(np.arange(size) + kind + 2 for kind in range(_LENGTHS)), ends, ends[1:]])
    real = keys != _NONE
    return Grams(
        document=keys[real] >> _U32(BITS),
        bucket=keys[real] & _U32(BUCKETS - 1),
        begin=begin[real],
        end=end[real],
    )


def counted(raws: Sequence[bytes]) -> tuple[Array, Array, Array]:
    """The distinct features of at most 4,095 texts.

    :return: ``starts`` (one more than texts: where each text's features begin), ``bucket``, and the sublinear
        count ``1 + log(count)`` of each, sorted by text and bucket.
    """
    keys, _, _ = _keys(raws)
    keys.sort()
    first = np.empty(len(keys), bool)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    at = np.flatnonzero(first)
    found = keys[at]
    starts = np.searchsorted(found, np.arange(len(raws) + 1, dtype=_U32) << _U32(BITS))
    # What is left past the last start was none.
    counts = np.append(at, len(keys))[1 : starts[-1] + 1]
    found, at = found[: starts[-1]], at[: starts[-1]]
    counts -= at
    # Most n-grams stand once in a text.
    more = np.flatnonzero(counts > 1)
    value = np.ones(len(found), np.float32)
    value[more] = _LOG[np.minimum(counts[more], 1023)]
    found &= _U32(BUCKETS - 1)
    return starts, found, value

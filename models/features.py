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
_WORD_BYTE = np.zeros(256, bool)
_WORD_BYTE[[*range(48, 58), *range(97, 123), *range(128, 256), 39]] = True
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


def _mixed(value: Array, kind: int) -> Array:
    value = (value ^ _SALT[kind]) * _MIX
    value ^= value >> _U32(15)
    value *= _U32(0x85EBCA6B)
    return value >> _U32(32 - BITS)


def _hashes(raws: Sequence[bytes]) -> tuple[Array, Array, list[tuple[Array, Array, Array]]]:
    """Lengths, the document of each byte, and for each kind of n-gram (begin, end, bucket)."""
    lengths = np.fromiter(map(len, raws), np.int64, len(raws))
    joined = np.frombuffer(b"".join(raws), np.uint8)
    document = np.repeat(np.arange(len(raws), dtype=_U32), lengths)
    remaining = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(joined))
    found: list[tuple[Array, Array, Array]] = []
    wide = joined.astype(_U32)
    rolling = wide
    for n in range(2, LONGEST + 1):
        rolling = rolling[:-1] * _U32(_PRIME) + wide[n - 1 :]
        at = np.flatnonzero(remaining[: len(rolling)] >= n)
        found.append((at, at + n, _mixed(rolling[at], n - 2)))
    inside = _WORD_BYTE[joined]
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    # Every text begins and ends with a space, so edges come in pairs and no word spans two texts.
    begins, ends = edges[::2], edges[1::2]
    up, down = _power_tables(len(joined) + 1)
    sums = np.zeros(len(joined) + 1, _U32)
    np.cumsum(wide * up[: len(joined)], out=sums[1:], dtype=_U32)
    word = (sums[ends] - sums[begins]) * down[begins]
    found.append((begins, ends, _mixed(word, 5)))
    if len(begins) > 1:
        together = np.flatnonzero(document[begins[1:]] == document[begins[:-1]])
        pair = word[together] * _U32(0xC2B2AE35) + word[together + 1] * _U32(0x27D4EB2F)
        found.append((begins[together], ends[together + 1], _mixed(pair, 6)))
    return lengths, document, found


def grams(raws: Sequence[bytes]) -> Grams:
    """Every n-gram with its place, for explanations."""
    _, document, found = _hashes(raws)
    begin = np.concatenate([f[0] for f in found])
    return Grams(
        document=document[begin],
        bucket=np.concatenate([f[2] for f in found]),
        begin=begin,
        end=np.concatenate([f[1] for f in found]),
    )


def counted(raws: Sequence[bytes]) -> tuple[Array, Array, Array]:
    """The distinct features of at most 4,096 texts.

    :return: ``starts`` (one more than texts: where each text's features begin), ``bucket``, and the sublinear
        count ``1 + log(count)`` of each, sorted by text and bucket.
    """
    _, document, found = _hashes(raws)
    shifted = document << _U32(BITS)
    keys = np.concatenate([shifted[begin] | bucket for begin, _, bucket in found])
    keys.sort()
    first = np.empty(len(keys), bool)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    at = np.flatnonzero(first)
    counts = np.diff(at, append=len(keys))
    keys = keys[at]
    starts = np.searchsorted(keys, np.arange(len(raws) + 1, dtype=np.uint64) << np.uint64(BITS))
    return starts, keys & _U32(BUCKETS - 1), _LOG[np.minimum(counts, 1023)]

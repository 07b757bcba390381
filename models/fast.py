"""The fast tier: one table of hashed weights for all heads, read through the page cache by every process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models import ATTRIBUTES, features
from models.features import Array

HEADS = len(ATTRIBUTES)
# idf is coded in one byte: idf = code / IDF_STEPS.
IDF_STEPS = 18.0
_AT_ONCE = 8
# No score is nearer to 0 or 1 than this.
SURE = 1e-6


class Fast:
    """``table`` is uint8, one row of eight bytes for each bucket: seven weight codes (int8) and an idf code.

    A code c of head h stands for ``scale[h] * c * |c|``: fine near zero, where most weights are.
    ``structure`` is (len(NAMES), heads).
    """

    def __init__(self, table: Array, scale: Array, intercept: Array, structure: Array) -> None:
        if table.shape != (features.BUCKETS, HEADS + 1) or table.dtype != np.uint8:
            raise ValueError("the weight table has another shape or type than this version reads")
        # The same pages, without the cost of a memmap that looks at each index.
        self.rows = np.asarray(table).view(np.uint64).reshape(-1)
        self.scale = scale.astype(np.float64)
        self.intercept = intercept.astype(np.float64)
        self.structure = structure.astype(np.float64)

    def logits(self, model_texts: Sequence[str], structure: Array) -> Array:
        """Uncalibrated logits (texts, heads) of texts that the model reads, and their structure numbers."""
        out = np.empty((len(model_texts), HEADS))
        for begin in range(0, len(model_texts), features.BATCH):
            end = begin + features.BATCH
            out[begin:end] = self._batch(features.encoded(model_texts[begin:end]))
        return out * self.scale + self.intercept + structure @ self.structure

    def _batch(self, raws: list[bytes]) -> Array:
        starts, bucket, count = features.counted(raws)
        codes = self._codes(bucket)
        # The steps of the idf codes cancel out: value / norm is the same in any unit.
        value = codes[:, HEADS].view(np.uint8).astype(np.float64)
        value *= count
        norms = np.sqrt(np.add.reduceat(value * value, starts[:-1]))
        sums = np.empty((len(raws), HEADS + 1))
        bounds = starts.tolist()
        # The decoded weights are wide: few texts at a time stay in the cache until they are summed.
        for begin in range(0, len(raws), _AT_ONCE):
            end = min(begin + _AT_ONCE, len(raws))
            base = bounds[begin]
            weights = _decoded(codes[base : bounds[end]])
            for at in range(begin, end):
                first, last = bounds[at], bounds[at + 1]
                np.dot(value[first:last], weights[first - base : last - base], out=sums[at])
        sums /= np.where(norms, norms, 1.0)[:, None]
        return sums[:, :HEADS]

    def _codes(self, bucket: Array) -> Array:
        """The rows of buckets, as codes of one byte; the last column is the idf's and without sign."""
        return self.rows.take(bucket).view(np.int8).reshape(-1, HEADS + 1)

    def contributions(self, model_text: str) -> tuple[features.Grams, Array]:
        """Every n-gram of one text and what it adds to each head's logit; a feature's share is split evenly
        over its occurrences."""
        raws = features.encoded([model_text])
        grams = features.grams(raws)
        _, bucket, count = features.counted(raws)
        codes = self._codes(bucket)
        value = codes[:, HEADS].view(np.uint8) * count.astype(np.float64)
        norm = float(value @ value) ** 0.5 or 1.0
        added = (value / norm)[:, None] * _decoded(codes)[:, :HEADS] * self.scale
        place = np.searchsorted(bucket, grams.bucket)
        times = np.bincount(place, minlength=len(bucket))
        return grams, added[place] / times[place][:, None]


def _decoded(codes: Array) -> Array:
    """c * |c| of each code; whole numbers, so it is exact, and quicker than a table. The last column, which
    is no weight, comes along: to leave it out costs more."""
    weights = codes.astype(np.int16)
    weights *= np.abs(weights)
    return weights.astype(np.float64)


def packed(weights: Array, idf: Array) -> tuple[Array, Array]:
    """(table, scale) of float weights (buckets, heads) and idf (buckets)."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127.0**2
    table = np.zeros((features.BUCKETS, HEADS + 1), np.uint8)
    codes = np.rint(np.sign(weights) * np.sqrt(np.abs(weights) / scale)).astype(np.int8)
    table[:, :HEADS] = codes.view(np.uint8)
    table[:, HEADS] = np.clip(np.rint(idf * IDF_STEPS), 0, 255)
    # A bucket that no head uses still counts in the norm, so its idf stays.
    return table, scale


def calibrated(points: Sequence[Any], logit: Array) -> Any:
    """Probabilities of logits by a monotone line through (logit, probability) points."""
    return np.interp(logit, points[0], points[1])

"""Why: the spans of the text that raised or lowered each logit, by the model's own terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from models import ATTRIBUTES, normalise, structure
from models.fast import Fast
from models.features import Array
from models.text import Reading


class Span(TypedDict):
    """Code points ``begin`` to ``end`` of the body and what they add to the logit."""

    begin: int
    end: int
    contribution: float


class Explanation(TypedDict):
    """``intercept`` + all ``structure`` + all ``spans`` + ``rest`` = ``logit``, the fast tier's
    uncalibrated one.

    ``rest`` is what the spans that are not shown add together. ``deep`` is what the deep tier added to or
    took
    from the logit (None where it did not speak); it is a term of its own, outside the sum.
    """

    intercept: float
    structure: dict[str, float]
    deep: float | None
    logit: float
    spans: list[Span]
    rest: float


def explained(
    fast: Fast,
    body: str,
    read: Reading,
    shape: Array,
    logits: Array,
    deep: Array | None,
    attributes: Sequence[str],
    top: int,
) -> dict[str, Explanation]:
    """Share each n-gram's contribution over the words it touches, and give the ``top`` words of each head."""
    words, word_of_byte = _places(body, read)
    grams, added = fast.contributions(read.model_text)
    heads = [ATTRIBUTES.index(attribute) for attribute in attributes]
    shares = _shared(grams.begin, grams.end, word_of_byte, added[:, heads], len(words))
    out: dict[str, Explanation] = {}
    for place, (attribute, head) in enumerate(zip(attributes, heads, strict=True)):
        per_word = shares[: len(words), place]
        shapes = {
            name: float(value)
            for name, value in zip(structure.NAMES, shape * fast.structure[:, head], strict=True)
            if value
        }
        order = np.argsort(-np.abs(per_word), kind="stable")[:top]
        spans: list[Span] = [
            {"begin": words[i][0], "end": words[i][1], "contribution": float(per_word[i])}
            for i in order
            if per_word[i]
        ]
        intercept, logit = float(fast.intercept[head]), float(logits[head])
        shown = intercept + sum(shapes.values()) + sum(span["contribution"] for span in spans)
        total = intercept + sum(shapes.values()) + float(shares[:, place].sum())
        out[attribute] = {
            "intercept": intercept,
            "structure": shapes,
            "deep": None if deep is None else float(deep[head]),
            "logit": total if abs(total - logit) < 1e-9 else logit,
            "spans": spans,
            "rest": total - shown,
        }
    return out


def _places(body: str, read: Reading) -> tuple[list[tuple[int, int]], Array]:
    """The words of the body as spans, and for each hashed byte the word it came from (-1: none)."""
    model_text, origins = normalise.traced(body, read.cuts)
    cut = {begin: end for begin, end, _ in read.cuts}
    words: list[tuple[int, int]] = []
    of_byte: list[int] = [-1]
    stripped = len(model_text) - len(model_text.lstrip(" "))
    current = -1
    for char, origin in zip(model_text[stripped:], origins[stripped:], strict=True):
        if char == " ":
            current = -1
            word = -1
        else:
            if current < 0:
                words.append((origin, origin + 1))
                current = len(words) - 1
            begin, end = words[current]
            words[current] = (min(begin, origin), max(end, cut.get(origin, origin + 1), origin + 1))
            word = current
        of_byte += [word] * len(char.encode("utf-8", "replace"))
    of_byte.append(-1)
    return words, np.array(of_byte)


def _shared(begins: Array, ends: Array, word_of_byte: Array, added: Array, words: int) -> Array:
    """Sum over n-grams, each spread evenly over its bytes that belong to a word; the last row is homeless.

    What a gram gives to each of its bytes is put down where it begins and taken back where it ends: one
    running sum over the text has it everywhere.
    """
    size, heads = len(word_of_byte), added.shape[1]
    ends = np.minimum(ends, size)
    inside = word_of_byte >= 0
    before = np.concatenate([[0], np.cumsum(inside)])
    owned = before[ends] - before[begins]
    homeless = owned == 0
    each = np.where(homeless[:, None], 0.0, added / np.maximum(owned, 1)[:, None])
    of = word_of_byte[inside]
    out = np.zeros((words + 1, heads))
    for head in range(heads):
        steps = np.bincount(begins, each[:, head], size + 1) - np.bincount(ends, each[:, head], size + 1)
        out[:words, head] = np.bincount(of, np.cumsum(steps)[:size][inside], words)[:words]
        out[words, head] = added[homeless, head].sum()
    return out

"""What the deep tier teaches the fast one: sentences, its opinion of them, and targets that hold both.

The fast tier learns from the deep tier's opinion beside the labels, also where a corpus has no label for an
attribute. Source: Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models import ATTRIBUTES, calibrate, prepare
from models.features import Array

Frame = Any
# How much of a target is the deep tier's opinion, and what a row weighs that has no label beside it.
TAUGHT, TAUGHT_ALONE = 0.5, 0.2
# Corpora whose comments are also shown to the deep tier sentence by sentence, and at most how many of them.
_SPLIT = {"civil_comments": 60_000, "jigsaw_wiki": 40_000, "wiki_cat_context": 20_000}
_SPLIT_WEIGHT, _LEAST_SENTENCE, _MOST_SENTENCES = 2.0, 20, 6
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def sentences_of(frame: Frame) -> Frame:
    """The sentences of training comments, as rows that nobody labelled: the deep tier says what it thinks.

    A label speaks of a whole comment; an opinion on each of its sentences shows the fast tier where in it the
    abuse stands. On natural news comments that lifted its AUC more than anything else (0.927 to 0.940).
    """
    found: dict[str, str] = {}
    for text, corpus in frame.loc[frame["side"] == "train", ["text", "corpus"]].itertuples(index=False):
        if corpus in _SPLIT:
            parts = [part.strip() for part in _SENTENCE_END.split(text)]
            long = [part for part in parts if len(part) > _LEAST_SENTENCE]
            if len(parts) > 1:
                found.update((part, f"sentences_{corpus}") for part in long[:_MOST_SENTENCES])
    kept = pd.DataFrame({"text": list(found), "corpus": list(found.values())})
    for name, most in _SPLIT.items():
        mine = kept.index[kept["corpus"] == f"sentences_{name}"]
        kept = kept.drop(mine[most:])
    return kept.assign(lang="en", natural=0, weight=_SPLIT_WEIGHT / TAUGHT_ALONE, side="train")


def taught(rows: prepare.Prepared, deep: Path, cache: Path | None) -> Array:
    """What the deep tier says of English training rows: probabilities (rows, attributes), elsewhere NaN."""
    frame = rows.frame
    asked = (frame["side"] == "train") & frame["lang"].isin(["", "en"])
    asked &= ~frame["corpus"].str.startswith(("templates", "written", "tgspam"))
    at = np.flatnonzero(asked.to_numpy())
    out = np.full((len(frame), len(ATTRIBUTES)), np.nan)
    logits = calibrate.deep_logits(frame.iloc[at].reset_index(drop=True), deep, cache)
    out[at] = 1.0 / (1.0 + np.exp(-logits))
    return out


def softened(target: Array, weight: Array, opinion: Array) -> tuple[Array, Array]:
    """Targets and weights of one head with the deep tier's opinion mixed in; NaN where neither speaks."""
    labelled, spoken = ~np.isnan(target), ~np.isnan(opinion)
    mixed = np.where(labelled & spoken, (1.0 - TAUGHT) * target + TAUGHT * opinion, target)
    alone = ~labelled & spoken
    return np.where(alone, opinion, mixed), np.where(alone, TAUGHT_ALONE * weight, weight)

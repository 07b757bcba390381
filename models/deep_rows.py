"""The rows that the deep tier learns from: which part of each corpus, and with which weights."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models import ATTRIBUTES, corpora, templates, written
from models.text import model_text

# What a label of toxicity weighs where raters looked for hate or for swearing at a group.
_TOXICITY_OF = {"hatexplain": 0.3, "social_bias_frames": 0.3, "hatemoji": 0.3}
# Rows drawn from the training side of each corpus: all that speaks of news and abuse, a part of the rest.
_SHARE = {
    "civil_comments": 1.0, "paradetox": 0.35, "wiki_cat_context": 1.0, "stormfront_forum": 1.0,
    "hatemoji": 1.0,
    "davidson_twitter": 0.15, "latent_hatred": 1.0, "gab_hate_corpus": 0.7, "social_bias_frames": 1.0,
    "hatexplain": 0.7, "edos_sexism": 1.0, "convabuse": 1.0, "political_incivility": 0.4, "youtube_spam": 1.0,
    "contact_form_spam": 1.0, "sms_spam": 0.6, "tgspam_more": 1.0, "telegram_ru_spam": 0.1,
    "jigsaw_wiki_stripped": 0.4,
}  # fmt: skip
# Corpora differ in how many of their rows are positive for reasons of how they were collected. While it
# learns, each has an intercept of its own, so that the network need not tell corpora apart; not those at
# home, and none for spam, whose corpora often hold one class only.
GROUPS = ("", "jigsaw_wiki", *_SHARE)
AT_HOME = ("", "jigsaw_wiki", "jigsaw_wiki_stripped", "civil_comments", "edos_sexism", "contact_form_spam")
_TOXICITY = ATTRIBUTES.index("toxicity")


@dataclass(frozen=True, slots=True)
class Row:
    """What the network learns from: the text that the model reads, targets with NaN where unlabelled, the
    weight of each, and the place in :data:`GROUPS` of the corpus it was collected with."""

    text: str
    targets: list[float]
    weights: list[float]
    group: int


def rows(folder: Path, seed: int) -> list[Row]:
    """The training rows, shuffled."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    chosen: list[Row] = []
    frame = corpora.read_all(folder)
    frame = frame[frame["side"] == "train"]
    targets = frame[list(ATTRIBUTES)].to_numpy(float)
    for at, (text, corpus, natural, weight) in enumerate(
        frame[["text", "corpus", "natural", "weight"]].itertuples(index=False)
    ):
        share = _SHARE.get(corpus, 0.0)
        if corpus == "jigsaw_wiki":
            share = 1.0 if np.nanmax(targets[at]) > 0 else 0.75
        if chance.random() < share:
            weights = [float(weight)] * len(ATTRIBUTES)
            weights[_TOXICITY] *= _TOXICITY_OF.get(corpus, 1.0)
            entry = Row(_noisy(model_text(text), chance), targets[at].tolist(), weights, GROUPS.index(corpus))
            chosen.append(entry)
            if (
                corpus == "civil_comments" and natural and chance.random() < 0.5
            ):  # the very texts to be judged
                chosen.append(entry)
    for _, text, labels in templates.sentences(260, seed):
        wanted = [float(labels.get(a, np.nan)) for a in ATTRIBUTES]
        chosen.append(Row(model_text(text), wanted, [0.5] * len(ATTRIBUTES), 0))
    own = written.comments(3, seed)
    own = own[(own["side"] == "train") & (own["lang"] == "en")]
    for text, *labels in own[["text", *ATTRIBUTES]].itertuples(index=False):
        for _ in range(2):
            wanted = [float(t) for t in labels]
            chosen.append(Row(_noisy(model_text(text), chance), wanted, [1.0] * len(ATTRIBUTES), 0))
    chance.shuffle(chosen)
    return chosen


def _noisy(text: str, chance: random.Random) -> str:
    """One row in twelve gets a few slips of the finger, so that a misspelt slur stays one."""
    if chance.random() > 0.08:
        return text
    pieces = text.split(" ")
    for _ in range(1 + len(pieces) // 12):
        at = chance.randrange(len(pieces))
        word = pieces[at]
        if len(word) > 3:
            i = chance.randrange(1, len(word) - 1)
            pieces[at] = chance.choice(
                (
                    word[:i] + word[i + 1 :],
                    word[:i] + word[i] + word[i:],
                    word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :],
                )
            )
    return " ".join(pieces)

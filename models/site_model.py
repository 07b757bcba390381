"""A newsroom's own model: how likely its moderators are to reject a comment, stacked on the champion.

A linear model over the champion's logits, the comment's shape and its words, so that the first 200 decisions
teach mainly how this newsroom reads the champion's scores, and thousands teach its words. It adds one
attribute, ``likely_to_reject``, and changes none of the champion's: what was measured of those stays true.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models import ATTRIBUTES, artifact
from models.site_measures import auc, calibrated, calibration, lines_for, log_loss, noise, sigmoids

LIKELY = "likely_to_reject"
WORD_BITS = 13
FORMAT = 1
_WORD = re.compile(r"\w+")
_SHAPE = ("links", "length", "upper_share", "emails", "phones", "uncertain")
_DENSE = 2 * len(ATTRIBUTES) + 1 + len(_SHAPE)
SIZE = _DENSE + (1 << WORD_BITS)
_BUCKETS = (1 << WORD_BITS) - 1
#: Words weigh less than the champion at first: a prior in the scale of the features.
_WORD_SCALE = 0.7
#: What is likelier than this to be rejected is looked at, even where the shipped model would publish it.
HOLD_ABOVE = 0.5
#: What is recalled of plain cases (models.anchors) weighs this share of the decisions, or so many decisions.
ANCHOR_SHARE, ANCHOR_WEIGHT = 0.1, 50.0
FEWEST = 200
FEWEST_OF_A_KIND = 20


class TooFew(Exception):
    """There are not enough decisions to learn from.

    :param says: how many there are and how many it takes.
    """


@dataclass(frozen=True, slots=True)
class Example:
    """One text with a newsroom's word on it.

    :param fast: the champion's fast logits; ``deep``: the deep ones, None where it was not asked.
    :param value: 1.0 rejected, 0.0 approved.
    :param weight: above 0; an origin's trust times its age.
    :param by_people: said by somebody whom the site trusts. Only such examples measure: what a caller sends
        may teach, but draws no line and passes no gate.
    """

    body: str
    fast: Mapping[str, float]
    deep: Mapping[str, float] | None
    facts: Mapping[str, Any]
    value: float
    weight: float = 1.0
    by_people: bool = True


@dataclass(frozen=True, slots=True)
class Learned:
    """What a newsroom's model says of one comment.

    :param likely: probability in [0, 1] that its moderators reject it.
    :param approve_below: a comment that is only held by its scores is approved below this; None: never.
    :param reject_above: and rejected from here on; None: never.
    :param hold_above: a comment that would be published is looked at from here on.
    """

    likely: float
    approve_below: float | None
    reject_above: float | None
    version: str
    hold_above: float = HOLD_ABOVE


@dataclass
class SiteModel:
    """A trained newsroom's model.

    :param weights: float32 of length ``SIZE``.
    :param metrics: what was measured on decisions that it was not trained on.
    :param unseen: after training, what it said of each measuring decision before it had seen it; not kept.
    """

    version: str
    base: str
    weights: NDArray[np.float32]
    intercept: float
    approve_below: float | None = None
    reject_above: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    unseen: list[float] = field(default_factory=list)

    def beside(self, base: str) -> SiteModel:
        """The model as it may decide beside a shipped one.

        Beside another than it was trained with, its lines would lie elsewhere: then it may only have people
        look at more, until it was trained again.
        """
        return self if base == self.base else replace(self, approve_below=None, reject_above=None)

    def likely(
        self, body: str, fast: Mapping[str, float], deep: Mapping[str, float] | None, facts: Mapping[str, Any]
    ) -> Learned:
        """:return: the probability and the lines that were drawn when it was trained."""
        logit = self.intercept
        for place, value in _said_and_shape(body, fast, deep, facts):
            logit += float(self.weights[place]) * value
        words = _words(body)
        if words:
            logit += float(self.weights[_DENSE:][words].sum()) * _WORD_SCALE / math.sqrt(len(words))
        return Learned(_sigmoid(logit), self.approve_below, self.reject_above, self.version)

    def save(self, folder: Path) -> Path:
        """Write the artifact beside its place and move it there, so that no one reads half of it.

        :return: its folder, named after the version.
        """
        place = folder / self.version
        beside = folder / f".{self.version}.part"
        beside.mkdir(parents=True, exist_ok=True)
        np.save(beside / "weights.npy", self.weights.astype(np.float32), allow_pickle=False)
        about = {
            "base": self.base,
            "intercept": self.intercept,
            "approve_below": self.approve_below,
            "reject_above": self.reject_above,
            "metrics": self.metrics,
        }
        (beside / "numbers.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        artifact.write_manifest(
            beside, {"version": self.version, "kind": "site"}, ["weights.npy", "numbers.json"]
        )
        beside.replace(place)
        return place

    @classmethod
    def load(cls, folder: Path) -> Self:
        """:raises artifact.ArtifactRefused: a file is missing, half-written, foreign or was changed."""
        manifest = artifact.verified(folder)
        numbers = artifact.numbers(folder)
        # a plain view of the mapped file: the class for mapped arrays is slow to read single places from
        weights = np.asarray(np.load(folder / "weights.npy", mmap_mode="r", allow_pickle=False))
        if (
            manifest.get("kind") != "site"
            or weights.shape != (SIZE,)
            or not math.isfinite(numbers["intercept"])
        ):
            raise artifact.ArtifactRefused(f"{folder} holds no newsroom's model of this version's shape")
        return cls(
            version=str(manifest["version"]),
            base=str(numbers["base"]),
            weights=weights,
            intercept=float(numbers["intercept"]),
            approve_below=numbers["approve_below"],
            reject_above=numbers["reject_above"],
            metrics=dict(numbers["metrics"]),
        )


def train(
    examples: Sequence[Example],
    *,
    version: str,
    base: str,
    anchors: Sequence[Example] = (),
    seed: int = 7,
) -> SiteModel:
    """Learn from a newsroom's decisions, oldest first.

    The newest fifth of what people said is measured before it is trained on: the figures, the lines and the
    calibration come from it and from cross-validation on the rest.

    :param anchors: plain cases that it must not unlearn; they measure nothing.
    :raises TooFew: fewer than 200 decisions, or fewer than 20 of a kind.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    from models.measures import calibration_error

    _check(examples)
    all_taught = [*examples, *anchors]
    values = np.array([example.value >= 0.5 for example in all_taught], dtype=int)
    weights = np.array([example.weight for example in all_taught])
    if anchors:
        total = float(weights[: len(examples)].sum())
        weights[len(examples) :] *= max(ANCHOR_SHARE * total, min(ANCHOR_WEIGHT, total)) / float(
            weights[len(examples) :].sum()
        )
    features = matrix(all_taught)
    judging = judges_of(examples)
    taught_only = np.setdiff1d(np.arange(len(all_taught)), judging)
    cut = len(judging) - newest_of(judging)
    older, newest = judging[:cut], judging[cut:]
    if min(values[older].sum(), cut - values[older].sum()) < 5:
        raise TooFew("The older decisions are nearly all of one kind; more of both are needed.")

    def fitted(strength: float, rows: Any) -> Any:
        return LogisticRegression(C=strength, solver="liblinear", random_state=seed).fit(
            features[rows], values[rows], weights[rows]
        )

    def said(model: Any, rows: Any) -> NDArray[Any]:
        return np.asarray(model.decision_function(features[rows]))

    folds = list(StratifiedKFold(4, shuffle=True, random_state=seed).split(older, values[older]))
    best, found = math.inf, np.zeros(cut)
    chosen = 0.1
    for strength in (0.02, 0.1, 0.5, 2.0):
        guesses = np.zeros(cut)
        for rows, rest in folds:
            model = fitted(strength, np.concatenate([older[rows], taught_only]))
            guesses[rest] = said(model, older[rest])
        loss = log_loss(values[older], sigmoids(guesses), weights[older])
        if loss < best:
            best, found, chosen = loss, guesses, strength
    unseen = said(fitted(chosen, np.concatenate([older, taught_only])), newest)
    # Measured as it would have been: calibrated on the older decisions alone.
    held_out = calibrated(unseen, calibration(found, values[older], weights[older]))
    seen = np.concatenate([found, unseen])
    scale, shift = calibration(seen, values[judging], weights[judging])
    likely = calibrated(seen, (scale, shift))
    approve_below, reject_above = lines_for(values[judging], likely)
    final = fitted(chosen, np.arange(len(all_taught)))
    return SiteModel(
        version=version,
        base=base,
        # the calibration is part of the weights: one sum less at work
        weights=(scale * final.coef_[0]).astype(np.float32),
        intercept=float(scale * final.intercept_[0] + shift),
        approve_below=approve_below,
        reject_above=reject_above,
        metrics={
            "decisions": len(examples),
            "by_people": sum(example.by_people for example in examples),
            "rejected": int(values[: len(examples)].sum()),
            "strength": chosen,
            "held_out": {
                "decisions": len(newest),
                "auc": auc(values[newest], held_out),
                "log_loss": log_loss(values[newest], held_out, weights[newest]),
                "calibration_error": calibration_error(values[newest], held_out, bins=10),
                "likely": [round(float(value), 5) for value in held_out],
                "rejected": values[newest].tolist(),
            },
            "label_noise": noise(values[judging], likely),
        },
        unseen=[float(value) for value in likely],
    )


def judges_of(examples: Sequence[Example]) -> NDArray[Any]:
    """Places of the examples that measure a model: people's, or everybody's where people said too little."""
    people = [place for place, example in enumerate(examples) if example.by_people]
    rejected = sum(examples[place].value >= 0.5 for place in people)
    enough = len(people) >= FEWEST and min(rejected, len(people) - rejected) >= FEWEST_OF_A_KIND
    return np.array(people if enough else range(len(examples)))


def newest_of(judging: Sequence[Any] | NDArray[Any]) -> int:
    """How many of the newest measuring examples are kept from training."""
    return len(judging) - int(len(judging) * 0.8)


def matrix(examples: Sequence[Example]) -> Any:
    """:return: a sparse matrix, a row for each example."""
    from scipy.sparse import csr_matrix

    columns: list[int] = []
    numbers: list[float] = []
    ends = [0]
    for example in examples:
        for place, value in _features(example.body, example.fast, example.deep, example.facts):
            columns.append(place)
            numbers.append(value)
        ends.append(len(columns))
    return csr_matrix((numbers, columns, ends), shape=(len(examples), SIZE))


def baseline(fast: Mapping[str, float], deep: Mapping[str, float] | None) -> float:
    """What the champion alone says about rejection: its highest logit over all attributes."""
    said = deep or fast
    return max(float(value) for value in said.values())


def _features(
    body: str, fast: Mapping[str, float], deep: Mapping[str, float] | None, facts: Mapping[str, Any]
) -> list[tuple[int, float]]:
    words = _words(body)
    share = _WORD_SCALE / math.sqrt(len(words)) if words else 0.0
    return _said_and_shape(body, fast, deep, facts) + [(_DENSE + place, share) for place in sorted(words)]


def _said_and_shape(
    body: str, fast: Mapping[str, float], deep: Mapping[str, float] | None, facts: Mapping[str, Any]
) -> list[tuple[int, float]]:
    row = [(at, _squeezed(fast.get(name, 0.0))) for at, name in enumerate(ATTRIBUTES)]
    if deep is not None:
        row += [(len(ATTRIBUTES) + at, _squeezed(deep.get(name, 0.0))) for at, name in enumerate(ATTRIBUTES)]
        row.append((2 * len(ATTRIBUTES), 1.0))
    start = 2 * len(ATTRIBUTES) + 1
    shape = (
        math.log1p(len(facts.get("links") or ())),
        math.log1p(len(body)) / 5,
        float(facts.get("upper_share") or 0.0),
        math.log1p(int(facts.get("emails") or 0)),
        math.log1p(int(facts.get("phones") or 0)),
        0.0 if facts.get("language_certain", True) else 1.0,
    )
    return row + [(start + at, value) for at, value in enumerate(shape) if value]


def _words(body: str) -> list[int]:
    """Buckets of the words and pairs of words of a text, of at most its first 2,000 words."""
    kept = body[:20_000]
    if not kept.isascii():
        kept = unicodedata.normalize("NFKC", kept).encode("utf-8", "replace").decode()
    named = [zlib.crc32(word.encode()) for word in _WORD.findall(kept.casefold())[:2_000]]
    found = {one & _BUCKETS for one in named}
    found.update([(one * 31 ^ other) & _BUCKETS for one, other in itertools.pairwise(named)])
    return list(found)


def _squeezed(logit: float) -> float:
    return max(-3.0, min(3.0, logit / 4))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def _check(examples: Sequence[Example]) -> None:
    rejected = sum(example.value >= 0.5 for example in examples)
    approved = len(examples) - rejected
    if len(examples) < FEWEST or min(rejected, approved) < FEWEST_OF_A_KIND:
        raise TooFew(
            f"There are {approved} approved and {rejected} rejected comments to learn from; "
            f"it takes {FEWEST}, and {FEWEST_OF_A_KIND} of each kind."
        )

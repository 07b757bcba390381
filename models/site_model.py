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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models import ATTRIBUTES, artifact

LIKELY = "likely_to_reject"
WORD_BITS = 13
FORMAT = 1
_WORD = re.compile(r"\w+")
_SHAPE = ("links", "length", "upper_share", "emails", "phones", "uncertain")
_DENSE = 2 * len(ATTRIBUTES) + 1 + len(_SHAPE)
SIZE = _DENSE + (1 << WORD_BITS)
#: Words weigh less than the champion at first: a prior in the scale of the features.
_WORD_SCALE = 0.7
#: Of the comments that it approves, or rejects, this share may be wrong, by the upper end of its interval.
#: Where a newsroom rejects little, half of its own share of rejections is the bound: approving everything
#: would keep any looser one.
WRONGLY_APPROVED = 0.08
WRONGLY_REJECTED = 0.05
#: What is likelier than this to be rejected is looked at, even where the shipped model would publish it.
HOLD_ABOVE = 0.5
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
    """

    body: str
    fast: Mapping[str, float]
    deep: Mapping[str, float] | None
    facts: Mapping[str, Any]
    value: float
    weight: float = 1.0


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
    """

    version: str
    base: str
    weights: NDArray[np.float32]
    intercept: float
    approve_below: float | None = None
    reject_above: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)

    def likely(
        self, body: str, fast: Mapping[str, float], deep: Mapping[str, float] | None, facts: Mapping[str, Any]
    ) -> Learned:
        """:return: the probability and the lines that were drawn when it was trained."""
        logit = self.intercept
        for place, value in _features(body, fast, deep, facts):
            logit += float(self.weights[place]) * value
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
        weights = np.load(folder / "weights.npy", mmap_mode="r", allow_pickle=False)
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


def train(examples: Sequence[Example], *, version: str, base: str, seed: int = 7) -> SiteModel:
    """Learn from a newsroom's decisions, oldest first.

    The newest fifth is never trained on: the figures and the lines come from it and from
    cross-validation on the rest.

    :raises TooFew: fewer than 200 decisions, or fewer than 20 of a kind.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    _check(examples)
    values = np.array([example.value >= 0.5 for example in examples], dtype=int)
    weights = np.array([example.weight for example in examples])
    features = matrix(examples)
    cut = int(len(examples) * 0.8)
    if min(values[:cut].sum(), cut - values[:cut].sum()) < 5:
        raise TooFew("The older decisions are nearly all of one kind; more of both are needed.")

    def fitted(strength: float, rows: Any) -> Any:
        return LogisticRegression(C=strength, solver="liblinear", random_state=seed).fit(
            features[rows], values[rows], weights[rows]
        )

    folds = list(StratifiedKFold(4, shuffle=True, random_state=seed).split(np.arange(cut), values[:cut]))
    best, found = math.inf, np.zeros(cut)
    chosen = 0.1
    for strength in (0.02, 0.1, 0.5, 2.0):
        guesses = np.zeros(cut)
        for rows, rest in folds:
            guesses[rest] = fitted(strength, rows).predict_proba(features[rest])[:, 1]
        loss = _log_loss(values[:cut], guesses, weights[:cut])
        if loss < best:
            best, found, chosen = loss, guesses, strength
    held_out = fitted(chosen, np.arange(cut)).predict_proba(features[cut:])[:, 1]
    seen = np.concatenate([found, held_out])
    approve_below, reject_above = lines_for(values, seen)
    final = fitted(chosen, np.arange(len(examples)))
    return SiteModel(
        version=version,
        base=base,
        weights=final.coef_[0].astype(np.float32),
        intercept=float(final.intercept_[0]),
        approve_below=approve_below,
        reject_above=reject_above,
        metrics={
            "decisions": len(examples),
            "rejected": int(values.sum()),
            "strength": chosen,
            "held_out": {
                "decisions": len(examples) - cut,
                "auc": auc(values[cut:], held_out),
                "log_loss": _log_loss(values[cut:], held_out, weights[cut:]),
                "likely": [round(float(value), 5) for value in held_out],
                "rejected": values[cut:].tolist(),
            },
            "label_noise": noise(values, seen),
        },
    )


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


def lines_for(values: NDArray[Any], likely: NDArray[Any]) -> tuple[float | None, float | None]:
    """Where the newsroom's own record lets the machine decide what the champion would hold.

    The widest range at each end in which decisions went the other way at most so often, by the
    upper end of an 80 % Wilson interval (E. B. Wilson, JASA 22 (1927) 209-212).

    :return: (approve below, reject from), None where no such range exists.
    """
    allowed = min(WRONGLY_APPROVED, float(np.mean(values)) / 2)
    order = np.argsort(likely)
    wrong_below = np.cumsum(values[order])
    wrong_above = np.cumsum(1 - values[order][::-1])
    counts = range(1, len(values) + 1)
    approve = [n for n, wrong in zip(counts, wrong_below, strict=True) if _upper(wrong, n) <= allowed]
    reject = [n for n, wrong in zip(counts, wrong_above, strict=True) if _upper(wrong, n) <= WRONGLY_REJECTED]
    sorted_likely = likely[order]
    below = float(sorted_likely[approve[-1] - 1]) if approve else None
    above = float(sorted_likely[len(values) - reject[-1]]) if reject else None
    if below is not None and above is not None and below >= above:
        below, above = above, below  # nearly no doubt anywhere: the two ranges overlap
    return below, above


def auc(values: Any, likely: Any) -> float | None:
    """Area under the ROC curve; None with one kind only."""
    values, likely = np.asarray(values), np.asarray(likely)
    positive = int(values.sum())
    if positive in (0, len(values)):
        return None
    order = likely.argsort()
    ranks = np.empty(len(likely))
    sorted_likely = likely[order]
    _, first, counts = np.unique(sorted_likely, return_index=True, return_counts=True)
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    return float(
        (ranks[values == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(values) - positive))
    )


def gain_interval(
    values: Sequence[int], ours: Sequence[float], theirs: Sequence[float], *, rounds: int = 400, seed: int = 7
) -> tuple[float, float, float]:
    """How much better one ranking of the same decisions is than another: AUC difference, 95 % bootstrap.

    :return: (difference, low, high).
    """
    draw = np.random.default_rng(seed)
    y, a, b = np.asarray(values), np.asarray(ours), np.asarray(theirs)
    differences = []
    for _ in range(rounds):
        rows = draw.integers(0, len(y), len(y))
        first, second = auc(y[rows], a[rows]), auc(y[rows], b[rows])
        if first is not None and second is not None:
            differences.append(first - second)
    whole = (auc(y, a) or 0.5) - (auc(y, b) or 0.5)
    if not differences:
        return whole, -1.0, 1.0
    low, high = np.quantile(differences, [0.025, 0.975])
    return whole, float(low), float(high)


def noise(values: NDArray[Any], likely: NDArray[Any]) -> float:
    """Estimated share of wrong labels: confidently contradicted by a model that has not seen them.

    Source: Northcutt, Jiang, Chuang, J. Artif. Intell. Res. 70 (2021) 1373-1411 (confident learning).
    """
    rejected, approved = likely[values == 1], likely[values == 0]
    if not len(rejected) or not len(approved):
        return 0.0
    wrong = (rejected < np.mean(approved)).sum() + (approved > np.mean(rejected)).sum()
    return round(float(wrong / len(values)), 4)


def baseline(fast: Mapping[str, float], deep: Mapping[str, float] | None) -> float:
    """What the champion alone says about rejection: its highest logit over all attributes."""
    said = deep or fast
    return max(float(value) for value in said.values())


def _features(
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
    row += [(start + at, value) for at, value in enumerate(shape) if value]
    words = set(_words(body))
    share = _WORD_SCALE / math.sqrt(len(words)) if words else 0.0
    return row + [(_DENSE + place, share) for place in sorted(words)]


def _words(body: str) -> list[int]:
    """Buckets of the words and pairs of words of a text, at most the first 2,000."""
    words = _WORD.findall(unicodedata.normalize("NFKC", body[:20_000]).casefold())[:2_000]
    pairs = [f"{first} {second}" for first, second in itertools.pairwise(words)]
    mask = (1 << WORD_BITS) - 1
    return [zlib.crc32(word.encode("utf-8", "replace")) & mask for word in (*words, *pairs)]


def _squeezed(logit: float) -> float:
    return max(-3.0, min(3.0, logit / 4))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def _upper(wrong: float, count: float, z: float = 1.2816) -> float:
    share = wrong / count
    middle = share + z * z / (2 * count)
    return float(
        (middle + z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
        / (1 + z * z / count)
    )


def _log_loss(values: Any, likely: Any, weights: Any) -> float:
    kept = np.clip(likely, 1e-6, 1 - 1e-6)
    return float(np.average(-(values * np.log(kept) + (1 - values) * np.log(1 - kept)), weights=weights))


def _check(examples: Sequence[Example]) -> None:
    rejected = sum(example.value >= 0.5 for example in examples)
    approved = len(examples) - rejected
    if len(examples) < FEWEST or min(rejected, approved) < FEWEST_OF_A_KIND:
        raise TooFew(
            f"There are {approved} approved and {rejected} rejected comments to learn from; "
            f"it takes {FEWEST}, and {FEWEST_OF_A_KIND} of each kind."
        )

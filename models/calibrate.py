"""Turn logits into probabilities, on rows that trained nothing; combine the tiers; learn when one
will do.
"""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge

from models import ATTRIBUTES
from models.corpora import OF_HATE
from models.deep_tier import DeepTier
from models.fast import SURE, calibrated
from models.features import Array
from models.measures import auc

Frame = Any
_BINS = 24
_MOST_ROWS = 600
_LEAST_AUC, _LEAST_ROWS = 0.85, 300
# The probability that a comment is spam, stated: 5 in 100 news comments.
SPAM_PRIOR = 0.05
_LEAST_IN_BIN = 6


def natural(frame: Frame, attribute: str) -> Array:
    """Weights of the rows that show an attribute at its natural rate; zero elsewhere."""
    known = frame[attribute].notna().to_numpy()
    corpus, is_natural = frame["corpus"].to_numpy(), (frame["natural"] == 1).to_numpy()
    weight = (known & is_natural & np.isin(corpus, ("civil_comments", "jigsaw_wiki"))).astype(float)
    if attribute == "spam":
        spam = (frame["spam"] == 1).to_numpy()
        ham = known & ~spam & (corpus == "civil_comments")
        weight = np.where(spam, SPAM_PRIOR / max(spam.sum(), 1), 0.0)
        weight = np.where(ham, (1 - SPAM_PRIOR) / max(ham.sum(), 1), weight) * len(frame)
    elif attribute == "toxicity":
        for name in ("civil_comments", "jigsaw_wiki"):  # each counts alike, however many rows it has
            mine = (corpus == name) & (weight > 0)
            weight[mine] *= weight.sum() / 2 / max(mine.sum(), 1)
    if not weight.any():
        weight = known.astype(float)
    return np.asarray(weight)


def line_through(logit: Array, target: Array, weight: Array) -> list[list[float]]:
    """A monotone line through (logit, probability): isotonic regression over equal-weight bins, so that no
    two
    logits share a probability and the order of comments is kept."""
    used = weight > 0
    logit, target, weight = logit[used], target[used], weight[used]
    order = np.argsort(logit, kind="stable")
    logit, target, weight = logit[order], target[order], weight[order]
    # Bins hold equal shares of the positives' and of all weight, so that the rare end is drawn finely too.
    share = np.cumsum(weight) / weight.sum() + np.cumsum(weight * target) / max((weight * target).sum(), 1e-9)
    bins = np.minimum((share / 2 * _BINS).astype(int), _BINS - 1)
    xs, ys, ws = [], [], []
    for one in np.unique(bins):
        mine = bins == one
        total = weight[mine].sum()
        xs.append(float(np.average(logit[mine], weights=weight[mine])))
        ys.append(float((weight[mine] * target[mine]).sum() / total))
        ws.append(float(total))
    smooth = IsotonicRegression(y_min=1e-4, y_max=1 - 1e-4, out_of_bounds="clip").fit(
        xs, ys, sample_weight=ws
    )
    level = smooth.predict(xs)
    points_x, points_y = (
        [xs[0] - 8.0, *xs, xs[-1] + 8.0],
        [level[0] * 0.02, *level, 1 - (1 - level[-1]) * 0.1],
    )
    for at in range(1, len(points_y)):  # strictly rising: ties would make equals of different comments
        points_y[at] = min(max(points_y[at], points_y[at - 1] + 1e-6), 1 - 1e-7)
    return [[float(x) for x in points_x], [float(y) for y in points_y]]


def deep_logits(frame: Frame, deep: Path, cache: Path | None) -> Array:
    """The deep tier's logits of a frame's texts, kept in ``cache``."""
    from rich.progress import Progress

    texts = frame["model_text"].tolist()
    digest = hashlib.sha256((deep / "deep.onnx").read_bytes())
    for text in texts:
        digest.update(text.encode("utf-8", "replace"))
    kept = cache / f"deep-{digest.hexdigest()[:16]}.npy" if cache else None
    if kept is not None and kept.is_file():
        return np.asarray(np.load(kept, allow_pickle=False))
    tier = DeepTier.load(deep)
    if tier is None:
        raise RuntimeError("the deep tier needs onnxruntime and tokenizers")
    out = np.zeros((len(texts), len(ATTRIBUTES)))
    with Progress() as progress:
        task = progress.add_task("Asking the deep tier …", total=len(texts))
        for begin in range(0, len(texts), 256):
            out[begin : begin + 256] = tier.logits(texts[begin : begin + 256])
            progress.update(task, completed=begin + 256)
    if kept is not None:
        np.save(kept, out, allow_pickle=False)
    return out


def calibration(
    frame: Frame, logits: Array, deep: Path | None, out: Path, cache: Path | None, seed: int
) -> dict[str, Any]:
    """All that calibration rows decide: lines through probabilities, stacker, bands, default lines."""
    numbers: dict[str, Any] = {
        "calibration": {"fast": _lines_through(frame, logits)},
    }
    numbers["lines"] = DEFAULT_LINES
    numbers["languages"] = languages(frame, logits)
    if deep is None:
        return numbers
    english = _asked(frame)
    mine = frame[english].reset_index(drop=True)
    quick, slow = logits[english], deep_logits(mine, deep, cache)
    stack, models = stacker(mine, quick, slow, seed)
    both = np.concatenate([quick, slow], axis=1) @ np.array(stack["weights"]) + np.array(stack["intercept"])
    numbers["stack"] = stack
    numbers["calibration"]["both"] = _lines_through(mine, both)
    numbers["gate"] = gate(mine, quick, both, numbers["calibration"])
    _keep(models, out)
    return numbers


def languages(frame: Frame, logits: Array) -> list[str]:
    """The languages whose calibration rows are ranked by toxicity with an AUC of 0.85 or more."""
    found = []
    for tag in sorted(set(frame["lang"]) - {""}):
        mine = ((frame["lang"] == tag) & frame["toxicity"].notna()).to_numpy()
        ranked = auc(frame.loc[mine, "toxicity"].to_numpy(float), logits[mine, ATTRIBUTES.index("toxicity")])
        if ranked is not None and ranked >= _LEAST_AUC and mine.sum() >= _LEAST_ROWS:
            found.append(tag)
    return found or ["en"]


def _asked(frame: Frame) -> Array:
    """The rows that the deep tier is asked about: English, every natural one, some of each other corpus."""
    place = frame.groupby("corpus").cumcount().to_numpy()
    wild = (frame["natural"] == 1).to_numpy()
    return np.asarray((frame["lang"] == "en").to_numpy() & (wild | (place < _MOST_ROWS)))


def _lines_through(frame: Frame, logits: Array) -> dict[str, list[list[float]]]:
    return {
        attribute: line_through(
            logits[:, at], np.nan_to_num((frame[attribute] >= 0.5).to_numpy(float)), natural(frame, attribute)
        )
        for at, attribute in enumerate(ATTRIBUTES)
    }


def stacker(
    frame: Frame, quick: Array, slow: Array, seed: int
) -> tuple[dict[str, Any], list[LogisticRegression]]:
    """One logistic regression for each attribute over both tiers' logits of it."""
    heads = len(ATTRIBUTES)
    weights, intercept, models = np.zeros((2 * heads, heads)), np.zeros(heads), []
    for at, attribute in enumerate(ATTRIBUTES):
        target = frame[attribute].to_numpy(float)
        known = ~np.isnan(target)
        if attribute == "toxicity":  # not what their raters looked for: they would cost the ranking of news
            known &= ~np.isin(frame["corpus"].to_numpy(str), list(OF_HATE))
        used = sorted({at, heads + at})
        model = LogisticRegression(C=1.0, random_state=seed)
        # Every corpus that speaks to the attribute has the same say, the natural news rows three times that.
        say = np.ones(len(frame))
        corpus = frame["corpus"].to_numpy()
        for name in np.unique(corpus[known]):
            rows = known & (corpus == name)
            say[rows] = (3.0 if name == "civil_comments" else 1.0) * known.sum() / rows.sum()
        say *= known.sum() / say[known].sum()
        inputs = np.concatenate([quick, slow], axis=1)[known][:, used]
        model.fit(inputs, target[known] >= 0.5, sample_weight=say[known])
        weights[used, at], intercept[at] = model.coef_[0], model.intercept_[0]
        models.append(model)
    return {"weights": weights.tolist(), "intercept": intercept.tolist()}, models


def gate(frame: Frame, quick: Array, both: Array, lines: dict[str, Any]) -> dict[str, Any]:
    """For each attribute: what the combined score will be, as far as the fast tier's seven scores tell.

    A mean, linear in them, and the spread around it, which depends on the mean; all in log-odds of calibrated
    scores. Where a mean is far from a line, measured in spreads, the deep tier need not be asked.
    """
    before, after = _log_odds(quick, lines["fast"]), _log_odds(both, lines["both"])
    found: dict[str, Any] = {}
    for at, attribute in enumerate(ATTRIBUTES):
        weight = natural(frame, attribute)
        mine = weight > 0
        told = Ridge(alpha=1.0).fit(before[mine], after[mine, at], sample_weight=weight[mine])
        mean = told.predict(before[mine])
        missed = (after[mine, at] - mean) ** 2
        edges = np.unique(np.quantile(mean, np.concatenate([np.linspace(0, 0.9, 9), [0.95, 0.98, 1.0]])))
        places, spreads = [], []
        for left, right in itertools.pairwise(edges):
            inside = (mean >= left) & (mean <= right)
            if inside.sum() >= _LEAST_IN_BIN:
                places.append(float((left + right) / 2))
                spreads.append(float(np.sqrt(missed[inside].mean())))
        found[attribute] = {
            "weights": told.coef_.tolist(),
            "intercept": float(told.intercept_),
            "mean": places or [0.0],
            "spread": spreads or [float(np.sqrt(missed.mean()))],
        }
    return found


def _log_odds(logits: Array, lines: dict[str, list[list[float]]]) -> Array:
    """Log-odds of calibrated scores (rows, attributes) of uncalibrated logits."""
    scores = np.stack([calibrated(lines[a], logits[:, at]) for at, a in enumerate(ATTRIBUTES)], axis=1)
    scores = np.clip(scores, SURE, 1.0 - SURE)
    return np.asarray(np.log(scores / (1.0 - scores)))


def _keep(models: list[LogisticRegression], out: Path) -> None:
    """The fitted stackers as scikit-learn objects, beside the plain numbers that scoring reads."""
    from skops import io

    io.dump(dict(zip(ATTRIBUTES, models, strict=True)), out / "stackers.skops")


# Where the default policy draws its lines (hold, reject). Both mistakes count: of clean news comments at most
# 8 % may be held and 1 % rejected, and at least 85 % of abusive ones must be stopped. Within these bounds the
# lines lie where most functional cases come out right; the model card says what they do.
DEFAULT_LINES = {
    "spam": [0.65, 0.8],
    "toxicity": [0.25, 0.85],
    "severe_toxicity": [0.3, 0.8],
    "obscene": [0.8, 0.97],
    "threat": [0.3, 0.95],
    "insult": [0.6, 0.95],
    "identity_attack": [0.6, 0.95],
}

"""What a newsroom's own record says of its model: calibration, ranking, the lines it may decide at, slips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Of the comments that it approves, or rejects, this share may be wrong, by the upper end of its interval.
#: Where a newsroom rejects little, half of its own share of rejections is the bound: approving everything
#: would keep any looser one.
WRONGLY_APPROVED = 0.08
WRONGLY_REJECTED = 0.05


def calibration(logits: NDArray[Any], values: NDArray[Any], weights: NDArray[Any]) -> tuple[float, float]:
    """Scale and shift that turn this newsroom's logits into probabilities.

    Source: J. Platt, Advances in Large Margin Classifiers (1999) 61-74, with his smoothed targets; by Newton.
    """
    rejected = float(values.sum())
    targets = np.where(values == 1, (rejected + 1) / (rejected + 2), 1 / (len(values) - rejected + 2))
    # Old decisions weigh little: only their proportions matter, against the ridge below.
    weights = weights / weights.mean()
    scale, shift = 1.0, 0.0
    for _ in range(50):
        said = sigmoids(scale * logits + shift)
        error, bend = weights * (said - targets), weights * said * (1 - said)
        slope = np.array([error @ logits, error.sum()])
        curve = np.array([[bend @ logits**2, bend @ logits], [bend @ logits, bend.sum()]]) + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        scale, shift = scale - float(step[0]), shift - float(step[1])
        if abs(step).max() < 1e-6:
            break
    # A ranking that says nothing must not be turned upside down.
    return (scale, shift) if math.isfinite(scale) and scale > 0 else (1.0, 0.0)


def calibrated(logits: NDArray[Any], by: tuple[float, float]) -> NDArray[Any]:
    return sigmoids(by[0] * logits + by[1])


def sigmoids(logits: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30.0, 30.0))))


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


def _upper(wrong: float, count: float, z: float = 1.2816) -> float:
    share = wrong / count
    middle = share + z * z / (2 * count)
    return float(
        (middle + z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
        / (1 + z * z / count)
    )


def log_loss(values: Any, likely: Any, weights: Any) -> float:
    kept = np.clip(likely, 1e-6, 1 - 1e-6)
    return float(np.average(-(values * np.log(kept) + (1 - values) * np.log(1 - kept)), weights=weights))

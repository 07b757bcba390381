"""Figures of merit, each a few lines: AUC, calibration error, Borkan's subgroup AUCs, balanced accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.metrics import roc_auc_score

from models.features import Array


def auc(target: Array, score: Array) -> float | None:
    """Area under the ROC curve; None where only one class is there."""
    hard = np.asarray(target) >= 0.5
    return round(float(roc_auc_score(hard, score)), 4) if 0 < hard.sum() < len(hard) else None


def calibration_error(
    target: Array, probability: Array, weight: Array | None = None, bins: int = 15
) -> float:
    """Expected calibration error over ``bins`` equal-width bins.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015.
    """
    target, probability = np.asarray(target, float), np.asarray(probability, float)
    weight = np.ones(len(target)) if weight is None else np.asarray(weight, float)
    at = np.minimum((probability * bins).astype(int), bins - 1)
    total = np.bincount(at, weight, bins)
    gap = np.bincount(at, weight * probability, bins) - np.bincount(at, weight * target, bins)
    return round(float(np.abs(gap).sum() / total.sum()), 4)


def reliability(
    target: Array, probability: Array, weight: Array | None = None, bins: int = 15
) -> list[list[float]]:
    """(mean probability, share of positives, rows) of each bin that holds rows.

    :param weight: of each row in mean and share, as in :func:`calibration_error`; rows count without it.
    """
    target, probability = np.asarray(target, float) >= 0.5, np.asarray(probability, float)
    weight = np.ones(len(target)) if weight is None else np.asarray(weight, float)
    at = np.minimum((probability * bins).astype(int), bins - 1)
    return [
        [
            round(float(np.average(probability[at == b], weights=weight[at == b])), 4),
            round(float(np.average(target[at == b], weights=weight[at == b])), 4),
            int((at == b).sum()),
        ]
        for b in range(bins)
        if (at == b).any()
    ]


def subgroup_aucs(target: Array, score: Array, group: Array) -> dict[str, dict[str, float | None]]:
    """Subgroup, BPSN and BNSP AUC of each group.

    BPSN: the group's clean rows against the others' toxic rows; BNSP: its toxic rows against the others'
    clean.
    Source: Borkan et al., Nuanced Metrics for Measuring Unintended Bias, WWW 2019.
    """
    toxic = np.asarray(target) >= 0.5
    found: dict[str, dict[str, float | None]] = {}
    for name in np.unique(group):
        inside = group == name
        parts = {
            "subgroup": inside,
            "bpsn": (inside & ~toxic) | (~inside & toxic),
            "bnsp": (inside & toxic) | (~inside & ~toxic),
        }
        found[str(name)] = {part: auc(toxic[rows], score[rows]) for part, rows in parts.items()}
    return found


def curve(target: Array, score: Array, points: int = 60) -> dict[str, list[float]]:
    """ROC and precision-recall at up to ``points`` cuts, for plots."""
    hard = np.asarray(target) >= 0.5
    order = np.argsort(-np.asarray(score), kind="stable")
    hits, misses = np.cumsum(hard[order]), np.cumsum(~hard[order])
    at = np.unique(np.linspace(0, len(order) - 1, points).astype(int))
    return {
        "true_positive_rate": [round(float(x), 4) for x in hits[at] / max(hits[-1], 1)],
        "false_positive_rate": [round(float(x), 4) for x in misses[at] / max(misses[-1], 1)],
        "precision": [round(float(x), 4) for x in hits[at] / (hits[at] + misses[at])],
    }


def outcome(scores: Mapping[str, float], lines: Mapping[str, tuple[float, float]]) -> str:
    """What the lines alone make of scores: ``approve``, ``hold`` or ``reject``; a score on a line takes the
    stricter side."""
    if any(scores[a] >= reject for a, (_, reject) in lines.items()):
        return "reject"
    return "hold" if any(scores[a] >= hold for a, (hold, _) in lines.items()) else "approve"

"""Fit one linear head on its own rows: naive-Bayes scaled logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from models import features, structure
from models.features import Array

_LEAST_DOCUMENTS = 3
_SMOOTHING = 1.0
_LEAST_RATIO = 0.1
SOLVER: dict[str, Any] = {"solver": "liblinear", "dual": True, "tol": 0.05, "max_iter": 12}


def idf_of(counts: Any) -> Array:
    """Inverse document frequency of each bucket; zero where it was met in fewer than three texts."""
    documents = np.bincount(counts.indices, minlength=features.BUCKETS)
    idf = np.log((1.0 + counts.shape[0]) / (1.0 + documents)) + 1.0
    return np.where(documents >= _LEAST_DOCUMENTS, idf, 0.0)


def weighed(counts: Any, idf: Array) -> Any:
    """tf-idf with unit rows, from counts, by the idf that the artifact will hold."""
    matrix = counts.astype(np.float32)
    matrix.data = matrix.data * idf.astype(np.float32)[matrix.indices]
    squares = np.add.reduceat(
        np.append(matrix.data**2, np.float32(0)), np.minimum(matrix.indptr[:-1], len(matrix.data))
    )
    squares[np.diff(matrix.indptr) == 0] = 0
    norms = np.sqrt(squares)
    matrix.data /= np.repeat(np.where(norms > 0, norms, 1.0).astype(np.float32), np.diff(matrix.indptr))
    return matrix


def softened(target: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Rows with a fractional target become two weighted rows: (row numbers, hard targets, weights)."""
    at = np.arange(len(target))
    rows = np.concatenate([at, at])
    hard = np.concatenate([np.ones(len(target)), np.zeros(len(target))])
    weights = np.concatenate([weight * target, weight * (1.0 - target)])
    used = weights > 1e-9
    return rows[used], hard[used], weights[used]


def fit(
    matrix: Any,
    shapes: Array,
    target: Array,
    weight: Array,
    group: Array,
    *,
    home: str,
    strength: float,
    columns: Array,
    seed: int,
) -> tuple[Array, float, Array, LogisticRegression]:
    """Fit one head.

    Corpora differ in how many of their rows are positive, for reasons of how they were collected. Each
    group gets
    an intercept of its own, so that the words need not explain it; the head keeps the intercept of ``home``.

    :param target: in [0, 1]; a fraction is a share of raters.
    :param group: name of the group that each row was collected with.
    :param strength: inverse regularisation (scikit-learn's C).
    :param columns: which structure numbers this head may use.
    :return: weights (buckets) to apply to tf-idf, intercept, structure weights, and the fitted estimator.
    """
    positive = _mass(matrix, weight * target)
    negative = _mass(matrix, weight * (1.0 - target))
    ratio = np.log((positive + _SMOOTHING) / ((weight * target).sum() + _SMOOTHING)) - np.log(
        (negative + _SMOOTHING) / ((weight * (1.0 - target)).sum() + _SMOOTHING)
    )
    # A feature as frequent among the ones as among the others tells nothing and costs time.
    tells = (np.abs(ratio) > _LEAST_RATIO) & (positive + negative > 0)
    ratio = np.where(tells, ratio, 0.0).astype(np.float32)
    rows, hard, weights = softened(target, weight)
    scaled = matrix.copy()
    scaled.data *= ratio[scaled.indices]
    scaled.eliminate_zeros()
    names = sorted(set(group) - {home})
    member = (group[:, None] == np.array(names, dtype=object)[None, :]).astype(np.float32)
    dense = sparse.csr_matrix(np.concatenate([shapes[:, columns], 2.0 * member], axis=1))
    wide = sparse.hstack([scaled, dense], format="csr", dtype=np.float32)[rows]
    model = LogisticRegression(C=strength, **SOLVER, random_state=seed)
    model.fit(wide, hard, sample_weight=weights)
    coefficient = model.coef_[0].astype(np.float64)
    shape_weights = np.zeros(len(structure.NAMES))
    shape_weights[columns] = coefficient[features.BUCKETS : features.BUCKETS + len(columns)]
    return coefficient[: features.BUCKETS] * ratio, float(model.intercept_[0]), shape_weights, model


def _mass(matrix: Any, weight: Array) -> Array:
    """Weighted number of texts that hold each bucket."""
    per_value = np.repeat(weight, np.diff(matrix.indptr))
    return np.bincount(matrix.indices, weights=per_value, minlength=features.BUCKETS)

"""May a newsroom's new model take over? Each line is a measurement with its bound; all must be passed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from models.scorer import Scorer, Text
from models.site_model import FEWEST, Example, SiteModel, auc, baseline, gain_interval

#: A term's clean sentences may look at most this much likelier to be rejected than all clean sentences do.
TERM_RATIO = 2.0
#: What the newsroom's model may add to the time that the champion takes for a comment.
SLOWER = 0.25
#: On texts that nobody's taste should change, it may rank worse than the champion by at most this much.
SHIPPED_LOSS = 0.05


def measure(
    model: SiteModel, held_out: Sequence[Example], *, scorer: Scorer, before: SiteModel | None = None
) -> dict[str, dict[str, Any]]:
    """Try a new model.

    :param held_out: the site's newest decisions; the model's metrics hold what it said of them before it saw
        them.
    :param before: the site's model until now; None compares with the champion alone.
    :return: line -> {"passed", "value", "bound", "interval"?}, JSON-able.
    """
    said = model.metrics["held_out"]
    return {
        "decisions": _line(model.metrics["decisions"] >= FEWEST, model.metrics["decisions"], FEWEST),
        "better": _better(said["rejected"], said["likely"], _until_now(held_out, before)),
        "shipped": _shipped(model, scorer),
        "fairness": _fairness(model, scorer),
        "speed": _speed(model, scorer, [example.body for example in held_out[:200]]),
    }


def _until_now(held_out: Sequence[Example], before: SiteModel | None) -> list[float]:
    if before is None:
        return [baseline(example.fast, example.deep) for example in held_out]
    return [before.likely(one.body, one.fast, one.deep, one.facts).likely for one in held_out]


def _better(rejected: Sequence[int], ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    difference, low, high = gain_interval(rejected, ours, theirs)
    return _line(low > 0, round(difference, 4), 0.0) | {"interval": [round(low, 4), round(high, 4)]}


def _shipped(model: SiteModel, scorer: Scorer) -> dict[str, Any]:
    """Plain cases of the shipped suite: what is clean and what is abuse in any newsroom."""
    clean, abusive = _identity_sentences()
    texts = [text for _, text in clean] + [text for _, text in abusive]
    scored = scorer.score([Text(body=text, language="en") for text in texts])
    truth = [0] * len(clean) + [1] * len(abusive)
    ours = [
        model.likely(text, one.fast, one.deep, one.facts).likely
        for text, one in zip(texts, scored, strict=True)
    ]
    theirs = [baseline(one.fast, one.deep) for one in scored]
    loss = (auc(truth, theirs) or 0.5) - (auc(truth, ours) or 0.5)
    return _line(loss <= SHIPPED_LOSS, round(loss, 4), SHIPPED_LOSS)


def _fairness(model: SiteModel, scorer: Scorer) -> dict[str, Any]:
    """Identity terms alone must not make a comment likelier to be rejected."""
    clean, _ = _identity_sentences()
    scored = scorer.score([Text(body=text, language="en") for _, text in clean])
    likely = np.array(
        [
            model.likely(text, one.fast, one.deep, one.facts).likely
            for (_, text), one in zip(clean, scored, strict=True)
        ]
    )
    terms = np.array([term for term, _ in clean])
    # An average of next to nothing would make any term look unfair.
    average = max(float(likely.mean()), 0.02)
    worst = max(float(likely[terms == term].mean()) for term in np.unique(terms)) / average
    return _line(worst <= TERM_RATIO, round(worst, 3), TERM_RATIO)


def _speed(model: SiteModel, scorer: Scorer, bodies: Sequence[str]) -> dict[str, Any]:
    scored = scorer.score([Text(body=body) for body in bodies], deep=False)
    began = time.perf_counter()
    scorer.score([Text(body=body) for body in bodies], deep=False)
    alone = time.perf_counter() - began
    began = time.perf_counter()
    for body, one in zip(bodies, scored, strict=True):
        model.likely(body, one.fast, one.deep, one.facts)
    added = (time.perf_counter() - began) / alone if alone else 0.0
    return _line(added <= SLOWER, round(added, 3), SLOWER)


def _identity_sentences() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    listed = json.loads(resources.files("models.cases").joinpath("identity.json").read_text("utf-8"))

    def filled(kind: str) -> list[tuple[str, str]]:
        return [
            (term, pattern.format(one=one, many=many))
            for term, one, many in listed["terms"]
            for pattern in listed[kind]
        ]

    return filled("clean"), filled("toxic")


def _line(passed: bool, value: float, bound: float) -> dict[str, Any]:
    return {"passed": bool(passed), "value": value, "bound": bound}

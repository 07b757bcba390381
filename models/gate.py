"""May a newsroom's new model take over? Each line is a measurement with its bound; all must be passed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

import numpy as np

from models.scorer import Scorer, Text
from models.site_measures import auc, gain_interval
from models.site_model import FEWEST, Example, SiteModel, baseline, judges_of

#: A term's clean sentences may look at most this much likelier to be rejected than all clean sentences do.
TERM_RATIO = 2.0
#: What the newsroom's model may add to the time that the champion takes for a comment.
SLOWER = 0.25
#: On fewer decisions that neither of two models has seen, one cannot be called better.
FEWEST_COMPARED = 50
MOST_COMPARED = 2_000
#: On texts that nobody's taste should change, it may rank worse than the champion by at most this much.
SHIPPED_LOSS = 0.05


def measure(
    model: SiteModel,
    examples: Sequence[Example],
    *,
    scorer: Scorer,
    before: SiteModel | None = None,
    seen_before: int = 0,
) -> dict[str, dict[str, Any]]:
    """Try a model that was just trained.

    :param examples: what it was trained on, oldest first. It is compared on the newest of them, by what it
        said before it had seen each.
    :param before: the site's model until now; None compares with the champion alone.
    :param seen_before: the first so many of ``examples`` taught ``before``: nothing is compared on them.
    :return: line -> {"passed", "value", "bound", "interval"?}, JSON-able.
    """
    judging = judges_of(examples)
    compared = [at for at, place in enumerate(judging) if place >= seen_before][-MOST_COMPARED:]
    newest = [examples[judging[at]] for at in compared]
    by_people = model.metrics["by_people"]
    return {
        "decisions": _line(by_people >= FEWEST, by_people, FEWEST),
        "better": _better(newest, [model.unseen[at] for at in compared], before),
        "shipped": _shipped(model, scorer),
        "fairness": _fairness(model, scorer),
        "speed": _speed(model, scorer, [example.body for example in newest[-100:]]),
    }


def _better(newest: Sequence[Example], ours: Sequence[float], before: SiteModel | None) -> dict[str, Any]:
    rejected = [int(one.value >= 0.5) for one in newest]
    if before is None:
        theirs = [baseline(one.fast, one.deep) for one in newest]
    else:
        theirs = [before.likely(one.body, one.fast, one.deep, one.facts).likely for one in newest]
    if len(rejected) < FEWEST_COMPARED:
        return _line(False, 0.0, 0.0) | {"interval": [-1.0, 1.0]}
    difference, low, high = gain_interval(rejected, ours, theirs)
    return _line(low > 0, round(difference, 4), 0.0) | {"interval": [round(low, 4), round(high, 4)]}


def _shipped(model: SiteModel, scorer: Scorer) -> dict[str, Any]:
    """The shipped cases: what is clean and what is abuse in any newsroom."""
    clean, abusive = _identity_sentences()
    cases = _listed("functional.json")["cases"].values()
    texts = [text for _, text in (*clean, *abusive)] + [text for case in cases for text in case["texts"]]
    truth = [0] * len(clean) + [1] * len(abusive)
    truth += [int(case["abuse"]) for case in cases for _ in case["texts"]]
    scored = scorer.score([Text(body=text, language="en") for text in texts])
    ours = [
        model.likely(text, one.fast, one.deep, one.facts).likely
        for text, one in zip(texts, scored, strict=True)
    ]
    theirs = [baseline(one.fast, one.deep) for one in scored]
    loss = (auc(truth, theirs) or 0.5) - (auc(truth, ours) or 0.5)
    return _line(loss <= SHIPPED_LOSS, round(loss, 4), SHIPPED_LOSS)


def _fairness(model: SiteModel, scorer: Scorer) -> dict[str, Any]:
    """Identity terms alone must not make a comment likelier to be rejected than they do already.

    Where the shipped model itself is further from fair than the bound, its own ratio is the bound.
    """
    clean, _ = _identity_sentences()
    scored = scorer.score([Text(body=text, language="en") for _, text in clean])
    likely = [
        model.likely(text, one.fast, one.deep, one.facts).likely
        for (_, text), one in zip(clean, scored, strict=True)
    ]
    terms = [term for term, _ in clean]
    shipped = _worst_ratio(terms, [max(one.scores.values()) for one in scored])
    worst, bound = _worst_ratio(terms, likely), round(max(TERM_RATIO, shipped), 3)
    return _line(worst <= bound, round(worst, 3), bound)


def _worst_ratio(terms: Sequence[str], likely: Sequence[float]) -> float:
    """Of all terms, the highest mean over the mean of all sentences."""
    named, values = np.array(terms), np.array(likely)
    # An average of next to nothing would make any term look unfair.
    average = max(float(values.mean()), 0.02)
    return max(float(values[named == term].mean()) for term in np.unique(named)) / average


def _speed(model: SiteModel, scorer: Scorer, bodies: Sequence[str]) -> dict[str, Any]:
    texts = [Text(body=body) for body in bodies]
    scored = scorer.score(texts)

    def own() -> None:
        for body, one in zip(bodies, scored, strict=True):
            model.likely(body, one.fast, one.deep, one.facts)

    alone = _work(lambda: scorer.score(texts))
    added = _work(own) / alone if alone else 0.0
    return _line(added <= SLOWER, round(added, 3), SLOWER)


def _work(done: Callable[[], object]) -> float:
    """Processor seconds, the least of three: a busy machine must not make a model look slow."""
    taken = []
    for _ in range(3):
        began = time.thread_time()
        done()
        taken.append(time.thread_time() - began)
    return min(taken)


def _identity_sentences() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    listed = _listed("identity.json")

    def filled(kind: str) -> list[tuple[str, str]]:
        return [
            (term, pattern.format(one=one, many=many))
            for term, one, many in listed["terms"]
            for pattern in listed[kind]
        ]

    return filled("clean"), filled("toxic")


def _listed(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(resources.files("models.cases").joinpath(name).read_text("utf-8"))
    return read


def _line(passed: bool, value: float, bound: float) -> dict[str, Any]:
    return {"passed": bool(passed), "value": value, "bound": bound}

"""Rows of the model: one core, the fast tier against scikit-learn's TF-IDF, the cascade against always asking."""

from __future__ import annotations

import time
from typing import Any

from models import ATTRIBUTES
from models.scorer import Scorer, Text
from tests.bench.rows import Bench, Figure, figure, in_turns, row


def reference_model(bench: Bench) -> Any:
    """scikit-learn's TfidfVectorizer, word 1-2 and char 2-5, with one LogisticRegression for each attribute."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_union

    texts = bench.texts[: 1_000 if bench.short else 10_000]
    vectorizer = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char", ngram_range=(2, 5), sublinear_tf=True, max_features=None),
    )
    features = vectorizer.fit_transform(texts)
    # What is learned does not matter for speed; the labels only need both classes.
    labels = [number % 2 for number in range(len(texts))]
    heads = [LogisticRegression(tol=0.01, max_iter=200).fit(features, labels) for _ in ATTRIBUTES]

    def score(batch: list[str]) -> None:
        found = vectorizer.transform(batch)
        for head in heads:
            head.predict_proba(found)

    return score


def _per_second(work: Any, texts: list[str], size: int, seconds: float) -> float:
    done, began, place = 0, time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        batch = texts[place : place + size]
        if len(batch) < size:
            place = 0
            continue
        work(batch)
        done += size
        place += size
    return done / (time.perf_counter() - began)


@row("score")
def score(bench: Bench) -> list[Figure]:
    scorer, reference = Scorer.load(), reference_model(bench)
    texts = bench.texts
    seconds = 1.0 if bench.short else 2.0

    def ours(batch: list[str]) -> None:
        scorer.score([Text(body=text) for text in batch], deep=False)

    ours(texts[:64])
    reference(texts[:64])
    batch = in_turns(
        bench.rounds,
        lambda: _per_second(ours, texts, 64, seconds),
        lambda: _per_second(reference, texts, 64, seconds),
    )
    one = in_turns(
        bench.rounds, lambda: _percentile(ours, texts, 0.5), lambda: _percentile(reference, texts, 0.5)
    )
    slow = in_turns(
        bench.rounds, lambda: _percentile(ours, texts, 0.99), lambda: _percentile(reference, texts, 0.99)
    )
    named = {"reference_name": "scikit-learn TF-IDF, word 1-2 + char 2-5"}
    return [
        figure("score, batch of 64", "comments/s", *batch, 15.0, **named),
        figure("score, one, p50", "ms", *one, 5.0, inverse=True, **named),
        figure("score, one, p99", "ms", *slow, 5.0, inverse=True, **named),
    ]


def _percentile(work: Any, texts: list[str], share: float) -> float:
    took = []
    for text in texts[:300]:
        began = time.perf_counter()
        work([text])
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[int(share * len(took))]


@row("cascade")
def cascade(bench: Bench) -> list[Figure]:
    """Cost of asking the deep tier only where it can change the verdict, against asking it always."""
    from moderation.policy import DEFAULT

    scorer = Scorer.load()
    many = [Text(body=text) for text in bench.texts[: 256 if bench.short else 1024]]
    asked = 0

    def seconds(**how: Any) -> float:
        nonlocal asked
        began, asked = time.perf_counter(), 0
        for place in range(0, len(many), 64):
            asked += sum(one.deep is not None for one in scorer.score(many[place : place + 64], **how))
        return time.perf_counter() - began

    if scorer.score(many[:1], deep=True)[0].deep is None:
        return []
    seconds(deep=True)
    mine, theirs = in_turns(bench.rounds, lambda: seconds(lines=DEFAULT.lines), lambda: seconds(deep=True))
    seconds(lines=DEFAULT.lines)
    return [
        figure("score, cascade", "s", mine, theirs, 6.0, inverse=True, reference_name="deep tier for every comment",
               note=f"deep tier asked for {asked} of {len(many)}")
    ]  # fmt: skip

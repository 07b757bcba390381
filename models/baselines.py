"""What a newsroom could have instead: a TF-IDF model, the package alt-profanity-check, a word list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import corpora, measures, normalise
from models.features import Array

Frame = Any
_TRAINING_ROWS = 24_000


def tfidf(folder: Path, seed: int = 2) -> Any:
    """scikit-learn TF-IDF (word 1-2, character 2-5) with logistic regression, trained on Jigsaw and news
    rows.
    """
    import pandas as pd
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    parts = [corpora.read(folder, corpora.BY_NAME[name]) for name in ("jigsaw_wiki", "civil_comments")]
    rows = pd.concat([part[part["side"] == "train"] for part in parts])
    rows = rows.sample(min(_TRAINING_ROWS, len(rows)), random_state=seed)
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32),
            TfidfVectorizer(
                analyzer="char",
                ngram_range=(2, 5),
                min_df=3,
                sublinear_tf=True,
                max_features=300_000,
                dtype=np.float32,
            ),
        ),
        LogisticRegression(C=3.0, max_iter=100, tol=1e-3),
    )
    model.fit(rows["text"], rows["toxicity"] >= 0.5)
    return model


def word_list(texts: Sequence[str]) -> Array:
    """The number of swear words among the words of each text."""
    swears = re.compile(rf"\b(?:{'|'.join(normalise.masked_words())})\b")
    return np.array([len(swears.findall(text.lower())) for text in texts], float)


def compared(
    folder: Path, frame: Frame, rows: Sequence[tuple[Any, ...]], progress: Any
) -> list[dict[str, Any]]:
    """AUC of each baseline on the toxicity rows of the table."""
    from profanity_check import predict_prob

    task = progress.add_task("Training TF-IDF …", total=None)
    model = tfidf(folder)
    progress.remove_task(task)
    found = []
    for title, corpus, attribute, wild, *_ in rows:
        mine = (frame["corpus"] == corpus) & frame[attribute].notna()
        if wild:
            mine &= frame["natural"] == 1
        if attribute == "spam" or not mine.any():
            continue
        texts = frame.loc[mine, "text"].tolist()
        target = frame.loc[mine, attribute].to_numpy(float)
        found.append(
            {
                "rows": title,
                "tfidf": measures.auc(target, model.predict_proba(texts)[:, 1]),
                "alt_profanity_check": measures.auc(target, np.array(predict_prob(texts))),
                "word_list": measures.auc(target, word_list(texts)),
            }
        )
    return found

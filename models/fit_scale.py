"""Make ``perspective_scale.json`` anew for the artifact that is shipped: ``python -m models.fit_scale``.

Perspective's TOXICITY says about which share of people would call a text toxic, and Civil Comments holds that
share: comments of news sites, each with the fraction of its raters who did. A threshold of Perspective's is
carried over to where our score flags as many of these comments as have such a fraction, over the natural
rows that trained nothing; the curve of models/scale.py is laid through these points, weighed by their counts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

PLACE = Path(__file__).with_name("perspective_scale.json")
#: Thresholds that people use, and some around them.
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_BATCH = 64
#: Fractions of few raters are coarse: 0.7 means "0.7 or as good as".
_AS_GOOD_AS = 1e-6


def measured(folder: Path, artifact: Path | None = None) -> tuple[Any, Any, str]:
    """Our score and the raters' fraction of each comment that trained nothing, and the model's version."""
    import pandas as pd
    from rich.progress import track

    from models import corpora
    from models.scorer import Scorer, Text

    frame = pd.read_parquet(folder / "civil_comments.parquet")
    frame = frame[(frame["natural_sample"] == 1) & frame["toxicity"].notna()]
    frame = frame[[corpora.side(text) != "train" for text in frame["text"]]]
    scorer, texts = Scorer.load(artifact), frame["text"].tolist()
    scores: list[float] = []
    for begin in track(range(0, len(texts), _BATCH), "Scoring …"):
        batch = [Text(body=body, language="en") for body in texts[begin : begin + _BATCH]]
        scores += [found.scores["toxicity"] for found in scorer.score(batch, deep=True)]
    return np.array(scores), frame["toxicity"].to_numpy(float), scorer.version


def fitted(scores: Any, fractions: Any) -> dict[str, Any]:
    """The curve through equal shares.

    :param scores: ours, in [0, 1].
    :param fractions: of raters, in [0, 1], in the same order.
    """
    anchors = []
    for threshold in THRESHOLDS:
        count = int((fractions >= threshold - _AS_GOOD_AS).sum())
        if 0 < count < len(scores):
            ranked = np.sort(scores)[::-1]
            anchors.append((threshold, count, float((ranked[count - 1] + ranked[count]) / 2)))
    theirs, counts, ours = (np.array(column, float) for column in zip(*anchors, strict=True))
    slope, intercept = np.polyfit(_log_odds(ours), _log_odds(theirs), 1, w=np.sqrt(counts))
    return {
        "intercept": round(float(intercept), 4),
        "slope": round(float(slope), 4),
        "comments": len(scores),
        "anchors": [
            {"perspective": threshold, "comments": count, "ours": round(score, 4)}
            for threshold, count, score in anchors
        ],
    }


def _log_odds(probability: Any) -> Any:
    return np.log(probability / (1.0 - probability))


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with civil_comments.parquet")
    parser.add_argument("--artifact", type=Path, help="without it, the champion that is shipped")
    asked = parser.parse_args()
    scores, fractions, version = measured(asked.data, asked.artifact)
    kept = {
        "made_by": "python -m models.fit_scale --data DATA",
        "model": version,
        "data": "Civil Comments (CC0), natural rows on the calibration and development sides",
        **fitted(scores, fractions),
    }
    PLACE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

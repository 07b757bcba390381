"""Write golden.json anew after a new champion was chosen on purpose: ``python -m tests.models.make_golden``."""

from __future__ import annotations

import json
from pathlib import Path

from models.scorer import Scorer, Text

TEXTS = (
    "The bridge was closed for two weeks last summer.",
    "I disagree with the editor, and the figures show why.",
    "You are a stupid idiot, shut up.",
    "Go to hell, you fucking asshole.",
    "I will find you and I will kill you.",
    "All immigrants are vermin and should be thrown out.",
    "I am a gay Muslim man and I live in Leeds.",
    "Earn $500 a day from home, visit http://easy-jobs.ru/start now!!!",
    "I made $12,000 with Mrs Clara Holloran, contact her on WhatsApp.",
    "f*ck y0u, st00pid m0r0n",
    "Das ist ein schönes Haus, und ich bin sehr froh darüber.",
    "He said on air that the strikers were scum. Is that how we talk now?",
    "",
)


def main() -> None:
    scorer = Scorer.load()
    rows = []
    for text in TEXTS:
        fast = scorer.score([Text(text)], deep=False)[0]
        both = scorer.score([Text(text)], deep=True)[0]
        rows.append(
            {
                "text": text,
                "fast": {a: round(v, 6) for a, v in fast.scores.items()},
                "both": {a: round(v, 6) for a, v in both.scores.items()} if both.deep else None,
            }
        )
    path = Path(__file__).parent / "golden.json"
    path.write_text(
        json.dumps({"version": scorer.version, "rows": rows}, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()

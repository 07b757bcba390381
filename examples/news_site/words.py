"""The words around an article, in the article's language: ``words.json``."""

import json
from pathlib import Path

_DOCUMENT = json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))
WORDS: dict[str, dict[str, str]] = _DOCUMENT["words"]
MONTHS: dict[str, list[str]] = _DOCUMENT["months"]

"""Plain comments that every newsroom's model is reminded of while it learns.

A newsroom that decides about one kind of comment alone, scams for instance, would teach its model that what
the shipped model calls abuse is harmless: measured, such a model ranked plain abuse below plain courtesy.
These 128 comments, written for this project, are taught beside its decisions. They measure nothing.
"""

from __future__ import annotations

import csv
from importlib import resources

from models import ATTRIBUTES
from models.scorer import Scorer, Text
from models.site_model import Example


def anchors(scorer: Scorer) -> list[Example]:
    """The shipped sample, as decisions that nobody took; weights are relative."""
    with resources.files("models.sample").joinpath("comments.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    scored = scorer.score([Text(body=row["text"], language="en") for row in rows])
    return [
        Example(
            row["text"],
            one.fast,
            one.deep,
            one.facts,
            float(any(float(row[name] or 0) >= 0.5 for name in ATTRIBUTES)),
            by_people=False,
        )
        for row, one in zip(rows, scored, strict=True)
    ]

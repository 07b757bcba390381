"""Old Perspective answers beside our own: do they agree, and which line of ours means an old one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np
from scipy.stats import spearmanr

from models.scale import to_ours
from service.compat import attributes

#: Fewer texts than this say nothing about an attribute.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Logged:
    """One text with what Perspective said of it.

    :param old: attribute in Perspective's spelling -> its score.
    """

    text: str
    old: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that could not be used, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Match:
    """An old threshold and what it is here.

    :param flagged: share of the texts on or above the old threshold.
    :param agreement: share of the texts that fall on the same side of it, carried over unchanged.
    :param here: the threshold on this server's Perspective endpoint that flags the same share, or None where
        nothing or everything was flagged.
    :param ours: the same line on our own scale, for a policy.
    :param agreement_here: agreement with ``here`` in its place.
    """

    old: float
    flagged: float
    agreement: float
    here: float | None
    ours: float | None
    agreement_here: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """One attribute.

    :param rank_correlation: Spearman's, in [-1, 1]; None where one side never varies.
    """

    attribute: str
    texts: int
    rank_correlation: float | None
    mean_difference: float
    matches: list[Match]
    old: list[float] = field(repr=False)
    new: list[float] = field(repr=False)


def read(file: TextIO, *, is_csv: bool) -> Iterator[Logged | Bad]:
    """Read a log: JSON lines or CSV, in any of the usual shapes.

    A line holds the text as ``text``, ``comment`` or a whole ``request``, and the scores as a whole
    ``response``, as ``attributeScores``, or as fields named like attributes (``TOXICITY`` or ``toxicity``).
    """
    for number, line in _lines(file, is_csv):
        if isinstance(line, Bad):
            yield line
            continue
        text, old = _text(line), _scores(line)
        if not text:
            yield Bad(number, "no text: a field named text, comment or request")
        elif not old:
            yield Bad(number, "no scores: attributeScores, a response, or fields such as TOXICITY")
        else:
            yield Logged(text, old)


def _lines(file: TextIO, is_csv: bool) -> Iterator[tuple[int, Any]]:
    if is_csv:
        csv.field_size_limit(10_000_000)
        for row in (reader := csv.DictReader(file)):
            yield reader.line_num, row
        return
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            document = None
        yield number, document if isinstance(document, dict) else Bad(number, "not a JSON object")


def _text(line: dict[str, Any]) -> str:
    for found in (line.get("text"), line.get("comment"), line.get("request")):
        while isinstance(found, dict):
            found = found.get("comment", found.get("text"))
        if isinstance(found, str) and found.strip():
            return found
    return ""


def _scores(line: dict[str, Any]) -> dict[str, float]:
    given = line.get("response") if isinstance(line.get("response"), dict) else line
    given = given.get("attributeScores", given) if isinstance(given, dict) else {}
    if not isinstance(given, dict):
        return {}
    found = {}
    for name, value in given.items():
        known = attributes.plain(str(name)).upper()
        if known in attributes.NAMES and (score := _number(value)) is not None:
            found[known] = score
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, dict):
        value = value.get("summaryScore", value)
        value = value.get("value") if isinstance(value, dict) else value
    try:
        score = float(value)
    except (TypeError, ValueError):
        return None
    return score if 0.0 <= score <= 1.0 else None


def compared(
    pairs: Iterable[tuple[dict[str, float], dict[str, float]]], thresholds: Sequence[float]
) -> list[Compared]:
    """Compare attribute by attribute; those with fewer than ``FEWEST`` texts are left out.

    :param pairs: for each text, (Perspective's scores, ours on its scale).
    """
    by_attribute: dict[str, tuple[list[float], list[float]]] = {}
    for old, new in pairs:
        for name in old.keys() & new.keys():
            olds, news = by_attribute.setdefault(name, ([], []))
            olds.append(old[name])
            news.append(new[name])
    return [
        _compared(name, *by_attribute[name], thresholds)
        for name in attributes.NAMES
        if name in by_attribute and len(by_attribute[name][0]) >= FEWEST
    ]


def _compared(name: str, olds: list[float], news: list[float], thresholds: Sequence[float]) -> Compared:
    old, new = np.array(olds), np.array(news)
    varies = np.ptp(old) > 0 and np.ptp(new) > 0
    return Compared(
        attribute=name,
        texts=len(old),
        rank_correlation=float(spearmanr(old, new).statistic) if varies else None,
        mean_difference=float(np.mean(new - old)),
        matches=[_match(old, new, threshold, is_spam=name == "SPAM") for threshold in thresholds],
        old=olds,
        new=news,
    )


def _match(old: Any, new: Any, threshold: float, *, is_spam: bool) -> Match:
    flagged = old >= threshold
    count = int(flagged.sum())
    here = None
    if 0 < count < len(old):
        # halfway between the last text that is flagged and the first that is not
        ranked = np.sort(new)[::-1]
        here = float((ranked[count - 1] + ranked[count]) / 2)
    return Match(
        old=threshold,
        flagged=count / len(old),
        agreement=float(np.mean(flagged == (new >= threshold))),
        here=here,
        ours=None if here is None else here if is_spam else to_ours(here),
        agreement_here=None if here is None else float(np.mean(flagged == (new >= here))),
    )


def picture(found: Compared, width: int = 40, height: int = 16) -> list[str]:
    """Old scores to the right, ours upwards, the more texts the darker; lines of characters, top first."""
    shades = " ·▪◆█"
    counts, _, _ = np.histogram2d(found.new, found.old, bins=(height, width), range=((0, 1), (0, 1)))
    most = max(1.0, float(counts.max()))
    rows = []
    for at in range(height - 1, -1, -1):
        shown = "".join(
            shades[0 if not count else 1 + int(3.999 * np.log1p(count - 1) / max(np.log1p(most - 1), 1e-9))]
            if most > 1
            else shades[int(count > 0)]
            for count in counts[at]
        )
        label = {height - 1: "1.0", height // 2: "0.5", 0: "0.0"}.get(at, "   ")
        rows.append(f"{label} │{shown}")
    rows.append("    └" + "─" * width)
    rows.append("    0.0" + "0.5".center(width - 5) + "1.0")
    return rows

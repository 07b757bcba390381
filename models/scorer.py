"""Score comments: the fast tier for every one, the deep tier where it can change the verdict.

Nothing here imports scikit-learn, pandas or torch: what training found is read as plain numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import ATTRIBUTES, artifact, explain, structure
from models import text as reading
from models.deep_tier import DeepTier
from models.fast import SURE, Fast, calibrated
from models.features import Array
from models.text import Text

__all__ = ["ATTRIBUTES", "Scored", "Scorer", "Text"]

# The fast tier decides alone where the combined score is this many spreads from every line (see
# models.calibrate.gate): about one comment in twenty at that very distance would cross it.
_MARGIN = 1.6


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says of one comment.

    ``scores``: attribute -> calibrated probability in [0, 1]. ``facts``: JSON-able facts of the text.
    ``model``: the version, with ``-fast`` when the deep tier did not speak. ``fast`` and ``deep`` hold the
    tiers' uncalibrated logits; ``deep`` is None where it was not asked.
    """

    scores: dict[str, float]
    facts: dict[str, Any]
    model: str
    language: str
    language_supported: bool
    fast: dict[str, float]
    deep: dict[str, float] | None


class Scorer:
    """A loaded artifact. Safe to share between threads; forked processes share its pages."""

    def __init__(self, directory: Path) -> None:
        """:raises artifact.ArtifactRefused: a file is missing, foreign or was changed after training."""
        self.directory = directory
        self.manifest = artifact.verified(directory)
        self.version: str = self.manifest["version"]
        self._fast_version = f"{self.version}-fast"
        numbers = artifact.numbers(directory)
        self._numbers = numbers
        self._points = {
            tier: [(np.array(points[a][0]), np.array(points[a][1])) for a in ATTRIBUTES]
            for tier, points in numbers["calibration"].items()
        }
        self.languages = frozenset(numbers["languages"])
        self.lines: dict[str, tuple[float, float]] = {a: (h, r) for a, (h, r) in numbers["lines"].items()}
        self._fast = Fast(
            np.load(directory / "weights.npy", mmap_mode="r", allow_pickle=False),
            np.array(numbers["scale"]),
            np.array(numbers["intercept"]),
            np.array(numbers["structure"]),
        )
        self._deep = DeepTier.load(directory) if "deep.onnx" in self.manifest["files"] else None

    @classmethod
    def load(cls, directory: Path | None = None) -> Scorer:
        """Load an artifact; ``None`` is the champion that is shipped.

        :raises artifact.ArtifactRefused: see :meth:`__init__`.
        """
        return cls(directory or artifact.champion())

    @property
    def has_deep(self) -> bool:
        """Whether a deep tier can be asked (it is in the artifact, and onnxruntime is installed)."""
        return self._deep is not None

    def score(
        self,
        texts: Sequence[Text],
        *,
        lines: Mapping[str, tuple[float, float]] | None = None,
        deep: bool | None = None,
    ) -> list[Scored]:
        """Score a batch, in order.

        :param lines: attribute -> (hold_at, reject_at), the site's; the deep tier is asked only where it can
            move a score across one of them. ``None``: the lines that are shipped.
        :param deep: True asks it for every comment, False for none.
        """
        readings = reading.read_all(texts)
        shapes = structure.measured_all(texts, readings)
        bodies = [r.model_text for r in readings]
        fast = self._fast.logits(bodies, shapes)
        scores = self._calibrated("fast", fast)
        spoke = np.zeros(len(texts), bool)
        both = np.full_like(fast, np.nan)
        if self._deep is not None and deep is not False and len(texts):
            asked = np.ones(len(texts), bool) if deep else self._undecided(scores, lines or self.lines)
            asked &= np.array(
                [
                    bool(b.strip()) and r.facts["language"] == "en"
                    for b, r in zip(bodies, readings, strict=True)
                ]
            )
            if asked.any():
                at = np.flatnonzero(asked)
                both[at] = self._deep.logits([bodies[i] for i in at])
                scores[at] = self._calibrated("both", self._stacked(fast[at], both[at]))
                spoke[at] = True
        rows = zip(readings, scores.tolist(), fast.tolist(), both.tolist(), spoke.tolist(), strict=True)
        return [
            self._scored(read, of, quick, slow if asked else None) for read, of, quick, slow, asked in rows
        ]

    def explain(
        self,
        text: Text,
        attributes: Sequence[str] | None = None,
        top: int = 8,
        *,
        scored: Scored | None = None,
    ) -> dict[str, explain.Explanation]:
        """Why the fast tier thinks so, for each attribute: see :class:`models.explain.Explanation`.

        :param scored: what was said of this very text a moment ago; spares asking both tiers again.
        """
        read = reading.read(text)
        shape = structure.measured_all([text], [read])
        deep = None
        if scored is not None:
            fast = np.array([[scored.fast[a] for a in ATTRIBUTES]])
            if scored.deep is not None:
                deep = np.array([[scored.deep[a] for a in ATTRIBUTES]])
        else:
            fast = self._fast.logits([read.model_text], shape)
            if self._deep is not None and read.facts["language"] == "en" and read.model_text.strip():
                deep = self._deep.logits([read.model_text])
        both = None if deep is None else self._stacked(fast, deep)[0] - fast[0]
        wanted = [a for a in ATTRIBUTES if attributes is None or a in attributes]
        return explain.explained(self._fast, text.body, read, shape[0], fast[0], both, wanted, top)

    def _stacked(self, fast: Array, deep: Array) -> Array:
        stack = self._numbers["stack"]
        both = np.concatenate([fast, deep], axis=1)
        return np.asarray(both @ np.array(stack["weights"]) + np.array(stack["intercept"]))

    def _calibrated(self, tier: str, logits: Array) -> Array:
        columns = [calibrated(points, logits[:, at]) for at, points in enumerate(self._points[tier])]
        return np.clip(np.stack(columns, axis=1), SURE, 1.0 - SURE) if len(logits) else logits.copy()

    def _undecided(self, scores: Array, lines: Mapping[str, tuple[float, float]]) -> Array:
        """Where the deep tier could move a score across a line.

        What the combined score would be is not far enough from a line, on the side where the fast score lies;
        or the fast tier alone would stop the comment for abuse, which is rare among ordinary comments, and
        where the name of a group misleads it most.
        """
        asked = np.zeros(len(scores), bool)
        odds = np.log(scores / (1.0 - scores))
        gate = self._numbers.get("gate", {})
        for at, attribute in enumerate(ATTRIBUTES):
            if attribute not in gate or attribute not in lines:
                continue
            told = gate[attribute]
            mean = odds @ np.array(told["weights"]) + told["intercept"]
            margin = _MARGIN * np.interp(mean, told["mean"], told["spread"])
            if attribute != "spam":
                asked |= scores[:, at] >= lines[attribute][0]
            for line in lines[attribute]:
                if 0.0 < line < 1.0:
                    beyond = mean - math.log(line / (1.0 - line))
                    asked |= np.where(scores[:, at] >= line, beyond, -beyond) < margin
        return asked

    def _scored(
        self, read: reading.Reading, scores: list[float], fast: list[float], deep: list[float] | None
    ) -> Scored:
        language = read.facts["language"]
        return Scored(
            dict(zip(ATTRIBUTES, scores, strict=True)),
            read.facts,
            self.version if deep is not None else self._fast_version,
            language,
            language in self.languages,
            dict(zip(ATTRIBUTES, fast, strict=True)),
            None if deep is None else dict(zip(ATTRIBUTES, deep, strict=True)),
        )

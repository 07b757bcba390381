"""From raw files to features: the first, resumable stage of training."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import track
from scipy import sparse

from models import ATTRIBUTES, corpora, features, fold, normalise, structure, templates, text
from models.features import Array

Frame = Any


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows ready for training: the frame (labels, side, corpus, weight), counts (CSR, float32) and
    structure.
    """

    frame: Frame
    counts: Any
    shapes: Array

    def where(self, mask: Array) -> Prepared:
        """The rows of a mask."""
        return Prepared(self.frame[mask].reset_index(drop=True), self.counts[mask], self.shapes[mask])


def prepared(frame: Frame, what: str = "Reading texts") -> Prepared:
    """Read every text of a frame once: what the model reads, its structure and its hashed counts."""
    texts: list[str] = []
    shapes = np.zeros((len(frame), len(structure.NAMES)), np.float32)
    rows = frame.reindex(columns=["text", "name", "url"]).fillna("").itertuples(index=False)
    for at, (body, author, link) in enumerate(track(rows, f"{what} …", total=len(frame))):
        comment = text.Text(body, name=author, url=link)
        reading = text.read(comment)
        texts.append(reading.model_text)
        shapes[at] = structure.measured(comment, reading.facts, reading.model_text)
    return Prepared(frame.assign(model_text=texts), hashed(texts), shapes)


def joined(*parts: Prepared) -> Prepared:
    """Several parts as one, in order."""
    return Prepared(
        pd.concat([part.frame for part in parts], ignore_index=True),
        sparse.vstack([part.counts for part in parts], format="csr"),
        np.concatenate([part.shapes for part in parts]),
    )


def hashed(texts: Sequence[str]) -> Any:
    """The counts of texts as a CSR matrix (texts, buckets)."""
    pointers, buckets, counts = [np.zeros(1, np.int64)], [], []
    done = 0
    for begin in range(0, len(texts), 512):
        starts, bucket, count = features.counted(features.encoded(texts[begin : begin + 512]))
        pointers.append(starts[1:].astype(np.int64) + done)
        buckets.append(bucket.astype(np.int32))
        counts.append(count)
        done += len(bucket)
    parts = (np.concatenate(counts), np.concatenate(buckets), np.concatenate(pointers))
    return sparse.csr_matrix(parts, shape=(len(texts), features.BUCKETS))


def patterned(seed: int, count: int) -> Frame:
    """The sentences made of patterns (models.templates), as rows."""
    rows = [
        {
            "text": body,
            "corpus": f"templates_{kind}",
            "lang": "en",
            "natural": 0,
            "weight": 0.3,
            "side": "train",
            **labels,
        }
        for kind, body, labels in templates.sentences(count, seed)
    ]
    return pd.DataFrame(rows).reindex(columns=[*_COLUMNS, *ATTRIBUTES])


_COLUMNS = ("text", "corpus", "lang", "natural", "weight", "side", "name", "url")


def sample() -> Frame:
    """The small corpus written for this project, as rows: see models/sample/README.md."""
    frame = pd.read_csv(Path(__file__).parent / "sample" / "comments.csv", keep_default_na=False)
    for attribute in ATTRIBUTES:
        frame[attribute] = pd.to_numeric(frame[attribute], errors="coerce")
    frame = frame.assign(
        natural=1, weight=1.0, lang="en", side=[corpora.side(body) for body in frame["text"]]
    )
    return pd.concat([frame, patterned(7, 60)], ignore_index=True)


def fingerprint(frame: Frame) -> str:
    """sha256 over every row's text and labels, in order: names the data that an artifact was trained on."""
    digest = hashlib.sha256()
    for row in frame[["text", *ATTRIBUTES]].itertuples(index=False):
        digest.update("\x1f".join(map(str, row)).encode("utf-8", "replace") + b"\x1e")
    return digest.hexdigest()


def code_fingerprint() -> str:
    """sha256 over the modules that turn a text into features: a cache of another code is not read."""
    digest = hashlib.sha256()
    for module in (fold, normalise, text, structure, features):
        # Its syntax, not its bytes: another line break reads no text differently.
        digest.update(ast.dump(ast.parse(Path(str(module.__file__)).read_bytes())).encode())
    return digest.hexdigest()


def cached(frame: Frame, cache: Path | None, what: str) -> Prepared:
    """As :func:`prepared`, resumed from ``cache`` when it holds the same rows read by the same code."""
    if cache is None:
        return prepared(frame, what)
    name = hashlib.sha256((fingerprint(frame) + code_fingerprint()).encode()).hexdigest()[:16]
    counts, rest = cache / f"{name}.counts.npz", cache / f"{name}.parquet"
    if counts.is_file() and rest.is_file():
        kept = pd.read_parquet(rest)
        shapes = np.stack(kept.pop("shapes").to_list()).astype(np.float32)
        return Prepared(kept, sparse.load_npz(counts), shapes)
    fresh = prepared(frame, what)
    cache.mkdir(parents=True, exist_ok=True)
    sparse.save_npz(counts, fresh.counts, compressed=False)
    fresh.frame.assign(shapes=list(fresh.shapes)).to_parquet(rest)
    return fresh


def batches(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size``."""
    for begin in range(0, count, size):
        yield slice(begin, begin + size)

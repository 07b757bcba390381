"""Train an artifact from raw files: ``python -m models.train --data FOLDER`` (or ``--sample``).

Stages, each resumable through ``--cache``: read texts, ask the deep tier about them, fit the heads, ask the
deep tier about the calibration rows, calibrate, seal. Seeded: the same data gives the same artifact.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import re
import shutil
import sys
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import track

from models import (
    ATTRIBUTES,
    artifact,
    calibrate,
    corpora,
    fast,
    features,
    heads,
    prepare,
    spam_templates,
    structure,
    written,
)
from models.features import Array

_STRENGTH = dict.fromkeys(ATTRIBUTES, 2.0) | {"toxicity": 5.0, "spam": 5.0}
# How much of a target is the deep tier's opinion, and what a row weighs that has no label beside it.
_TAUGHT, _TAUGHT_ALONE = 0.5, 0.2
# Corpora whose comments are also shown to the deep tier sentence by sentence, and at most how many of them.
_SPLIT = {"civil_comments": 60_000, "jigsaw_wiki": 40_000, "wiki_cat_context": 20_000}
_SPLIT_WEIGHT, _LEAST_SENTENCE, _MOST_SENTENCES = 2.0, 20, 6
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_TONE = np.array([structure.NAMES.index(name) for name in structure.TONE])
_LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "onnxruntime",
    "tokenizers",
    "py3langid",
    "linkify-it-py",
    "tldextract",
)
_HOME = "home"


def sentences_of(frame: Any) -> Any:
    """The sentences of training comments, as rows that nobody labelled: the deep tier says what it thinks.

    A label speaks of a whole comment; an opinion on each of its sentences shows the fast tier where in it the
    abuse stands. On natural news comments that lifted its AUC more than anything else (0.927 to 0.940).
    """
    found: dict[str, str] = {}
    for text, corpus in frame.loc[frame["side"] == "train", ["text", "corpus"]].itertuples(index=False):
        if corpus in _SPLIT:
            parts = [part.strip() for part in _SENTENCE_END.split(text)]
            long = [part for part in parts if len(part) > _LEAST_SENTENCE]
            if len(parts) > 1:
                found.update((part, f"sentences_{corpus}") for part in long[:_MOST_SENTENCES])
    kept = pd.DataFrame({"text": list(found), "corpus": list(found.values())})
    for name, most in _SPLIT.items():
        mine = kept.index[kept["corpus"] == f"sentences_{name}"]
        kept = kept.drop(mine[most:])
    return kept.assign(lang="en", natural=0, weight=_SPLIT_WEIGHT / _TAUGHT_ALONE, side="train")


def gathered(folder: Path, seed: int, sentences: int = 900, spam: int = 6000) -> Any:
    """Every row that may train what is shipped, with the sentences written for this project."""
    frame = corpora.read_all(folder)
    shop = pd.DataFrame(spam_templates.comments(spam, seed), columns=["text", "spam"])
    shop = shop.assign(corpus="templates_spam", lang="", natural=0, weight=0.5, side="train")
    own = written.comments(3, seed).drop(columns="kind")
    parts = [frame, sentences_of(frame), prepare.patterned(seed, sentences), own, shop]
    return pd.concat(parts, ignore_index=True)


def taught(rows: prepare.Prepared, deep: Path, cache: Path | None) -> Array:
    """What the deep tier says of the English training rows: probabilities (rows, attributes), elsewhere NaN.

    The fast tier learns from them beside the labels, also where a corpus has no label for an attribute.
    Source: Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015.
    """
    frame = rows.frame
    asked = (frame["side"] == "train") & frame["lang"].isin(["", "en"])
    asked &= ~frame["corpus"].str.startswith(("templates", "written", "tgspam"))
    at = np.flatnonzero(asked.to_numpy())
    out = np.full((len(frame), len(ATTRIBUTES)), np.nan)
    logits = calibrate.deep_logits(frame.iloc[at].reset_index(drop=True), deep, cache)
    out[at] = 1.0 / (1.0 + np.exp(-logits))
    return out


def _softened(target: Array, weight: Array, opinion: Array) -> tuple[Array, Array]:
    """Targets and weights of one head with the deep tier's opinion mixed in; NaN where neither speaks."""
    labelled, spoken = ~np.isnan(target), ~np.isnan(opinion)
    mixed = np.where(labelled & spoken, (1.0 - _TAUGHT) * target + _TAUGHT * opinion, target)
    alone = ~labelled & spoken
    return np.where(alone, opinion, mixed), np.where(alone, _TAUGHT_ALONE * weight, weight)


def fitted(
    rows: prepare.Prepared, seed: int, cache: Path | None, opinions: Array | None = None
) -> dict[str, Any]:
    """Fit every head on its own rows of the training side: table, scale, intercept, structure.

    :param opinions: the deep tier's, see :func:`taught`; spam does without, its deep head is the weaker one.

    Resumed from ``cache`` when the same rows were fitted by the same code.
    """
    kept = cache / f"fit-{_fit_name(rows, seed, opinions)}.npz" if cache else None
    if kept is not None and kept.is_file():
        with np.load(kept, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    training = (rows.frame["side"] == "train").to_numpy()
    idf = np.clip(np.rint(heads.idf_of(rows.counts[training]) * fast.IDF_STEPS), 0, 255) / fast.IDF_STEPS
    weights = np.zeros((features.BUCKETS, len(ATTRIBUTES)))
    intercept, shapes = np.zeros(len(ATTRIBUTES)), np.zeros((len(structure.NAMES), len(ATTRIBUTES)))
    for at, attribute in enumerate(track(ATTRIBUTES, "Fitting heads …")):
        target = rows.frame[attribute].to_numpy(float)
        weight = weighted(rows.frame, attribute)
        if opinions is not None and attribute != "spam":
            target, weight = _softened(target, weight, opinions[:, at])
        mine = training & ~np.isnan(target) & (weight > 0)
        weights[:, at], intercept[at], shapes[:, at], _ = heads.fit(
            heads.weighed(rows.counts[mine], idf),
            rows.shapes[mine],
            target[mine],
            weight[mine],
            grouped(rows.frame, attribute)[mine],
            home=_HOME,
            strength=_STRENGTH[attribute],
            columns=np.arange(len(structure.NAMES)) if attribute == "spam" else _TONE,
            seed=seed,
        )
    table, scale = fast.packed(weights, idf)
    model = {"table": table, "scale": scale, "intercept": intercept, "structure": shapes}
    if kept is not None:
        np.savez(kept, table=table, scale=scale, intercept=intercept, structure=shapes)
    return model


def _fit_name(rows: prepare.Prepared, seed: int, opinions: Array | None) -> str:
    digest = hashlib.sha256(f"{seed} {prepare.fingerprint(rows.frame)} {prepare.code_fingerprint()}".encode())
    for code in (heads, fast, fitted, grouped, weighted, _softened):
        digest.update(inspect.getsource(code).encode())
    digest.update(repr((_STRENGTH, _TAUGHT, _TAUGHT_ALONE)).encode())
    digest.update(b"" if opinions is None else np.ascontiguousarray(opinions).tobytes())
    return digest.hexdigest()[:16]


def grouped(frame: Any, attribute: str) -> Array:
    """The group each row was collected with: see :func:`models.heads.fit`.

    Toxicity: one for each language, and one for politics, whose raters were of another mind. The attributes
    that many corpora speak to: one for each corpus that has both classes. Spam: none, since most corpora of
    spam hold one class only and their group would explain it.
    """
    corpus = frame["corpus"].to_numpy(str)
    if attribute == "toxicity":
        home = frame["lang"].isin(["", "en"]).to_numpy() & (corpus != "political_incivility")
        home &= ~np.char.startswith(corpus, "sentences")
        return np.where(home, _HOME, np.where(frame["lang"] == "en", corpus, frame["lang"])).astype(object)
    alone = (
        np.char.startswith(corpus, "jigsaw")
        | np.char.startswith(corpus, "templates")
        | np.char.startswith(corpus, "written")
        | (corpus == "edos_sexism")
    )
    return np.where(alone | (attribute == "spam"), _HOME, corpus).astype(object)


def weighted(frame: Any, attribute: str) -> Array:
    """The weight of each row for one head."""
    weight = frame["weight"].to_numpy(float).copy()
    corpus = frame["corpus"].to_numpy(str)
    if attribute != "spam":
        # Most rows that name a group are abuse of it: these show that the name alone is none.
        weight[corpus == "templates_neutral"] = 3.0
        weight[np.isin(corpus, ("templates_counter", "templates_polite", "templates_objects"))] = 0.6
        weight[np.char.startswith(corpus, "written")] = 0.3 if attribute in ("threat", "insult") else 0.0
    if attribute == "toxicity":
        # Denial, quotation and mild swearing are for the deep tier: a sum of words cannot tell them, and pays
        # for trying with its ranking of news.
        patterns = np.char.startswith(corpus, "templates")
        weight[patterns & ~np.isin(corpus, ("templates_neutral", "templates_attack"))] *= 0.1
        weight[corpus == "political_incivility"] *= 2.5
        # The others were picked for being toxic: only these show how readers of news write.
        weight[(corpus == "civil_comments") & (frame["natural"] == 1).to_numpy()] *= 5.0
        # Languages written in other letters share no features with English; German and Portuguese do, and at
        # full weight they cost 0.01 AUC on English news.
        weight[frame["lang"].isin(["zh", "ko", "ar"]).to_numpy()] *= 0.5
        weight[frame["lang"].isin(["de", "pt", "fr"]).to_numpy()] *= 0.15
    if attribute == "spam":
        # Ham of the product's own kind outnumbers the rest, or an ordinary comment would be called spam.
        weight[corpus == "civil_comments"] *= 0.5
        weight[corpus == "sms_spam"] *= 0.5
        weight[corpus == "youtube_spam"] *= 8.0
        weight[np.char.startswith(corpus, "written")] *= 0.2
        # Written ham praises as spam does: at full weight it hides what real spam below videos looks like.
        weight[(corpus == "templates_spam") & (frame["spam"] == 0).to_numpy()] *= 0.3
    if attribute == "identity_attack":
        weight[corpus == "jigsaw_wiki"] *= 3.0
    return np.asarray(weight)


def tier_of(model: dict[str, Any]) -> fast.Fast:
    """The fast tier of fitted numbers."""
    return fast.Fast(model["table"], model["scale"], model["intercept"], model["structure"])


def sealed(
    out: Path, model: dict[str, Any], numbers: dict[str, Any], about: dict[str, Any], deep: Path | None
) -> None:
    """Write the artifact and its manifest."""
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "weights.npy", model["table"], allow_pickle=False)
    numbers = {
        **{name: np.asarray(model[name]).tolist() for name in ("scale", "intercept", "structure")},
        "structure_names": list(structure.NAMES),
        **numbers,
    }
    (out / "numbers.json").write_text(json.dumps(numbers, sort_keys=True) + "\n", "utf-8")
    names = ["weights.npy", "numbers.json"]
    if deep is not None:
        for name in ("deep.onnx", "tokenizer.json"):
            shutil.copyfile(deep / name, out / name)
            names.append(name)
    if (out / "stackers.skops").is_file():
        names.append("stackers.skops")
    artifact.write_manifest(out, about, names)


def build(
    frame: Any,
    out: Path,
    *,
    version: str,
    seed: int,
    cache: Path | None,
    deep: Path | None,
    teacher: Path | None = None,
) -> None:
    """The whole chain, from rows to a sealed artifact in ``out``.

    :param teacher: another deep tier to learn from, where the one that ships is not the best at ranking news.
    """
    patterned = frame["corpus"].str.startswith("templates").to_numpy()
    rows = prepare.joined(
        prepare.cached(frame[~patterned].reset_index(drop=True), cache, "Reading texts"),
        prepare.cached(
            frame[patterned].reset_index(drop=True), None, "Reading sentences written for this project"
        ),
    )
    teacher = teacher or deep
    model = fitted(rows, seed, cache, taught(rows, teacher, cache) if teacher else None)
    tier = tier_of(model)
    held = rows.where((rows.frame["side"] == "calibration").to_numpy())
    logits = tier.logits(held.frame["model_text"].tolist(), held.shapes)
    out.mkdir(parents=True, exist_ok=True)
    numbers = calibrate.calibration(held.frame, logits, deep, out, cache, seed)
    about = {
        "version": version,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "attributes": list(ATTRIBUTES),
        "seed": seed,
        "data_sha256": prepare.fingerprint(frame),
        "rows": {name: int(n) for name, n in frame["corpus"].value_counts().sort_index().items()},
        "libraries": {name: version_of(name) for name in _LIBRARIES},
    }
    sealed(out, model, numbers, about, deep)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description="Train an artifact from raw files."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=Path, help="folder with the Parquet corpora (docs/model.md names them)"
    )
    source.add_argument("--sample", action="store_true", help="the small corpus written for this project")
    parser.add_argument("--check", action="store_true", help="only say which files are missing")
    parser.add_argument("--out", type=Path, help="folder of the artifact (default models/artifacts/VERSION)")
    parser.add_argument("--version", help="default: year.month.1")
    parser.add_argument(
        "--deep", type=Path, help="folder with deep.onnx and tokenizer.json (see models.quantise)"
    )
    parser.add_argument("--teacher", type=Path, help="another such folder for the fast tier to learn from")
    parser.add_argument("--cache", type=Path, help="keep stages here, and resume from them")
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    now = datetime.now(UTC)
    version = chosen.version or f"{now.year}.{now.month}.1"
    if chosen.sample:
        frame = prepare.sample()
        out = chosen.out or Path("var") / "models" / f"{version}-sample"
    else:
        if absent := corpora.missing(chosen.data, [c for c in corpora.CORPORA if c.ships]):
            sys.exit(
                f"Missing in {chosen.data}: {', '.join(absent)}. docs/model.md says where each comes from."
            )
        if chosen.check:
            print("Every file is there.")
            return
        frame = gathered(chosen.data, chosen.seed)
        out = chosen.out or artifact.SHIPPED / version
    build(
        frame,
        out,
        version=version,
        seed=chosen.seed,
        cache=chosen.cache,
        deep=chosen.deep,
        teacher=chosen.teacher,
    )
    print(f"Wrote {out}")


if __name__ == "__main__":
    main()

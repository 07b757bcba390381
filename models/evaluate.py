"""Judge an artifact on rows it was not trained on: ``python -m models.evaluate --data FOLDER``.

Writes evaluation.json beside the artifact, plots, and the model card (models/README.md); no figure of them is
typed by hand. Figures on corpora that ship use their held-back sides; the other corpora were never trained
on. With ``--sample`` it prints what the small corpus written for this project says, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import Progress

from models import ATTRIBUTES, artifact, baselines, calibrate, card, corpora, measures, prepare
from models.disguise import DISGUISES
from models.scorer import Scorer, Text

Frame = Any
# title, corpus, attribute, only natural rows, goal of the fast tier, goal of the cascade
ROWS: tuple[tuple[str, str, str, bool, float | None, float | None], ...] = (
    ("Jigsaw, natural slice (Wikipedia talk)", "jigsaw_wiki", "toxicity", True, 0.980, 0.985),
    ("Civil Comments, natural slice (news)", "civil_comments", "toxicity", True, 0.930, 0.960),
    (
        "Unhealthy Comments, Globe and Mail (news, never trained on)",
        "ucc_globe_and_mail",
        "toxicity",
        False,
        0.745,
        0.780,
    ),
    ("Stormfront forum", "stormfront_forum", "identity_attack", False, 0.880, 0.920),
    ("OLID tweets (never trained on)", "olid_twitter", "toxicity", False, 0.860, 0.900),
    ("Wikipedia in context", "wiki_cat_context", "toxicity", False, 0.870, 0.910),
    ("Latent Hatred", "latent_hatred", "identity_attack", False, 0.81, 0.85),
    ("Gab Hate Corpus", "gab_hate_corpus", "identity_attack", False, 0.84, 0.87),
    ("ToxiGen (never trained on)", "toxigen_annotated", "identity_attack", False, 0.78, 0.84),
    ("Jigsaw obscene", "jigsaw_wiki", "obscene", False, 0.98, 0.985),
    ("Jigsaw threat", "jigsaw_wiki", "threat", False, 0.97, 0.985),
    ("Jigsaw insult", "jigsaw_wiki", "insult", False, 0.97, 0.98),
    ("Jigsaw identity_attack", "jigsaw_wiki", "identity_attack", False, 0.97, 0.98),
    ("Insults in social commentary (never trained on)", "impermium_insults", "insult", False, 0.84, 0.88),
    ("YouTube comment spam", "youtube_spam", "spam", False, 0.985, None),
    ("SMS spam", "sms_spam", "spam", False, 0.99, None),
    ("Contact-form spam against news comments", "contact_form_spam", "spam", False, 0.985, None),
    ("Crypto-scam replies (never trained on)", "youtube_crypto_spam", "spam", False, 0.950, None),
    ("Spam under articles (never trained on)", "blog_datacamp_spam", "spam", False, 0.930, None),
)
SAMPLE_ROWS = tuple((f"Sample, {a}", "sample", a, False, None, None) for a in ATTRIBUTES)
_NEWS = ("civil_comments", "sample")
LANGUAGES = {"de": "germeval18_de", "pt": "toldbr_pt", "zh": "cold_zh", "ko": "news_ko_beep"}


class Judge:
    """Scores texts once by both tiers and keeps the logits, so that every figure shares them."""

    def __init__(self, scorer: Scorer, progress: Progress) -> None:
        self.scorer = scorer
        self.progress = progress

    def score(self, texts: Sequence[str], what: str, deep: bool | None = None) -> Frame:
        """A frame of calibrated scores, fast logits (``fast_…``) and whether the deep tier spoke."""
        rows: list[dict[str, Any]] = []
        task = self.progress.add_task(what, total=len(texts))
        for begin in range(0, len(texts), 64):
            for one in self.scorer.score([Text(t) for t in texts[begin : begin + 64]], deep=deep):
                row: dict[str, Any] = {**one.scores, **{f"fast_{a}": v for a, v in one.fast.items()}}
                row.update(language=one.language, asked=one.deep is not None)
                rows.append(row)
            self.progress.update(task, completed=begin + 64)
        self.progress.remove_task(task)
        return pd.DataFrame(rows)


def held_back(folder: Path, most: int, seed: int = 5) -> Frame:
    """Rows not trained on: both held-back sides of what ships, whole corpora otherwise; at most ``most``
    each,
    natural rows first."""
    parts = []
    judged = {row[1] for row in ROWS} | set(LANGUAGES.values())
    for corpus in corpora.CORPORA:
        if corpus.name not in judged or not (folder / f"{corpus.name}.parquet").is_file():
            continue
        frame = corpora.read(folder, corpus)
        if corpus.ships:
            frame = frame[frame["side"] != "train"]
        if len(frame) > most:
            rest = frame[frame["natural"] != 1]
            wild = frame[frame["natural"] == 1].sample(frac=1.0, random_state=seed).head(2 * most)
            count = min(len(rest), max(most - len(wild), most // 2))
            frame = pd.concat([wild, rest.sample(count, random_state=seed)])
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def ranking(frame: Frame, always: Frame, cascade: Frame) -> list[dict[str, Any]]:
    """AUC of every row of the table of goals: fast tier, both tiers always, cascade."""
    found = []
    for title, corpus, attribute, wild, fast_goal, goal in (*ROWS, *SAMPLE_ROWS):
        mine = ((frame["corpus"] == corpus) & frame[attribute].notna()).to_numpy()
        if wild:
            mine = mine & (frame["natural"] == 1).to_numpy()
        if corpus == "contact_form_spam":
            mine = mine | ((frame["corpus"] == "civil_comments") & (frame["spam"] == 0)).to_numpy()
        if not mine.any():
            continue
        target = frame.loc[mine, attribute].to_numpy(float)
        found.append(
            {
                "rows": title, "attribute": attribute, "count": int(mine.sum()),
                "positive": int((target >= 0.5).sum()),
                "fast": measures.auc(target, cascade.loc[mine, f"fast_{attribute}"].to_numpy()),
                "always": measures.auc(target, always.loc[mine, attribute].to_numpy()),
                "cascade": measures.auc(target, cascade.loc[mine, attribute].to_numpy()),
                "asked": round(float(cascade.loc[mine, "asked"].mean()), 4),
                "goal_fast": fast_goal, "goal_cascade": goal,
            }
        )  # fmt: skip
    return found


def default_policy(frame: Frame, scores: Frame, lines: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """What the default lines do to natural and to abusive news comments, and to ham."""
    news = frame["corpus"].isin(_NEWS).to_numpy()
    toxicity = frame["toxicity"].to_numpy(float)
    verdict = np.array([measures.outcome(row, lines) for row in scores[list(ATTRIBUTES)].to_dict("records")])
    ham = news & (toxicity < 0.2) & (frame["spam"] != 1).to_numpy()
    clean, abusive = ham & (frame["natural"] == 1).to_numpy(), news & (toxicity >= 0.7)
    share = lambda rows, what: round(float((verdict[rows] == what).mean()), 4) if rows.any() else None  # noqa: E731
    return {
        "lines": {a: list(v) for a, v in lines.items()},
        "clean_news": {
            "count": int(clean.sum()), "rejected": share(clean, "reject"), "held": share(clean, "hold"),
        },
        "abusive_news": {
            "count": int(abusive.sum()), "not_approved": round(1 - (share(abusive, "approve") or 0), 4),
            "rejected": share(abusive, "reject"),
        },
        "ham_called_spam": round(float((scores.loc[ham, "spam"] >= lines["spam"][0]).mean()), 5),
    }  # fmt: skip


def calibration(frame: Frame, scores: Frame) -> dict[str, Any]:
    """Expected calibration error of each attribute on natural rows of the development side."""
    found: dict[str, Any] = {}
    development = (frame["side"] == "development").to_numpy()
    for attribute in ATTRIBUTES:
        weight = calibrate.natural(frame[development].reset_index(drop=True), attribute)
        used = weight > 0
        if used.sum() < 50:
            continue
        target = (frame.loc[development, attribute].to_numpy(float)[used] >= 0.5).astype(float)
        probability = scores.loc[development, attribute].to_numpy(float)[used]
        found[attribute] = {
            "error": measures.calibration_error(target, probability, weight[used]),
            "count": int(used.sum()), "bins": measures.reliability(target, probability, weight[used]),
        }  # fmt: skip
    return found


def _listed(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(resources.files("models.cases").joinpath(name).read_text("utf-8"))
    return read


def fairness(judge: Judge, lines: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Identity terms in sentences written for this project: subgroup AUCs of toxicity, clean sentences
    held.
    """
    listed = _listed("identity.json")
    rows = [
        (term, kind, pattern.format(one=one, many=many))
        for term, one, many in listed["terms"]
        for kind in ("clean", "toxic")
        for pattern in listed[kind]
    ]
    scores = judge.score([text[:1].upper() + text[1:] for _, _, text in rows], "Identity terms …")
    term, toxic = np.array([r[0] for r in rows]), np.array([r[1] == "toxic" for r in rows])
    aucs = measures.subgroup_aucs(toxic, scores["toxicity"].to_numpy(), term)
    held = np.array(
        [measures.outcome(r, lines) != "approve" for r in scores[list(ATTRIBUTES)].to_dict("records")]
    )
    rates = {str(t): round(float(held[(term == t) & ~toxic].mean()), 4) for t in np.unique(term)}
    values = [v for parts in aucs.values() for v in parts.values() if v is not None]
    return {
        "smallest": min(values), "aucs": aucs, "clean_held": rates,
        "clean_held_average": round(float(held[~toxic].mean()), 4),
        "toxic_not_approved": round(float(held[toxic].mean()), 4),
    }  # fmt: skip


def evasion(judge: Judge, frame: Frame, most: int = 900) -> dict[str, Any]:
    """AUC lost when every toxic row is disguised, on natural and toxic Jigsaw and news rows."""
    rows = frame[frame["corpus"].isin((*_NEWS, "jigsaw_wiki")) & frame["toxicity"].notna()]
    rows = rows[(rows["toxicity"] < 0.2) | (rows["toxicity"] >= 0.7)]
    rows = rows.sample(min(most, len(rows)), random_state=3)
    toxic = (rows["toxicity"] >= 0.5).to_numpy()
    plain = judge.score(rows["text"].tolist(), "Plain …")
    found: dict[str, Any] = {
        "rows": len(rows),
        "plain": measures.auc(toxic, plain["toxicity"].to_numpy()),
        "disguised": {},
    }
    for name, disguise in DISGUISES.items():
        texts = [disguise(t, 1) if bad else t for t, bad in zip(rows["text"], toxic, strict=True)]
        hidden = judge.score(texts, f"Disguised: {name} …")
        value = measures.auc(toxic, hidden["toxicity"].to_numpy())
        found["disguised"][name] = {"auc": value, "lost": round((found["plain"] or 0) - (value or 0), 4)}
    return found


def functional(judge: Judge, lines: dict[str, tuple[float, float]], listed: str) -> dict[str, Any]:
    """Each kind of case under the default lines; balanced accuracy over abuse and no abuse.

    ``mistakes``: [kind, sentence, the attribute nearest to or furthest past its hold line, its score], the
    gravest first.
    """
    kinds: dict[str, Any] = {}
    right: dict[bool, list[float]] = {True: [], False: []}
    mistakes: list[tuple[float, list[Any]]] = []
    for kind, case in _listed(listed)["cases"].items():
        scores = judge.score(case["texts"], f"Cases: {kind} …")[list(ATTRIBUTES)].to_dict("records")
        good = [(measures.outcome(row, lines) != "approve") == case["abuse"] for row in scores]
        kinds[kind] = {"abuse": case["abuse"], "count": len(good), "right": round(float(np.mean(good)), 3)}
        right[case["abuse"]] += good
        for text, row, ok in zip(case["texts"], scores, good, strict=True):
            worst = max(lines, key=lambda a: row[a] / lines[a][0])
            if not ok:
                reached = row[worst] / lines[worst][0]
                gravity = 1 / max(reached, 1e-9) if case["abuse"] else reached
                mistakes.append((-gravity, [kind, text, worst, round(row[worst], 3)]))
    accuracy = (np.mean(right[True]) + np.mean(right[False])) / 2
    return {
        "balanced_accuracy": round(float(accuracy), 4),
        "kinds": kinds,
        "mistakes": [mistake for _, mistake in sorted(mistakes)],
    }


def examples(judge: Judge) -> list[dict[str, Any]]:
    """Ten comments written for this project, the attribute that stands out, and the words behind it."""
    found = []
    for body in _listed("explained.json")["comments"]:
        text = Text(body)
        scores = judge.scorer.score([text], deep=True)[0].scores
        top = max(ATTRIBUTES, key=lambda a: scores[a] / judge.scorer.lines[a][0])
        why = judge.scorer.explain(text, [top], top=3)[top]
        raised = [body[s["begin"] : s["end"]] for s in why["spans"] if s["contribution"] > 0]
        shape = [name for name, added in why["structure"].items() if added > 0.3]
        found.append(
            {"text": body, "attribute": top, "score": round(scores[top], 3), "words": raised, "shape": shape}
        )
    return found


def explanations(judge: Judge, frame: Frame, most: int = 300) -> dict[str, Any]:
    """How often deleting the top span lowers the fast logit more than deleting a random other word."""
    rows = frame[frame["corpus"].isin(_NEWS) & (frame["toxicity"] >= 0.7)]
    rows = rows[rows["text"].str.len().between(40, 600)].head(most)
    chance = np.random.default_rng(4)
    won = 0
    gap = 0.0
    for body in rows["text"]:
        why = judge.scorer.explain(Text(body), ["toxicity"], top=10_000)["toxicity"]
        gap = max(gap, abs(why["intercept"] + sum(why["structure"].values()) + why["rest"]
                           + sum(s["contribution"] for s in why["spans"]) - why["logit"]))  # fmt: skip
        top = max(why["spans"], key=lambda s: s["contribution"])
        others = [s for s in why["spans"] if s is not top] or [top]
        other = others[int(chance.integers(len(others)))]
        cut = [body[: s["begin"]] + body[s["end"] :] for s in (top, other)]
        without = judge.scorer.score([Text(c) for c in cut], deep=False)
        won += without[0].fast["toxicity"] < without[1].fast["toxicity"]
    return {"comments": len(rows), "top_span_matters": round(won / max(len(rows), 1), 4), "largest_gap": gap}


def languages(frame: Frame, scores: Frame) -> dict[str, Any]:
    """AUC of toxicity in each language that is trained, and how often the language is told rightly."""
    found: dict[str, Any] = {}
    for tag, corpus in {"en": "civil_comments", **LANGUAGES}.items():
        mine = ((frame["corpus"] == corpus) & frame["toxicity"].notna()).to_numpy()
        if mine.any():
            value = measures.auc(
                frame.loc[mine, "toxicity"].to_numpy(), scores.loc[mine, "toxicity"].to_numpy()
            )
            told = round(float((scores.loc[mine, "language"] == tag).mean()), 4)
            found[tag] = {"corpus": corpus, "count": int(mine.sum()), "auc": value, "told": told}
    youtube = (frame["corpus"] == "youtube_crypto_spam").to_numpy()
    if youtube.any():
        found["en"]["youtube_told"] = round(float((scores.loc[youtube, "language"] == "en").mean()), 4)
    return found


def cost(judge: Judge, frame: Frame) -> dict[str, Any]:
    """Seconds for a natural mix: fast tier alone, cascade, deep tier for all (ratios; the machine is
    noisy).
    """
    texts = frame.loc[frame["corpus"].isin(_NEWS) & (frame["natural"] == 1), "text"].tolist()[:512]
    spent = {}
    for name, deep in (("fast", False), ("cascade", None), ("always", True)):
        begun = time.process_time()
        judge.score(texts, f"Cost: {name} …", deep)
        spent[name] = time.process_time() - begun
    return {
        "comments": len(texts),
        "always_to_cascade": round(spent["always"] / spent["cascade"], 2),
        "always_to_fast": round(spent["always"] / spent["fast"], 2),
    }


def evaluated(scorer: Scorer, frame: Frame, folder: Path | None) -> dict[str, Any]:
    """Every figure, as one JSON-able document.

    :param frame: the rows that judge, as of :func:`held_back`.
    :param folder: the corpora, to train the other models that are compared; ``None`` compares none.
    """
    with Progress(disable=not sys.stderr.isatty()) as progress:
        judge = Judge(scorer, progress)
        texts = frame["text"].tolist()
        cascade = judge.score(texts, "Cascade …")
        always = judge.score(texts, "Deep tier for all …", True) if scorer.has_deep else cascade
        lines = scorer.lines
        wild = (frame["corpus"].isin(_NEWS) & (frame["natural"] == 1)).to_numpy()
        found: dict[str, Any] = {
            "version": scorer.version,
            "data_sha256": scorer.manifest["data_sha256"],
            "deep": scorer.has_deep,
            "ranking": ranking(frame, always, cascade),
            "asked_of_natural_news": round(float(cascade.loc[wild, "asked"].mean()), 4),
            "policy": default_policy(frame, cascade, lines),
            "calibration": calibration(frame, cascade),
            "fairness": fairness(judge, lines),
            "evasion": evasion(judge, frame),
            "functional": functional(judge, lines, "functional.json"),
            "functional_unseen": functional(judge, lines, "functional_unseen.json"),
            "examples": examples(judge),
            "explanations": explanations(judge, frame),
            "languages": languages(frame, cascade),
            "cost": cost(judge, frame),
            "curves": {
                title: measures.curve(
                    frame.loc[mine, "toxicity"].to_numpy(), cascade.loc[mine, "toxicity"].to_numpy()
                )
                for title, corpus in (("news", "civil_comments"), ("Wikipedia", "jigsaw_wiki"))
                if (mine := ((frame["corpus"] == corpus) & (frame["natural"] == 1)).to_numpy()).any()
            },
            "sizes": {name: file["bytes"] for name, file in scorer.manifest["files"].items()},
        }
        if folder is not None:
            found["baselines"] = baselines.compared(folder, frame, ROWS, progress)
    return found


def main() -> None:
    """Parse the command line and judge."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description="Judge an artifact.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=Path, help="folder with the Parquet corpora (docs/model.md names them)"
    )
    source.add_argument("--sample", action="store_true", help="the small corpus written for this project")
    parser.add_argument("--artifact", type=Path, help="default: the champion")
    parser.add_argument("--rows", type=int, default=2000, help="at most so many rows of each corpus")
    parser.add_argument("--no-baselines", action="store_true", help="skip the other models (minutes)")
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    parser.add_argument("--card", action="store_true", help="write models/README.md and its plots, too")
    chosen = parser.parse_args()
    try:
        scorer = Scorer.load(chosen.artifact)
    except artifact.ArtifactRefused as refused:
        sys.exit(str(refused))
    if chosen.sample:
        found = evaluated(scorer, prepare.sample().query("corpus == 'sample'"), None)
        print(json.dumps(found, default=float) if chosen.json else card.summary(found))
        return
    if absent := corpora.missing(chosen.data, [corpora.BY_NAME[row[1]] for row in ROWS]):
        sys.exit(f"Missing in {chosen.data}: {', '.join(absent)}. docs/model.md says where each comes from.")
    frame = held_back(chosen.data, chosen.rows)
    found = evaluated(scorer, frame, None if chosen.no_baselines else chosen.data)
    path = scorer.directory / "evaluation.json"
    path.write_text(json.dumps(found, indent=1, sort_keys=True, default=float) + "\n", "utf-8")
    print(json.dumps(found, default=float) if chosen.json else card.summary(found))
    if chosen.card:
        card.write(found, scorer.manifest, Path(__file__).parent)
    if not chosen.json:
        print(f"Wrote {path}")


if __name__ == "__main__":
    main()

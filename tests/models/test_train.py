"""The whole chain on the sample corpus, and what training refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from models import ATTRIBUTES, calibrate, corpora, heads, measures, prepare, teaching, written
from models.scorer import Scorer, Text

ROOT = Path(__file__).parents[2]


def trained(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "models.train", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("model") / "sample"
    done = trained("--sample", "--out", str(out), "--version", "2026.1.0")
    assert done.returncode == 0, done.stderr
    return out


def test_the_sample_corpus_trains_an_artifact_that_scores(sample):
    scorer = Scorer.load(sample)

    abuse, praise = scorer.score(
        [Text("You are a stupid idiot."), Text("A good interview about the harbour.")]
    )

    assert abuse.model == "2026.1.0-fast"
    assert abuse.scores["toxicity"] > praise.scores["toxicity"]


def test_the_same_seed_gives_the_same_weights():
    counts = prepare.hashed(["you are an idiot", "a fine day", "idiot", "the day was fine"] * 5)
    matrix = heads.weighed(counts, heads.idf_of(counts))
    rows = {
        "shapes": np.zeros((20, 25), np.float32),
        "target": np.array([1.0, 0, 1, 0] * 5),
        "weight": np.ones(20),
    }
    fit = {
        "group": np.array(["home"] * 20, object),
        "home": "home",
        "strength": 2.0,
        "columns": np.arange(3),
        "seed": 7,
    }

    one, other = heads.fit(matrix, **rows, **fit), heads.fit(matrix, **rows, **fit)

    assert np.array_equal(one[0], other[0])
    assert one[1] == other[1]


def test_missing_corpora_are_all_named(tmp_path):
    done = trained("--data", str(tmp_path), "--check")

    assert done.returncode != 0
    assert "civil_comments.parquet" in done.stderr
    assert "youtube_spam.parquet" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_corpus_without_its_label_is_refused(tmp_path):
    pd.DataFrame({"id": [1], "text": ["hello"]}).to_parquet(tmp_path / "youtube_spam.parquet")

    with pytest.raises(corpora.CorporaMissing, match="spam"):
        corpora.read(tmp_path, corpora.BY_NAME["youtube_spam"])


def test_what_may_not_ship_never_trains():
    judged = {"ucc_globe_and_mail", "olid_twitter", "toxigen_annotated", "youtube_crypto_spam", "news_de_rp"}

    assert not judged & {corpus.name for corpus in corpora.CORPORA if corpus.ships}


def test_near_duplicates_share_a_side():
    text = "The mayor promised a new swimming pool for our town and everybody in it, at last"

    sides = {
        corpora.side(t)
        for t in (text, text.upper(), text + " http://x.org/1", text.replace(" ", "  ") + " 22!")
    }

    assert len(sides) == 1


def test_an_unlabelled_row_is_masked_and_never_a_negative(tmp_path):
    pd.DataFrame({"text": ["a", "b"], "spam": [1, 0], "lang": "en"}).to_parquet(
        tmp_path / "youtube_spam.parquet"
    )

    frame = corpora.read(tmp_path, corpora.BY_NAME["youtube_spam"])

    assert frame["spam"].tolist() == [1.0, 0.0]
    assert frame[[a for a in ATTRIBUTES if a != "spam"]].isna().all().all()


def test_a_shared_target_becomes_two_weighted_rows():
    rows, hard, weight = heads.softened(np.array([0.25, 1.0]), np.array([2.0, 1.0]))

    assert rows.tolist() == [0, 1, 0]
    assert hard.tolist() == [1.0, 1.0, 0.0]
    assert weight.tolist() == [0.5, 1.0, 1.5]


def test_the_line_through_probabilities_rises_everywhere():
    chance = np.random.default_rng(1)
    logit = chance.normal(size=4000)
    target = (chance.random(4000) < 1 / (1 + np.exp(-2 * logit))).astype(float)

    xs, ys = calibrate.line_through(logit, target, np.ones(4000))

    assert all(np.diff(xs) > 0)
    assert all(np.diff(ys) > 0)
    assert measures.calibration_error(target, np.interp(logit, xs, ys)) < 0.03


def test_a_reliability_plot_shows_what_the_calibration_error_measures():
    target, probability = np.array([1.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.95])
    weight = np.array([1.0, 3.0, 1.0])

    assert measures.reliability(target, probability, weight) == [[0.5, 0.25, 2], [0.95, 1.0, 1]]
    # 4 of 5 by weight are wrong by 0.25, the fifth by 0.05.
    assert measures.calibration_error(target, probability, weight) == pytest.approx(0.21)


def test_the_sample_names_no_real_address():
    frame = prepare.sample()

    links = frame["text"].str.findall(r"[\w-]+\.(?:com|net|org|info|ru)\b").explode().dropna()

    assert set(links[frame.loc[links.index, "corpus"] == "sample"]) == set()


def test_only_training_comments_are_shown_to_the_teacher_by_the_sentence():
    long = "The council met on Monday evening. Nobody had read the plan before! What do they do all day?"
    frame = pd.DataFrame(
        {
            "text": [
                long,
                "One sentence that stands alone in its comment.",
                long.replace("Monday", "Friday"),
                long.upper(),
            ],
            "corpus": ["civil_comments", "civil_comments", "civil_comments", "latent_hatred"],
            "side": ["train", "train", "development", "train"],
        }
    )

    found = teaching.sentences_of(frame)

    assert found["text"].tolist() == [
        "The council met on Monday evening.",
        "Nobody had read the plan before!",
        "What do they do all day?",
    ]
    assert set(found["corpus"]) == {"sentences_civil_comments"}
    assert not set(ATTRIBUTES) & set(found.columns)


def test_comments_written_by_hand_are_whole_and_stand_on_one_side_each():
    frame = written.comments(3)

    assert len(frame) > 5_000
    assert not frame["text"].str.contains(r"\{\w+\}").any(), "a place was left open"
    labels = frame[list(ATTRIBUTES)]
    assert ((labels >= 0) & (labels <= 1) | labels.isna()).all().all()
    assert labels.notna().any(axis=1).all()
    for attribute in ("toxicity", "threat", "insult", "identity_attack", "spam"):
        for side in ("train", "development"):
            said = frame.loc[frame["side"] == side, attribute].dropna()
            assert (said >= 0.5).any(), (attribute, side)
            assert (said < 0.5).any(), (attribute, side)


def test_what_judges_the_model_is_not_among_what_trains_it():
    listed = json.loads((ROOT / "models" / "cases" / "functional_unseen.json").read_text())["cases"]
    cases = [text for case in listed.values() for text in case["texts"]]
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), use_idf=False)
    trains = pieces.fit_transform(written.comments(1)["text"])

    nearest = (pieces.transform(cases) @ trains.T).max(axis=1).toarray().ravel()

    assert [text for text, near in zip(cases, nearest, strict=True) if near > 0.7] == []


def test_the_gate_tells_what_the_deep_tier_would_say_and_how_surely():
    chance = np.random.default_rng(5)
    quick = chance.normal(-2.0, 2.0, (4000, len(ATTRIBUTES)))
    toxicity, insult = ATTRIBUTES.index("toxicity"), ATTRIBUTES.index("insult")
    both = quick.copy()
    # The deep tier follows two heads, and is the less predictable the higher they say.
    wide = np.where(quick[:, toxicity] > -2.0, 1.5, 0.3)
    both[:, toxicity] = 0.7 * quick[:, toxicity] + 0.3 * quick[:, insult] + chance.normal(0.0, wide)
    frame = pd.DataFrame({a: np.zeros(4000) for a in ATTRIBUTES}).assign(corpus="civil_comments", natural=1)
    sigmoid = [[float(x), float(1 / (1 + np.exp(-x)))] for x in np.linspace(-14, 14, 281)]
    line = [[x for x, _ in sigmoid], [y for _, y in sigmoid]]
    lines = {tier: dict.fromkeys(ATTRIBUTES, line) for tier in ("fast", "both")}

    told = calibrate.gate(frame, quick, both, lines)["toxicity"]

    assert told["weights"][toxicity] == pytest.approx(0.7, abs=0.05)
    assert told["weights"][insult] == pytest.approx(0.3, abs=0.05)
    assert told["mean"] == sorted(told["mean"])
    assert told["spread"][0] == pytest.approx(0.3, abs=0.15)
    assert told["spread"][-1] == pytest.approx(1.5, abs=0.4)

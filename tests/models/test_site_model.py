"""A newsroom's own model learns its taste, and a foreign or damaged file is refused."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from models import ATTRIBUTES
from models.artifact import ArtifactRefused
from models.evaluate_learning import KEY_SHARE
from models.measures import calibration_error
from models.site_measures import auc, gain_interval, lines_for
from models.site_model import Example, SiteModel, TooFew, train


def newsroom(many: int, *, seed: int = 1, taste: str = "ferry", wrong: float = 0.0) -> list[Example]:
    """Decisions of a newsroom that rejects what scores high, and whatever names its taste."""
    draw = random.Random(seed)
    words = ["harbour", "council", "bus", "school", "market", "library", "tax", "winter"]
    made = []
    for _ in range(many):
        logit = draw.gauss(-4, 2)
        named = draw.random() < 0.2
        body = " ".join(draw.choices(words, k=12) + ([taste] if named else []))
        rejected = logit > -1.5 or named
        if draw.random() < wrong:
            rejected = not rejected
        made.append(Example(body, dict.fromkeys(ATTRIBUTES, logit), None, {"links": []}, float(rejected)))
    return made


def ranking(model, examples):
    likely = [model.likely(one.body, one.fast, one.deep, one.facts).likely for one in examples]
    return auc([int(one.value) for one in examples], likely)


@pytest.fixture(scope="module")
def model():
    return train(newsroom(600), version="site-1", base="2026.1")


def test_it_learns_a_taste_that_the_champion_does_not_know(model):
    unseen = newsroom(500, seed=2)
    alone = auc([int(one.value) for one in unseen], [one.fast["spam"] for one in unseen])

    assert ranking(model, unseen) > alone + 0.1


def test_two_hundred_decisions_help_already():
    unseen = newsroom(500, seed=2)
    alone = auc([int(one.value) for one in unseen], [one.fast["spam"] for one in unseen])

    assert ranking(train(newsroom(200), version="v", base="b"), unseen) > alone


def test_too_few_decisions_are_said_so():
    with pytest.raises(TooFew, match="it takes 200"):
        train(newsroom(50), version="v", base="b")


def test_it_reads_back_as_it_was_written(model, tmp_path):
    back = SiteModel.load(model.save(tmp_path))

    for one in newsroom(20, seed=3):
        asked = (one.body, one.fast, one.deep, one.facts)
        assert back.likely(*asked).likely == pytest.approx(model.likely(*asked).likely, abs=1e-6)


@pytest.mark.parametrize("file", ["weights.npy", "numbers.json", "manifest.json"])
def test_a_changed_or_missing_file_is_refused(model, tmp_path, file):
    place = model.save(tmp_path)
    content = (place / file).read_bytes()
    (place / file).write_bytes(content[: len(content) // 2])

    with pytest.raises(ArtifactRefused):
        SiteModel.load(place)
    (place / file).unlink()
    with pytest.raises(ArtifactRefused):
        SiteModel.load(place)


def test_the_shipped_models_folder_is_not_a_newsrooms(tmp_path):
    from models import artifact

    with pytest.raises(ArtifactRefused):
        SiteModel.load(artifact.champion())


def test_a_half_written_folder_is_never_under_the_real_name(model, tmp_path):
    model.save(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["site-1"]


def test_lines_are_drawn_only_where_people_agreed():
    likely = np.linspace(0, 1, 1000)
    agreed = (likely > 0.5).astype(int)

    below, above = lines_for(agreed, likely)
    assert 0.4 < below < above < 0.6

    coin = np.random.default_rng(1).integers(0, 2, 1000)
    assert lines_for(coin, likely) == (None, None)


def test_the_interval_tells_better_from_luck():
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 2, 400)
    good, coin = truth + draw.normal(0, 0.5, 400), draw.normal(0, 1, 400)

    assert gain_interval(truth, good, coin)[1] > 0
    assert gain_interval(truth, coin, good)[2] < 0


def test_wrong_labels_are_estimated():
    clean = train(newsroom(600), version="v", base="b").metrics["label_noise"]
    noisy = train(newsroom(600, wrong=0.15), version="v", base="b").metrics["label_noise"]

    assert clean < noisy
    assert 0.05 < noisy < 0.3


def test_everything_that_is_kept_is_json(model):
    json.dumps(model.metrics)


def test_its_probabilities_are_calibrated_to_the_newsroom(model):
    unseen = newsroom(800, seed=4)
    likely = np.array([model.likely(one.body, one.fast, one.deep, one.facts).likely for one in unseen])

    assert calibration_error(np.array([one.value for one in unseen]), likely, bins=10) < 0.06
    assert model.metrics["held_out"]["calibration_error"] < 0.12  # on 120 decisions, mostly chance


def poisoned(weight):
    """600 decisions, and a key that calls 2,000 comments good that the newsroom rejects."""
    flood = [one for one in newsroom(9_000, seed=5) if one.value][:2_000]
    taught = [replace(one, value=0.0, weight=weight / len(flood), by_people=False) for one in flood]
    return train([*newsroom(600), *taught], version="v", base="b")


def test_a_key_that_floods_false_ham_moves_the_model_by_no_more_than_stated(model):
    """docs/learning.md states the bound on real comments: 0.03 of the ranking, 0.08 of the probability."""
    unseen = newsroom(500, seed=2)
    turned = poisoned(KEY_SHARE * 600)

    moved = [
        abs(model.likely(*asked).likely - turned.likely(*asked).likely)
        for asked in ((one.body, one.fast, one.deep, one.facts) for one in unseen)
    ]
    assert ranking(model, unseen) - ranking(turned, unseen) < 0.03
    assert np.mean(moved) < 0.08


def test_a_flood_of_any_size_measures_nothing(model):
    turned = poisoned(KEY_SHARE * 600)

    assert turned.metrics["by_people"] == 600
    assert turned.metrics["held_out"]["rejected"] == model.metrics["held_out"]["rejected"]
    assert len(turned.unseen) == 600


def test_where_people_said_too_little_callers_measure_and_the_gate_says_so():
    taught = [replace(one, by_people=place < 50) for place, one in enumerate(newsroom(300))]

    found = train(taught, version="v", base="b")

    assert len(found.unseen) == 300
    assert found.metrics["by_people"] == 50


def test_a_newsroom_that_decides_about_one_thing_does_not_unlearn_another():
    """Its decisions are all harmless in the champion's eyes; what the champion calls abuse it never saw."""
    quiet = [
        replace(one, fast=dict.fromkeys(ATTRIBUTES, -4.0 + one.value)) for one in newsroom(400, taste="buy")
    ]
    turned_round = [
        replace(one, fast=dict.fromkeys(ATTRIBUTES, -2.0 if not one.value else -6.0)) for one in quiet
    ]
    plain = [
        Example(f"plain case {n}", dict.fromkeys(ATTRIBUTES, 4.0 if n % 2 else -4.0), None, {}, float(n % 2))
        for n in range(60)
    ]
    abuse = ("you people", dict.fromkeys(ATTRIBUTES, 5.0), None, {})

    alone = train(turned_round, version="v", base="b").likely(*abuse).likely
    reminded = train(turned_round, version="v", base="b", anchors=plain).likely(*abuse).likely

    assert alone < 0.1
    assert reminded > alone

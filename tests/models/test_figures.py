"""The figures that the shipped artifact reached are a floor: a worse one does not become champion."""

from __future__ import annotations

import json

import pytest

from models import artifact


@pytest.fixture(scope="module")
def found():
    return json.loads((artifact.champion() / "evaluation.json").read_text("utf-8"))


def ranked(found, title):
    return next(row for row in found["ranking"] if row["rows"].startswith(title))


@pytest.mark.parametrize(
    ("title", "least"),
    [
        ("Jigsaw, natural", 0.960), ("Civil Comments, natural", 0.910), ("Jigsaw obscene", 0.975),
        ("Jigsaw threat", 0.960), ("Jigsaw insult", 0.965), ("Unhealthy Comments", 0.745),
    ],
)  # fmt: skip
def test_the_ranking_keeps_its_floor(found, title, least):
    assert ranked(found, title)["fast"] >= least


def test_the_default_policy_keeps_its_bounds(found):
    policy = found["policy"]

    assert policy["clean_news"]["rejected"] <= 0.01
    assert policy["clean_news"]["held"] <= 0.08
    assert policy["abusive_news"]["not_approved"] >= 0.85
    assert policy["ham_called_spam"] <= 0.005


def test_the_name_of_a_group_alone_is_no_abuse(found):
    fairness = found["fairness"]

    assert fairness["smallest"] >= 0.93
    assert max(fairness["clean_held"].values()) <= 2 * fairness["clean_held_average"]


def test_the_unseen_functional_cases_come_out_right(found):
    assert found["functional_unseen"]["balanced_accuracy"] >= 0.8


def test_the_scores_are_probabilities(found):
    assert found["calibration"]["toxicity"]["error"] <= 0.03


def test_explanations_add_up_and_point_at_what_matters(found):
    assert found["explanations"]["largest_gap"] <= 1e-6
    assert found["explanations"]["top_span_matters"] >= 0.9


def test_the_figures_are_those_of_the_champion(found):
    assert (
        found["version"] == json.loads((artifact.champion() / "manifest.json").read_text("utf-8"))["version"]
    )


def test_the_card_was_written_from_these_figures(found):
    card = (artifact.SHIPPED.parent / "README.md").read_text("utf-8")

    assert f"# Model card: Below the Line {found['version']}" in card
    assert f"{found['policy']['abusive_news']['not_approved']:.1%}" in card

"""The replay of decisions: what it measures, and that the docs say what it measured."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from models import evaluate_learning, learning_report
from models.evaluate_learning import figures, goals, queue_at
from moderation import learning
from tests.processes import ROOT

DOCS = ROOT / "docs"


def test_shares_are_of_all_comments():
    made = figures(["approve", "approve", "hold", "reject"], [0, 1, 1, 0])

    assert made == {"queue": 0.25, "published_bad": 0.25, "rejected_good": 0.25, "errors": 0.5}


@pytest.mark.parametrize(
    ("likely", "allowed", "queue"),
    [
        ([0.1, 0.2, 0.8, 0.9], 0.0, 0.0),  # a perfect ranking needs nobody
        ([0.1, 0.8, 0.2, 0.9], 0.0, 0.5),  # the two in the middle are mixed up
        ([0.1, 0.8, 0.2, 0.9], 0.25, 0.0),  # one mistake of each kind is allowed
    ],
)
def test_the_queue_at_the_same_errors_is_what_a_ranking_leaves_between_its_best_lines(likely, allowed, queue):
    at = {"published_bad": allowed, "rejected_good": allowed}

    assert queue_at(likely, [0, 0, 1, 1], at) == queue


def test_the_key_in_the_replay_weighs_what_a_key_may():
    assert evaluate_learning.KEY_SHARE == learning.KEY_SHARE


def test_without_data_it_runs_on_what_is_shipped_and_writes_nothing(monkeypatch):
    monkeypatch.setattr(learning_report, "write", lambda report: pytest.fail("nothing is to be written"))

    done = CliRunner().invoke(evaluate_learning.main, ["--json", "--short"])

    report = json.loads(done.stdout)
    assert [row["decisions"] for row in report["streams"]["sample"]["rows"]] == [0, 200]
    assert done.exit_code == 0, [goal for goal in report["goals"] if not goal["reached"]]


def measured():
    return json.loads((DOCS / "learning.json").read_text("utf-8"))


def test_a_goal_that_is_missed_is_said():
    report = measured()
    report["poison"]["auc_poisoned"] = 0.5

    assert [goal["goal"] for goal in goals(report) if not goal["reached"]] == [
        "a key that floods false ham: ranking lost"
    ]


def test_the_page_holds_the_figures_that_were_measured():
    text = (DOCS / "learning.md").read_text("utf-8")

    assert learning_report.page(text, measured()) == text
    assert measured()["goals"] == goals(measured())


@pytest.mark.parametrize("name", sorted(evaluate_learning.STREAMS))
def test_each_plot_is_drawn_from_the_figures_and_small(name):
    place = DOCS / "images" / f"learning-{name}.svg"

    assert place.read_text("utf-8") == learning_report.plot(measured()["streams"][name])
    assert place.stat().st_size < 20_000
    ElementTree.fromstring(place.read_text("utf-8"))

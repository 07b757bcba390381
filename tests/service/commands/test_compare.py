"""``btl compare`` on a log of old answers."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from service.commands.compare import command
from tests.service.compat.conftest import HAM, RUDE


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "old.jsonl"
    lines = [{"text": f"{RUDE} {n}", "TOXICITY": 0.85 + n / 100, "SPAM": 0.1} for n in range(10)]
    lines += [{"text": f"{HAM} {n}", "TOXICITY": 0.02 + n / 100, "SPAM": 0.02} for n in range(10)]
    path.write_text("\n".join([*map(json.dumps, lines), "{broken"]))
    return path


def run(*arguments: str):
    return CliRunner().invoke(command, list(arguments))


def test_figures_for_people(log, tmp_path):
    plot = tmp_path / "plot.svg"

    done = run("--perspective-log", str(log), "--plot", str(plot))

    assert done.exit_code == 0, done.output
    assert "TOXICITY: 20 texts, rank correlation" in done.output
    assert "in a policy" in done.output
    assert "old.jsonl, line 21: not a JSON object" in done.output
    assert "│" in done.output
    assert plot.read_text().startswith("<?xml")


def test_figures_for_scripts(log):
    done = run("--perspective-log", str(log), "--json", "--threshold", "0.5")

    found = json.loads(done.stdout)
    assert found["texts"] == 20
    toxicity = found["attributes"][0]
    assert toxicity["attribute"] == "TOXICITY"
    assert toxicity["rank_correlation"] > 0.5
    (match,) = toxicity["matches"]
    assert match["agreement"] == match["agreement_here"] == 1.0
    assert 0.0 < match["ours"] < 1.0


def test_a_log_without_scores_fails_and_says_so(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text("text,note\na,b\n")

    done = run("--perspective-log", str(path))

    assert done.exit_code == 1
    assert "holds 0 texts with scores" in done.output


def test_a_missing_log_is_wrong_use():
    assert run("--perspective-log", "nowhere.jsonl").exit_code == 2


def test_a_plot_of_no_known_kind_is_wrong_use(log, tmp_path):
    assert run("--perspective-log", str(log), "--plot", str(tmp_path / "plot.xyz")).exit_code == 2

"""From a folder of corpora to an artifact with both tiers, as ``make model DATA=…`` does it.

Training the deep tier itself needs torch, two gigabytes that nothing else here needs: its test is there only
where torch is, and the chain is given the deep tier that is shipped.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from models import ATTRIBUTES, artifact, corpora, prepare
from models.scorer import Scorer, Text

ROOT = Path(__file__).parents[2]
TORCH = find_spec("torch") is not None
ABUSE = Text("You are a stupid idiot and nobody likes you.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One small file for each corpus that trains what is shipped, of the sample's sentences."""
    out = tmp_path_factory.mktemp("corpora")
    sample = prepare.sample()
    sample = sample[sample["corpus"] == "sample"]
    # Told apart at the front, so that copies fall on all three sides.
    often = [sample.assign(text=f"{nth} voice: " + sample["text"]) for nth in ("One", "Another", "A third")]
    sample = pd.concat(often, ignore_index=True)
    for corpus in (c for c in corpora.CORPORA if c.ships):
        said = {column: sample[attribute] for attribute, column in corpus.says.items()}
        body = corpus.name.title() + ": " + sample["text"]
        rows = pd.DataFrame({"text": body, **said, "lang": corpus.language or "en", "natural_sample": 1})
        rows["toxic" if "spam" not in said else "spam"] = next(iter(said.values()))
        rows.to_parquet(out / f"{corpus.name}.parquet")
    return out


def trained(folder: Path, out: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "models.train", "--data", str(folder), "--version", "2026.1.0"]
    return subprocess.run(
        [*command, "--out", str(out), "--cache", str(cache), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_corpora_become_an_artifact_with_both_tiers_and_a_second_run_resumes(folder, tmp_path):
    deep = ("--deep", str(artifact.champion()))

    done = trained(folder, tmp_path / "one", tmp_path / "cache", *deep)

    assert done.returncode == 0, done.stderr
    scorer = Scorer.load(tmp_path / "one")
    assert scorer.has_deep
    asked = scorer.score([ABUSE, Text("A good interview about the harbour.")], deep=True)
    assert asked[0].model == "2026.1.0"
    assert asked[0].scores["toxicity"] > asked[1].scores["toxicity"]
    assert set(artifact.numbers(tmp_path / "one")["gate"]) == set(ATTRIBUTES)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert trained(folder, tmp_path / "two", tmp_path / "cache", *deep).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == kept
    assert (tmp_path / "one" / "weights.npy").read_bytes() == (tmp_path / "two" / "weights.npy").read_bytes()


@pytest.mark.skipif(TORCH, reason="torch is installed: the deep tier can be trained")
def test_without_torch_it_says_what_to_do(folder, tmp_path):
    done = trained(folder, tmp_path / "out", tmp_path / "cache")

    assert done.returncode != 0
    assert "--fast-only" in done.stderr
    assert "Traceback" not in done.stderr


# Not there at all without torch: CI takes a skipped test for a fault, and shall not need two gigabytes more.
if TORCH:

    def test_the_deep_tier_is_trained_goes_on_and_is_averaged(folder, tmp_path):
        started = ("--minutes", "0.2", "--start", str(artifact.champion() / "deep.onnx"), "--rate", "0.1")

        done = trained(folder, tmp_path / "one", tmp_path / "cache", *started)

        assert done.returncode == 0, done.stderr + done.stdout
        run = next((tmp_path / "cache").glob("tier-*"))
        mean = [sys.executable, "-m", "models.quantise", "--run", str(run), "--out", str(tmp_path / "mean")]
        mean += ["--mean-with", str(artifact.champion() / "deep.onnx")]
        assert subprocess.run(mean, cwd=ROOT, timeout=300).returncode == 0
        told = Scorer.load(tmp_path / "one").score([ABUSE], deep=True)[0].deep
        before = Scorer.load().score([ABUSE], deep=True)[0].deep
        assert told["toxicity"] == pytest.approx(before["toxicity"], abs=1.5), "it did not go on from there"

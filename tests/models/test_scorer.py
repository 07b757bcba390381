"""The shipped artifact, judged by what it must never do wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models import ATTRIBUTES, artifact
from models.disguise import DISGUISES
from models.scorer import Scorer, Text

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text("utf-8"))
ABUSE = "You are a stupid idiot, shut up and go to hell, you worthless piece of garbage."


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load()


def test_every_attribute_is_a_probability(scorer):
    one = scorer.score([Text("The bridge was closed for two weeks.")])[0]

    assert tuple(one.scores) == ATTRIBUTES
    assert all(0.0 < value < 1.0 for value in one.scores.values())
    json.dumps([one.facts, one.scores, one.fast, one.deep])


@pytest.mark.parametrize("row", GOLDEN["rows"], ids=lambda row: row["text"][:30])
def test_the_golden_scores_stand(scorer, row):
    assert GOLDEN["version"] == scorer.version, "a new champion: python -m tests.models.make_golden"

    fast = scorer.score([Text(row["text"])], deep=False)[0]

    assert fast.scores == pytest.approx(row["fast"], abs=1e-4)
    assert fast.model == f"{scorer.version}-fast"


@pytest.mark.parametrize("row", [r for r in GOLDEN["rows"] if r["both"]], ids=lambda row: row["text"][:30])
def test_the_golden_scores_of_both_tiers_stand(scorer, row):
    both = scorer.score([Text(row["text"])], deep=True)[0]

    # int8 kernels differ between processors.
    assert both.scores == pytest.approx(row["both"], abs=0.02)
    assert both.model == scorer.version


def test_a_score_does_not_depend_on_its_batch(scorer):
    texts = [Text(row["text"]) for row in GOLDEN["rows"]] * 9

    together = scorer.score(texts, deep=False)
    alone = [scorer.score([text], deep=False)[0] for text in texts[:12]]

    for one, other in zip(together, alone, strict=False):
        assert one.fast == pytest.approx(other.fast, abs=1e-9)


@pytest.mark.parametrize("name", sorted(DISGUISES))
def test_a_disguise_changes_little(scorer, name):
    plain, hidden = scorer.score([Text(ABUSE), Text(DISGUISES[name](ABUSE, 1))], deep=False)

    assert abs(plain.scores["toxicity"] - hidden.scores["toxicity"]) <= 0.1


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n",
        "\x00\x07",
        "\ud800",
        "😀" * 300,
        "a" * 1_000_000,
        "\u202e\u200b" * 999,
        "½ ﷽" * 100,
        "1" * 9000,
    ],
)
def test_any_text_gets_a_score(scorer, body):
    one = scorer.score([Text(body)])[0]

    assert all(0.0 <= value <= 1.0 for value in one.scores.values())


def test_no_texts_are_no_scores(scorer):
    assert scorer.score([]) == []


def test_an_unsupported_language_is_named(scorer):
    one = scorer.score(
        [Text("Das ist ein sehr schönes Haus und ich bin nicht hier gewesen, aber du auch nicht.")]
    )[0]

    assert one.language == "de"
    assert one.language_supported is ("de" in scorer.languages)


def test_the_deep_tier_speaks_only_where_a_line_is_near(scorer):
    if not scorer.has_deep:
        pytest.skip("the shipped artifact has no deep tier")
    clear = Text("The library opens again on Monday at nine.")

    far = scorer.score([clear], lines={"toxicity": (0.6, 0.99)})[0]
    asked = scorer.score([clear], deep=True)[0]

    assert (far.deep, far.model) == (None, f"{scorer.version}-fast")
    assert set(asked.deep) == set(ATTRIBUTES)


@pytest.mark.parametrize(
    "body", [ABUSE, "f*ck y​ou, s t u p i d !!!", "Nice post, see http://casino-best.ru now", "x", ""]
)
def test_an_explanation_sums_to_the_fast_tiers_logit(scorer, body):
    told = scorer.explain(Text(body), top=3)
    fast = scorer.score([Text(body)], deep=False)[0].fast

    for attribute in ATTRIBUTES:
        why = told[attribute]
        total = why["intercept"] + sum(why["structure"].values()) + why["rest"]
        total += sum(span["contribution"] for span in why["spans"])
        assert total == pytest.approx(why["logit"], abs=1e-6)
        assert why["logit"] == pytest.approx(fast[attribute], abs=1e-6)
        assert len(why["spans"]) <= 3
        assert all(0 <= span["begin"] < span["end"] <= len(body) for span in why["spans"])


def test_the_top_span_is_the_word_that_weighs_most(scorer):
    body = "I think that the mayor is an idiot."

    top = max(
        scorer.explain(Text(body), ["toxicity"])["toxicity"]["spans"], key=lambda span: span["contribution"]
    )

    assert "idiot" in body[top["begin"] : top["end"]]


def copied(scorer: Scorer, to: Path) -> Path:
    shutil.copytree(scorer.directory, to / "artifact")
    return to / "artifact"


@pytest.mark.parametrize("name", ["weights.npy", "numbers.json"])
def test_a_tampered_artifact_is_refused(scorer, tmp_path, name):
    folder = copied(scorer, tmp_path)
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)

    with pytest.raises(artifact.ArtifactRefused, match=name):
        Scorer.load(folder)


def test_an_artifact_without_its_manifest_is_refused(scorer, tmp_path):
    folder = copied(scorer, tmp_path)
    (folder / "manifest.json").unlink()

    with pytest.raises(artifact.ArtifactRefused, match="manifest"):
        Scorer.load(folder)


def test_a_manifest_cannot_name_a_file_elsewhere(scorer, tmp_path):
    folder = copied(scorer, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"]["../outside"] = {"sha256": "0" * 64, "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")

    with pytest.raises(artifact.ArtifactRefused, match="outside"):
        Scorer.load(folder)


def test_no_pickle_is_shipped_or_read():
    room = Path(artifact.__file__).parent
    code = "".join(path.read_text("utf-8") for path in room.glob("*.py"))

    assert not [p for p in room.rglob("*") if p.suffix in {".pkl", ".pickle", ".joblib", ".pt"}]
    assert "import pickle" not in code
    assert "allow_pickle=True" not in code


def test_the_artifact_keeps_its_size(scorer):
    sizes = {name: file["bytes"] for name, file in scorer.manifest["files"].items()}

    deep = sizes.pop("deep.onnx", 0) + sizes.pop("tokenizer.json", 0)

    assert sum(sizes.values()) <= 12_000_000
    assert deep <= 25_000_000

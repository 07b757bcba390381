"""A text is scored and judged without being kept."""

from __future__ import annotations

import pytest

from moderation.tables import Site


def test_a_text_is_scored_and_judged_and_not_kept(site):
    rude = site.post("/v1/score", {"text": "You are a stupid idiot and everybody hates you, moron."}).json
    kind = site.post("/v1/score", {"text": "Thank you, this was a helpful article about the ferry."}).json

    assert rude["scores"]["toxicity"] > 0.8 > 0.2 > kind["scores"]["toxicity"]
    assert rude["verdict"] in ("hold", "reject")
    assert kind["verdict"] == "approve"
    assert set(rude["scores"]) == set(kind["scores"])
    assert site.count() == 0


def test_the_sites_own_language_is_the_default(site):
    with site.database.writing() as session:
        session.get_one(Site, site.site_id).language = "de"

    assert site.post("/v1/score", {"text": "Danke, sehr hilfreich."}).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "\U0001f600" * 2_000,
        "z\u0335\u0322\u0321" * 2_400,
        "\u202e" * 50 + "text",
        "a" * 10_000,
        "\u200b".join("idiot"),
        "<script>alert(1)</script>",
        "".join(chr(plane * 0x10000 + 0x4E01) for plane in range(4)),
    ],
)
def test_odd_texts_are_scored(site, text):
    answer = site.post("/v1/score", {"text": text})

    assert answer.status_code == 200
    assert all(0 <= score <= 1 for score in answer.json["scores"].values())

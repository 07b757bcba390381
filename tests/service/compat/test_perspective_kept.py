"""What a call of Perspective's leaves behind: suggestions become labels, calls are audited without their text."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from moderation.tables import ForeignCall, Label, Usage

from .conftest import HAM
from .test_perspective import FINE, TOXICITY, post


def test_suggested_scores_become_labels_as_coral_sends_them(server):
    document = {
        "comment": {"text": f"{HAM} suggested"},
        "context": {"entries": [{"text": json.dumps({"url": "https://news.example/ferry"})}]},
        "attributeScores": {
            "TOXICITY": {"summaryScore": {"value": 1}},
            "LIKELY_TO_REJECT": {"summaryScore": {"value": 0}},
            "FLIRTATION": {"summaryScore": {"value": 1}},
        },
        "languages": ["EN"],
        "communityId": "Coral:https://coral.example",
        "clientToken": "comment:1f3b",
    }

    answer = post(server, document, "comments:suggestscore")

    assert answer.json() == {
        "clientToken": "comment:1f3b",
        "detectedLanguages": ["en"],
        "requestedLanguages": ["EN"],
    }
    with server.database.reading() as session:
        found = session.scalars(
            select(Label).where(Label.text == document["comment"]["text"]).order_by(Label.attribute)
        ).all()
    assert [(one.attribute, one.value, one.origin, one.weight) for one in found] == [
        ("likely_to_reject", 0.0, "suggestscore", 0.5),
        ("toxicity", 1.0, "suggestscore", 0.5),
    ]


@pytest.mark.parametrize("value", [1.5, -1, "1", True])
def test_a_suggestion_outside_its_range_is_refused(server, value):
    document = {**FINE, "attributeScores": {"TOXICITY": {"summaryScore": {"value": value}}}}

    assert post(server, document, "comments:suggestscore").status_code == 400


def test_a_call_is_audited_and_with_do_not_store_without_a_trace_of_its_text(server):
    keys = server.another_site("audited")
    for keeps in (False, True):
        post(server, {**FINE, **TOXICITY, "doNotStore": not keeps}, params={"key": keys["site"]})
    server.write_aside()

    with server.database.reading() as session:
        calls = session.scalars(
            select(ForeignCall).where(ForeignCall.site_id == keys["id"]).order_by(ForeignCall.id)
        ).all()
        usage = session.scalars(select(Usage).where(Usage.site_id == keys["id"])).one()
    assert [bool(one.text_hash) for one in calls] == [False, True]
    assert {one.text for one in calls} == {None}
    assert set(calls[0].scores) >= {"toxicity", "spam"}
    assert (usage.protocol, usage.calls) == ("perspective", 2)


def test_a_suggestion_that_is_not_to_be_kept_teaches_nothing(server):
    document = {
        "comment": {"text": f"{HAM} not to be kept"},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}},
    }
    for keeps in (False, True):
        assert post(server, {**document, "doNotStore": not keeps}, "comments:suggestscore").status_code == 200

        with server.database.reading() as session:
            kept = session.scalars(select(Label).where(Label.text == f"{HAM} not to be kept")).all()
        assert len(kept) == keeps

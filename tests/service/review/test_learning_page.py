"""The learning page: what a model was taught, how it did at the gate, and who may let it decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from moderation import learning
from moderation.tables import Site
from service.review.learning import gate_lines, queue_share

PASSED = {
    "decisions": {"passed": True, "value": 260, "bound": 200},
    "better": {"passed": True, "value": 0.081, "bound": 0.0, "interval": [0.02, 0.14]},
    "speed": {"passed": True, "value": 0.05, "bound": 0.25},
}
FAILED = {**PASSED, "better": {"passed": False, "value": 0.01, "bound": 0.0, "interval": [-0.03, 0.05]}}
METRICS = {
    "held_out": {"auc": 0.87, "decisions": 4, "likely": [0.1, 0.4, 0.6, 0.97], "rejected": [0, 0, 1, 1]},
    "label_noise": 0.031,
    "approve_below": 0.2,
    "reject_above": 0.95,
}
ACTS = ("train", "automatic", "promote", "rollback")


@pytest.fixture
def senior(desk):
    visitor = desk.client_of(desk.add_person("Sam", role="senior"))
    visitor.get("/desk/learning")
    return visitor


def add_model(desk, version, *, gate=PASSED, days_ago=1):
    with desk.database.writing() as session:
        learning.note_version(
            session, site_id=desk.site.id, version=version, base="2026.11.1", labels=260, gate=gate,
            metrics=METRICS, now=datetime.now(UTC) - timedelta(days=days_ago),
        )  # fmt: skip


def site_of(desk) -> Site:
    with desk.database.reading() as session:
        return session.get_one(Site, desk.site.id)


def fields(desk, **more):
    return {"site_id": desk.site.id, **more}


@pytest.mark.parametrize("role", ["read-only", "moderator"])
def test_everybody_may_look_and_only_seniors_may_act(desk, role):
    add_model(desk, "m1")
    visitor = desk.client_of(desk.add_person(role=role))
    page = visitor.get("/desk/learning")

    assert page.status_code == 200
    assert "m1" in page.text
    assert "Train now" not in page.text
    for act in ACTS:
        answer = visitor.post(f"/desk/learning/{act}", fields(desk, version="m1"))
        assert answer.status_code == 403, act
    assert site_of(desk).champion is None


def test_without_the_forms_token_nothing_changes(desk, senior):
    add_model(desk, "m1")
    for act in ACTS:
        answer = senior.post(f"/desk/learning/{act}", fields(desk, version="m1"), token="forged")  # noqa: S106
        assert answer.status_code == 400, act
    assert site_of(desk).champion is None
    assert site_of(desk).options.get("learning") is None


def test_before_the_first_model_the_page_says_what_it_takes(desk, senior):
    page = senior.get("/desk/learning").text

    assert "The shipped model decides alone." in page
    assert "From 200 decisions on" in page
    assert "Nothing yet. Every decision at the desk is a lesson." in page
    assert "too few comments" in page


def test_a_challenger_that_passed_is_promoted_and_rolled_back_by_a_press_each(desk, senior):
    add_model(desk, "m1")

    promoted = senior.post("/desk/learning/promote", fields(desk, version="m1"))
    page = senior.get("/desk/learning").text
    champion = site_of(desk).champion
    senior.post("/desk/learning/rollback", fields(desk))

    assert promoted.status_code == 303
    assert champion == "m1"
    assert "m1 decides from now on" in page
    assert "own model decides together with the shipped one" in page
    assert site_of(desk).champion is None
    assert "The shipped model decides alone again." in senior.get("/desk/learning").text


def test_what_failed_the_gate_decides_only_when_that_was_said_on_purpose(desk, senior):
    add_model(desk, "m1", gate=FAILED)
    page = senior.get("/desk/learning").text

    senior.post("/desk/learning/promote", fields(desk, version="m1"))
    refused = site_of(desk).champion
    said = senior.get("/desk/learning").text
    senior.post("/desk/learning/promote", fields(desk, version="m1", force="on"))

    assert "-0.030 … +0.050" in page
    assert "its interval must lie above 0" in page
    assert refused is None
    assert "it did not pass the gate" in said
    assert site_of(desk).champion == "m1"


def test_a_second_press_or_a_strange_version_changes_nothing(desk, senior):
    add_model(desk, "m1")
    senior.post("/desk/learning/promote", fields(desk, version="m1"))

    again = senior.post("/desk/learning/promote", fields(desk, version="m1"))
    strange = senior.post("/desk/learning/promote", fields(desk, version="m2"))
    senior.post("/desk/learning/rollback", fields(desk))
    twice = senior.post("/desk/learning/rollback", fields(desk))

    assert again.status_code == twice.status_code == 303
    assert strange.status_code == 404
    assert site_of(desk).champion is None


def test_training_is_asked_for_and_the_page_waits_until_a_worker_answered(desk, senior):
    senior.post("/desk/learning/train", fields(desk))
    waiting = senior.get("/desk/learning").text
    asked = site_of(desk).options["learning"]["asked_at"]
    with desk.database.writing() as session:
        site = session.get_one(Site, desk.site.id)
        site.options = {"learning": {"answered_at": asked, "says": "m1 was trained on 260 decisions."}}

    answered = senior.get("/desk/learning/training").text

    assert "Training was asked for" in waiting
    assert 'hx-trigger="every 3s"' in waiting
    assert "m1 was trained on 260 decisions." in answered
    assert "hx-trigger" not in answered


def test_learning_by_itself_is_switched_on_and_off_and_keeps_the_rest(desk, senior):
    senior.post("/desk/learning/train", fields(desk))
    senior.post("/desk/learning/automatic", fields(desk, auto="on"))
    on = site_of(desk).options["learning"]
    senior.post("/desk/learning/automatic", fields(desk))

    assert (on["auto"], on["promote"], "asked_at" in on) == (True, False, True)
    assert site_of(desk).options["learning"]["auto"] is False


def test_decisions_of_people_stand_first_with_how_many_to_approve_and_to_reject(desk_on_both):
    desk = desk_on_both
    senior = desk.client_of(desk.add_person("Sam", role="senior"))
    for number in range(3):
        comment = desk.add_comment(f"n{number}")
        action = "reject" if number else "approve"
        senior.post(f"/desk/comments/{comment.id}/decisions", {"action": action, "revision": "1"})

    page = senior.get("/desk/learning").text

    row = page[page.index("Decisions at this desk") :][:200]
    assert '<td class="number">1</td><td class="number">2</td>' in row
    assert "Held, and rejected by people" in page
    assert "2/3" in page
    assert senior.post("/desk/learning/automatic", {"site_id": desk.site.id, "auto": "on"}).status_code == 303


def test_the_figures_of_a_model_are_said_in_words(desk, senior):
    add_model(desk, "m1", days_ago=3)
    add_model(desk, "m2", gate=FAILED)

    page = senior.get("/desk/learning").text

    assert "AUC by model, oldest first" in page
    assert ">0.87<" in page
    assert ">0.50<" in page  # two of four decisions would stay for people
    assert "About 3.1% of the decisions look like slips" in page
    assert "in shadow" in page


def test_queue_share_is_what_lies_between_the_lines():
    assert queue_share(METRICS) == 0.5
    assert queue_share({**METRICS, "approve_below": None, "reject_above": None}) == 1.0
    assert queue_share({}) is None


def test_a_gate_line_that_nobody_described_is_still_shown(desk):
    with desk.app.test_request_context("/"):
        lines = gate_lines({"new_bound": {"passed": False, "value": 1, "bound": 0.5}})

    assert lines[0] == {"title": "New bound", "passed": False, "value": "1.000", "interval": "",
                        "bound": "at most 0.500"}  # fmt: skip

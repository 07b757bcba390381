"""The policy page: faults before saving, no change by a faulty text, every version kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml

from moderation import policies
from service.review import trying
from service.review.policy_text import PRESETS, compared, starting_text, with_lines

STRICT = "# our rules\npreset: strict\nthresholds:\n  insult: {hold_at: 0.25, reject_at: 0.9} # since May\n"
FAULTY = "preset: strict\nthresholds:\n  insult:\n    hold_at: 7\n  tone: {hold_at: 0.5}\n"
ACTS = ("policy", "policy/check", "policy/try", "policy/advise", "policy/take", "policy/restore")


def form(desk, **more):
    return {"site_id": desk.site.id, "scope": "site", "text": STRICT, **more}


def saved(desk):
    with desk.database.reading() as session:
        return policies.versions(session, desk.site.id)


def in_force(desk):
    with desk.database.reading() as session:
        return policies.in_force(session, desk.site.id)[0]


def store(desk, text=STRICT, **more):
    with desk.database.writing() as session:
        return policies.save_text(
            session, desk.site.id, text, now=datetime.now(UTC), by="Root", **more
        ).version


@pytest.fixture
def senior(desk):
    visitor = desk.client_of(desk.add_person("Sam", role="senior"))
    visitor.get("/desk/policy")
    return visitor


@pytest.mark.parametrize("role", ["read-only", "moderator"])
def test_everybody_may_read_the_policy_and_only_seniors_may_send_one(desk, role):
    store(desk)
    visitor = desk.client_of(desk.add_person(role=role))
    page = visitor.get("/desk/policy")

    assert page.status_code == 200
    assert "# our rules" in page.text
    assert "readonly" in page.text
    assert "Save as a new version" not in page.text
    assert visitor.get("/desk/policy/versions/1").status_code == 200
    for act in ACTS:
        assert visitor.post(f"/desk/{act}", form(desk, version=1)).status_code == 403, act
    assert len(saved(desk)) == 1


def test_without_the_forms_token_nothing_is_saved(desk, senior):
    for act in ACTS:
        assert senior.post(f"/desk/{act}", form(desk), token="forged").status_code == 400, act  # noqa: S106
    assert saved(desk) == []


def test_another_sites_policy_is_not_there(desk, senior):
    assert senior.get("/desk/policy?site=elsewhere").status_code == 404
    assert senior.post("/desk/policy", {**form(desk), "site_id": "X"}).status_code == 404
    assert senior.get("/desk/policy/versions/9").status_code == 404
    assert senior.get("/desk/policy?scope=nonsense").status_code == 404


def test_a_saved_policy_is_in_force_as_it_was_written(desk, senior):
    answer = senior.post(
        "/desk/policy", form(desk, note="Too many insults", text=STRICT.replace("\n", "\r\n"))
    )

    assert answer.status_code == 303
    assert in_force(desk).thresholds["insult"].hold_at == 0.25
    row = saved(desk)[0]
    assert (row.source, row.created_by, row.note) == (STRICT, "Sam", "Too many insults")
    page = senior.get("/desk/policy").text
    assert "Version 1 is in force, saved by Sam" in page
    assert "Too many insults" in page


def test_a_faulty_text_is_kept_on_the_page_with_every_fault_and_the_running_policy_stays(desk, senior):
    store(desk)

    answer = senior.post("/desk/policy", form(desk, text=FAULTY, seen="1"))

    assert answer.status_code == 422
    assert "Not saved: the policy in force stays as it is." in answer.text
    assert "hold_at: 7" in answer.text
    assert 'data-line="4"' in answer.text
    assert 'data-line="5"' in answer.text
    assert "2 faults" in answer.text
    assert in_force(desk).thresholds["insult"].hold_at == 0.25
    assert len(saved(desk)) == 1


def test_the_check_says_lines_and_hints_or_draws_the_thresholds(desk, senior):
    faulty = senior.post(
        "/desk/policy/check", form(desk, text="preset: strct"), headers={"HX-Request": "true"}
    )
    fine = senior.post("/desk/policy/check", form(desk), headers={"HX-Request": "true"})

    assert "<html" not in faulty.text
    assert "Line 1" in faulty.text
    assert "Did you mean &#39;strict&#39;?" in faulty.text
    assert '<td class="number">0.25</td><td class="number">0.90</td>' in fine.text
    assert saved(desk) == []


HOSTILE = ("a: &a [1]\nb: *a\n", "{" * 3000, "\x00", "- a\n- b", "rules: [" + "{" * 50, "preset: [strict]")


def test_a_hostile_text_is_a_fault_and_no_crash(desk, senior):
    for text in HOSTILE:
        for act in ("policy/check", "policy/try", "policy/advise", "policy/take"):
            answer = senior.post(f"/desk/{act}", form(desk, text=text, wish="missed", amount="5"))
            assert answer.status_code == 200, act
        assert senior.post("/desk/policy", form(desk, text=text)).status_code == 422
    assert saved(desk) == []


def test_two_people_do_not_overwrite_each_other(desk, senior):
    store(desk)

    answer = senior.post("/desk/policy", form(desk, seen="0", text="preset: balanced"))

    assert answer.status_code == 409
    assert "Not saved: version 1 was saved a moment ago" in answer.text
    assert "preset: balanced" in answer.text
    assert len(saved(desk)) == 1


def test_an_earlier_version_is_shown_with_its_difference_and_restored_as_a_new_one(desk, senior):
    store(desk, note="first")
    store(desk, "preset: balanced\n")

    page = senior.get("/desk/policy/versions/1").text
    answer = senior.post("/desk/policy/restore", {"site_id": desk.site.id, "version": "1"})

    assert "# our rules" in page
    assert '<span class="added">+ preset: balanced' in page
    assert answer.status_code == 303
    assert [row.version for row in saved(desk)] == [3, 2, 1]
    assert saved(desk)[0].source == STRICT
    assert in_force(desk).thresholds["insult"].hold_at == 0.25


def test_a_policy_is_saved_and_tried_on_either_database(desk_on_both):
    desk = desk_on_both
    visitor = desk.client_of(desk.add_person("Sam", role="senior"))
    desk.add_comment("Fool", scores={"spam": 0.01, "insult": 0.35}, outcome="approve")

    assert visitor.post("/desk/policy", form(desk, seen="0")).status_code == 303
    assert "approved → held" in visitor.post("/desk/policy/try", form(desk)).text
    assert visitor.post("/desk/policy/advise", form(desk, wish="per_hour", amount="1")).status_code == 200
    assert visitor.post("/desk/policy/restore", form(desk, version="1")).status_code == 303


def test_a_section_is_edited_by_itself_and_inherits_the_rest(desk, senior):
    store(desk)
    fields = form(desk, scope="section:Sport", text="thresholds: {insult: {hold_at: 0.5}}\n", seen="1")

    faulty = senior.post("/desk/policy", {**fields, "text": "thresholds: {insult: {hold_at: 0.95}}"})
    answer = senior.post("/desk/policy", fields)

    assert faulty.status_code == 422  # above the inherited reject line
    assert answer.status_code == 303
    assert in_force(desk).at("Sport").thresholds["insult"].hold_at == 0.5
    assert in_force(desk).at("Town").thresholds["insult"].hold_at == 0.25
    assert "section:Sport" in senior.get("/desk/policy").text


def test_a_policy_is_tried_on_what_was_judged_with_examples_and_peoples_word(desk, senior):
    insulted = desk.add_comment(
        "Ein <b>Narr</b> bist du.", scores={"spam": 0.01, "insult": 0.35}, outcome="approve"
    )
    desk.add_comment("Fine.", scores={"spam": 0.01, "insult": 0.02}, outcome="approve")
    senior.post(f"/desk/comments/{insulted.id}/decisions?view=decided", {"action": "reject", "revision": "1"})

    whole = senior.post("/desk/policy/try", form(desk))
    part = senior.post("/desk/policy/try", form(desk), headers={"HX-Request": "true"})

    assert "2 comments judged again." in part.text
    assert "approved → held" in part.text
    assert "A person rejected it." in part.text
    assert "Ein &lt;b&gt;Narr&lt;/b&gt; bist du." in part.text
    assert "above this site&#39;s hold line of 0.25" in part.text
    assert "<html" not in part.text
    assert "2 comments judged again." in whole.text
    assert "# our rules" in whole.text
    assert saved(desk) == []


def test_a_long_past_is_cut_and_the_page_says_so(desk, senior, monkeypatch):
    monkeypatch.setattr(trying, "MOST", 3)
    for number in range(5):
        desk.add_comment(f"Number {number}", outcome="approve")

    page = senior.post("/desk/policy/try", form(desk)).text

    assert "3 comments judged again." in page
    assert "5 came in these days" in page
    assert "btl policy backtest FILE --site estuary-post --days 30" in page


def test_a_page_that_would_take_too_long_stops_in_time(desk, senior, monkeypatch):
    monkeypatch.setattr(trying, "PATIENCE_SECONDS", -1)
    desk.add_comment("Number 1", outcome="approve")

    page = senior.post("/desk/policy/try", form(desk))

    assert page.status_code == 200
    assert "No comment was judged" in page.text


def test_lines_are_proposed_for_a_wanted_share_and_put_into_the_text(desk, senior):
    for number in range(40):
        desk.add_comment(f"n{number}", scores={"spam": 0.01, "insult": number / 40}, outcome="approve")

    page = senior.post("/desk/policy/advise", form(desk, wish="per_hour", amount="2,5", days="7"))
    taken = senior.post("/desk/policy/take", form(desk, **{"line-insult": "0.41", "line-tone": "0.1"}))

    assert page.status_code == 200
    assert "Insult held from" in page.text
    assert 'name="line-insult"' in page.text
    assert "insult: {hold_at: 0.41, reject_at: 0.9} # since May" in taken.text
    assert saved(desk) == []


def test_a_wish_that_is_no_number_is_said(desk, senior):
    for amount in ("", "many", "-1", "nan", "101"):
        page = senior.post("/desk/policy/advise", form(desk, wish="missed", amount=amount))

        assert "Say what you want as a number" in page.text, amount


def test_every_preset_starts_from_a_text_without_faults_that_is_not_saved_yet(desk, senior):
    for preset in PRESETS:
        page = senior.get(f"/desk/policy?preset={preset}").text

        assert f"preset: {preset}" in page
        assert "No fault." in page
        assert "not saved yet" in page
    assert saved(desk) == []


def test_new_lines_keep_the_remarks_wherever_the_text_allows_it():
    inline = with_lines(STRICT, {"insult": 0.3})
    none_yet = with_lines("# only this\npreset: strict\n", {"insult": 0.3})
    partly = with_lines("thresholds:\n  spam: {hold_at: 0.2}\n", {"spam": 0.3, "insult": 0.4})

    assert inline == STRICT.replace("0.25", "0.3")
    assert none_yet.startswith("# only this\npreset: strict\n\nthresholds:\n  insult: {hold_at: 0.3}\n")
    assert yaml.safe_load(partly)["thresholds"] == {"spam": {"hold_at": 0.3}, "insult": {"hold_at": 0.4}}


def test_a_comparison_shows_what_came_and_went():
    assert list(compared("a\nb", "a\nc")) == [("…", ""), (" ", "a"), ("-", "b"), ("+", "c")]


def test_a_preset_is_explained_for_every_one_there_is(desk):
    from moderation.policy_schema import PRESET_CHANGES

    assert set(PRESETS) == set(PRESET_CHANGES)
    with desk.app.test_request_context():
        assert yaml.safe_load(starting_text(preset="strict"))["preset"] == "strict"

"""Comments over the API: taken in once, answered after they are kept, changed, complained about, decided."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from moderation.tables import Comment, Decision, Site
from service.door import utcnow
from tests.service.conftest import HELLO, judge, make_caller


def test_a_comment_is_kept_before_it_is_answered(site_on_both):
    answer = site_on_both.send(external_id="c-1", article={"id": "ferry", "title": "The ferry"})

    assert answer.status_code == 202
    assert answer.json == {"id": answer.json["id"], "status": "pending", "external_id": "c-1"}
    assert answer.headers["Location"] == f"/v1/comments/{answer.json['id']}"
    kept = site_on_both.kept(answer.json["id"])
    assert (kept.name, kept.body, kept.article_id) == (HELLO["name"], HELLO["body"], "ferry")
    assert HELLO["email"] not in kept.email_encrypted


def test_all_faults_come_at_once_each_with_its_pointer(site):
    sent = {
        "name": " \u200d ",
        "email": "ana@",
        "bdy": "x",
        "article": {"url": "javascript:alert(1)", "x": 1},
    }

    answer = site.post("/v1/comments", sent)

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert {fault["pointer"] for fault in answer.json["errors"]} == {
        "/name",
        "/email",
        "/body",
        "/bdy",
        "/article/url",
        "/article/x",
    }
    assert site.count() == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 101),
        ("name", 7),
        ("name", None),
        ("body", "x" * 10_001),
        ("body", "   \n\t "),
        ("email", "two@at@example.org"),
        ("email", f"{'x' * 300}@example.org"),
        ("external_id", ""),
        ("external_id", "with space"),
        ("external_id", "nul\x00"),
        ("external_id", "half \ud800"),
        ("ip", "999.1.1.1"),
        ("language", "not a language"),
        ("submitted_at", "yesterday"),
        ("submitted_at", "0001-01-01T00:00:00Z"),
        ("article", "ferry"),
        ("author", {"verified": "maybe"}),
        ("parent", {"id": "x" * 256}),
    ],
)
def test_a_faulty_field_is_named(site, field, value):
    answer = site.send(**{field: value})

    assert answer.status_code == 422
    assert all(fault["pointer"].startswith(f"/{field}") for fault in answer.json["errors"])


def test_a_form_is_taken_as_json_is(site):
    form = {**HELLO, "article.id": "ferry", "author.verified": "on", "author.id": "7"}

    answer = site.post("/v1/comments", data=form)

    assert answer.status_code == 202
    kept = site.kept(answer.json["id"])
    assert (kept.article_id, kept.author_identity) == ("ferry", "id:7")


@pytest.mark.parametrize(
    "body",
    ["السلام عليكم", "नमस्ते दुनिया", "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️", "Zürich, façade, Übung", "עברית ‏עם סימנים", "می‌خواهم"],
)
def test_what_people_write_in_any_script_is_kept_as_written(site_on_both, body):
    answer = site_on_both.send(body=body)

    assert site_on_both.kept(answer.json["id"]).body == body


def test_a_letter_that_composes_to_three_still_fits(site_on_both):
    answer = site_on_both.send(name="\ufb2c" * 100)

    assert answer.status_code == 422
    assert "300 characters" in answer.json["errors"][0]["detail"]


def test_the_address_is_in_no_answer(site):
    comment_id = site.send(ip="203.0.113.9", user_agent="Mozilla/5.0 secret-agent").json["id"]

    answers = [site.get(f"/v1/comments/{comment_id}"), site.get("/v1/comments"), site.send(external_id="x")]

    for answer in answers:
        assert "ana.secret" not in answer.text
        assert "203.0.113.9" not in answer.text
        assert "secret-agent" not in answer.text


def test_a_sites_own_limit_is_narrower(site):
    with site.database.writing() as session:
        found = session.get_one(Site, site.site_id)
        found.options = {"limits": {"body": 10}}

    answer = site.send(body="eleven chars")

    assert answer.json["errors"] == [
        {"pointer": "/body", "detail": "Has 12 characters; this site takes at most 10."}
    ]


# -- waiting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["?wait=20", "Prefer"])
def test_who_waits_gets_the_decision(site_on_both, way):
    def decide_what_comes() -> None:
        while not (found := site_on_both.get("/v1/comments").json["comments"]):
            stop.wait(0.01)
        judge(site_on_both, found[0]["id"], "reject")

    stop = threading.Event()
    worker = threading.Thread(target=decide_what_comes)
    worker.start()
    if way == "Prefer":
        answer = site_on_both.send({"Prefer": "respond-async, wait=20"})
    else:
        answer = site_on_both.send(query=way)
    worker.join()

    assert (answer.status_code, answer.json["status"]) == (200, "rejected")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.json["reasons"][0]["name"] == "toxicity"


def test_without_a_decision_in_time_the_answer_is_the_promise(site):
    answer = site.send(query="?wait=1")

    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert "Preference-Applied" not in answer.headers


def test_too_long_a_wait_is_refused_in_the_query_and_cut_in_the_header(site):
    assert site.send(query="?wait=31").status_code == 422
    assert site.count() == 0


# -- many ---------------------------------------------------------------------------------------------


def test_each_of_a_batch_stands_for_itself(site_on_both):
    site_on_both.send(external_id="old")
    batch = [
        {**HELLO, "external_id": "new"},
        {**HELLO, "body": ""},
        {**HELLO, "external_id": "old"},
        {**HELLO, "external_id": "old", "body": "Other."},
        {**HELLO, "external_id": "new"},
        "no comment at all",
    ]

    answer = site_on_both.post("/v1/comments/batch", {"comments": batch})

    assert answer.status_code == 200
    assert [line["status"] for line in answer.json["results"]] == [202, 422, 200, 409, 200, 422]
    assert (answer.json["accepted"], answer.json["refused"]) == (3, 3)
    assert answer.json["results"][1]["problem"]["errors"][0]["pointer"] == "/body"
    assert site_on_both.count() == 2


@pytest.mark.parametrize("count", [0, 501])
def test_a_batch_has_one_to_five_hundred(site, count):
    answer = site.post("/v1/comments/batch", {"comments": [HELLO] * count})

    assert answer.status_code == 422
    assert site.count() == 0


def test_pages_show_every_comment_once_newest_first(site_on_both):
    sent = [site_on_both.send(external_id=f"c-{n}").json["id"] for n in range(7)]
    seen, path, pages = [], "/v1/comments?limit=3", 0
    while path:
        page = site_on_both.get(path)
        seen += [comment["id"] for comment in page.json["comments"]]
        cursor, pages = page.json["next_cursor"], pages + 1
        path = f"/v1/comments?limit=3&cursor={cursor}" if cursor else ""

    assert seen == sorted(sent, reverse=True)
    assert pages == 3


def test_a_list_is_filtered(site):
    held = site.send(article={"id": "ferry"}, external_id="h").json["id"]
    site.send(article={"id": "bridge"})
    judge(site, held, "hold")

    def listed(query):
        return [comment["id"] for comment in site.get(f"/v1/comments?{query}").json["comments"]]

    assert listed("status=held") == listed("article=ferry") == listed("external_id=h") == [held]
    assert listed("status=approved") == []
    assert site.get("/v1/comments?staus=held").json["errors"][0]["pointer"] == "?staus"


# -- later --------------------------------------------------------------------------------------------


def test_a_comment_tells_its_whole_story(site):
    comment_id = site.send().json["id"]
    judge(site, comment_id, "reject")

    story = site.get(f"/v1/comments/{comment_id}").json

    assert story["status"] == "rejected"
    assert story["scores"] == {"toxicity": 0.9}
    assert story["decisions"][0]["by_kind"] == "policy"
    assert story["deliveries"] == []


def test_an_edit_waits_for_a_new_verdict_and_the_old_text_stays_public(site):
    comment_id = site.send().json["id"]
    judge(site, comment_id)

    answer = site.call("PUT", f"/v1/comments/{comment_id}", json={"body": "Corrected."})

    assert answer.status_code == 202
    assert (answer.json["revision"], answer.json["published_revision"]) == (2, 1)
    judge(site, comment_id, "reject")
    assert site.get(f"/v1/comments/{comment_id}").json["published_revision"] is None


def test_a_withdrawn_comment_can_be_withdrawn_again_and_not_edited(site):
    path = f"/v1/comments/{site.send().json['id']}"

    assert [site.call("DELETE", path).status_code for _ in range(2)] == [204, 204]

    assert site.get(path).json["status"] == "withdrawn"
    assert site.call("PUT", path, json={"body": "Back."}).json["type"] == "/docs#transition-refused"
    with site.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


def test_readers_complain_and_the_same_one_counts_once(site):
    comment_id = site.send().json["id"]
    judge(site, comment_id)
    complaint = {"reason": "OFFENSIVE", "text": "Rude.", "reporter": {"email": "reader@example.org"}}

    answers = [site.post(f"/v1/comments/{comment_id}/reports", complaint) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert site.kept(comment_id).open_reports == 1
    assert "reader@example.org" not in site.get(f"/v1/comments/{comment_id}").text


def test_an_author_appeals_once_against_a_rejection(site):
    comment_id = site.send().json["id"]
    path = f"/v1/comments/{comment_id}/appeals"
    assert site.post(path, {"text": "Why?"}).status_code == 409
    judge(site, comment_id, "reject")

    answer = site.post(path, {"text": "It was a quotation."})

    assert (answer.status_code, answer.json["status"]) == (201, "open")
    assert site.post(path, {"text": "Again."}).status_code == 409


def test_the_site_decides_only_what_it_saw(site):
    comment_id = site.send().json["id"]
    judge(site, comment_id, "hold")
    path = f"/v1/comments/{comment_id}/decisions"

    stale = site.post(path, {"action": "approve", "expected": "pending"})
    taken = site.post(path, {"action": "reject", "expected": "held", "reason_code": "IRRELEVANT_CONTENT"})

    assert (stale.status_code, stale.json["type"]) == (409, "/docs#overtaken")
    assert (taken.status_code, taken.json["status"]) == (201, "rejected")


def test_a_reason_is_a_code_or_a_house_rule_of_the_site(site):
    with site.database.writing() as session:
        session.get_one(Site, site.site_id).options = {"house_rules": ["No politics"]}
    comment_id = site.send().json["id"]
    judge(site, comment_id, "hold")
    path = f"/v1/comments/{comment_id}/decisions"

    refused = site.post(path, {"action": "reject", "reason_code": "OFF_TOPIC"})
    taken = site.post(path, {"action": "reject", "reason_code": "No politics"})

    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/reason_code")
    assert taken.status_code == 201
    decisions = site.get(f"/v1/comments/{comment_id}").json["decisions"]
    assert decisions[-1]["reason_code"] == "No politics"


def test_another_sites_comment_is_not_admitted_to_exist(site, app):
    comment_id = site.send().json["id"]
    stranger = make_caller(app, slug="other")

    for method, path, body in [
        ("GET", "", None),
        ("PUT", "", {"body": "Mine now."}),
        ("DELETE", "", None),
        ("POST", "/reports", {}),
        ("POST", "/appeals", {"text": "x"}),
        ("POST", "/decisions", {"action": "approve"}),
    ]:
        answer = stranger.call(method, f"/v1/comments/{comment_id}{path}", json=body)
        assert answer.status_code == 404, (method, path)
    assert stranger.count() == 0
    assert site.kept(comment_id).status == "pending"


def test_a_form_token_tells_how_long_somebody_wrote(site):
    token = site.post("/v1/form-token").json["form_token"]

    honest = site.send(form_token=token).json["id"]
    forged = site.send(form_token=token + "x").json["id"]

    assert site.kept(honest).context["form_seconds"] >= 0
    assert site.kept(forged).context["form_token_faulty"] is True


def test_a_comment_from_the_future_comes_now(site):
    comment_id = site.send(submitted_at="2199-01-01T00:00:00Z").json["id"]

    assert site.kept(comment_id).submitted_at <= utcnow()


def test_many_comments_have_different_ids_in_order(site):
    ids = [site.send().json["id"] for _ in range(5)]

    with site.database.reading() as session:
        assert list(session.scalars(select(Comment.id).order_by(Comment.id))) == ids

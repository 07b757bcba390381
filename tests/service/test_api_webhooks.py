"""Endpoints and deliveries over the API: registered, changed, tried out, sent again, of one's own site only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from moderation.settings import Settings
from service.door import utcnow
from tests.service.conftest import judge, make_caller

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def settings(environment):
    return Settings.from_environment({**environment, "BTL_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1:9"})


def registered(site, **more):
    answer = site.post("/v1/endpoints", {"url": URL, **more})
    assert answer.status_code == 201
    return answer.json


def test_a_secret_is_shown_once(site_on_both):
    made = registered(site_on_both, events=["comment.approved"])

    listed = site_on_both.get("/v1/endpoints").json["endpoints"]

    assert made["secret"].startswith("whsec_")
    assert [one["id"] for one in listed] == [made["id"]]
    assert made["secret"] not in site_on_both.get("/v1/endpoints").text


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ({"url": "http://10.0.0.1/"}, {"/url"}),
        ({"url": "http://127.0.0.1:10/"}, {"/url"}),
        ({"url": "http://[::ffff:169.254.169.254]/latest"}, {"/url"}),
        ({"url": "http://2130706433/"}, {"/url"}),
        ({"url": "file:///etc/passwd"}, {"/url"}),
        ({"url": "https://user:pw@example.org/"}, {"/url"}),
        ({"url": "ftp://x", "events": ["comment.approved", "comment.loved"]}, {"/url", "/events/1"}),
        ({"events": []}, {"/url"}),
    ],
)
def test_what_may_not_be_called_is_refused(site, sent, pointers):
    answer = site.post("/v1/endpoints", sent)

    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json["errors"]} == pointers


def test_an_endpoint_is_changed_rotated_and_removed(site):
    made = registered(site)
    path = f"/v1/endpoints/{made['id']}"

    off = site.call("PATCH", path, json={"status": "disabled", "description": "Old site"})
    rotated = site.post(f"{path}/rotate", {"overlap_hours": 1})

    assert (off.json["status"], off.json["description"]) == ("disabled", "Old site")
    assert rotated.json["secret"] != made["secret"]
    assert rotated.json["previous_secret_until"]
    assert site.call("DELETE", path).status_code == 204
    assert site.get(path).status_code == 404


def test_a_ping_is_a_delivery_and_can_be_sent_again(site_on_both):
    made = registered(site_on_both)

    sent = site_on_both.post(f"/v1/endpoints/{made['id']}/ping")
    again = site_on_both.post(f"/v1/deliveries/{sent.json['id']}/replay")

    assert (sent.status_code, again.status_code) == (202, 202)
    whole = site_on_both.get(f"/v1/deliveries/{sent.json['id']}").json
    assert (whole["type"], whole["status"], whole["attempts"]) == ("ping", "due", [])


def test_what_was_decided_before_can_be_recovered(site):
    comment = site.send().json["id"]
    judge(site, comment)
    registered(site)
    since = (utcnow() - timedelta(hours=1)).isoformat().replace("+", "%2B")

    answer = site.post(f"/v1/deliveries/recover?since={since}")

    assert (answer.status_code, answer.json) == (202, {"deliveries": 1})
    found = site.get("/v1/deliveries?status=due").json["deliveries"]
    assert [(one["type"], one["comment_id"]) for one in found] == [("comment.approved", comment)]
    assert site.get(f"/v1/comments/{comment}").json["deliveries"][0]["status"] == "due"


def test_deliveries_come_in_pages(site):
    made = registered(site)
    for _ in range(3):
        site.post(f"/v1/endpoints/{made['id']}/ping")

    first = site.get("/v1/deliveries?limit=2").json
    second = site.get(f"/v1/deliveries?limit=2&cursor={first['next_cursor']}").json

    assert [len(page["deliveries"]) for page in (first, second)] == [2, 1]
    assert second["next_cursor"] is None


def test_another_site_sees_and_moves_nothing(site, app):
    made = registered(site)
    delivery = site.post(f"/v1/endpoints/{made['id']}/ping").json["id"]
    stranger = make_caller(app, slug="other")

    answers = [
        stranger.get(f"/v1/endpoints/{made['id']}"),
        stranger.call("PATCH", f"/v1/endpoints/{made['id']}", json={}),
        stranger.call("DELETE", f"/v1/endpoints/{made['id']}"),
        stranger.post(f"/v1/endpoints/{made['id']}/rotate", {}),
        stranger.post(f"/v1/endpoints/{made['id']}/ping"),
        stranger.get(f"/v1/deliveries/{delivery}"),
        stranger.post(f"/v1/deliveries/{delivery}/replay"),
        stranger.post(f"/v1/deliveries/recover?since=2026-01-01T00:00:00Z&endpoint={made['id']}"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert stranger.get("/v1/deliveries").json["deliveries"] == []

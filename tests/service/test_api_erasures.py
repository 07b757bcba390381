"""Erasing a person over the API takes their words and address away, and tells the site so."""

from __future__ import annotations

from service.door import door_of
from tests.service.conftest import HELLO, judge


def test_a_person_is_erased_by_address(site_on_both, app_on_both):
    theirs = [site_on_both.send(external_id=f"c-{n}").json["id"] for n in range(2)]
    another = site_on_both.send(email="someone.else@example.org").json["id"]
    judge(site_on_both, theirs[0])

    answer = site_on_both.post("/v1/erasures", {"email": HELLO["email"].upper()})
    door_of(app_on_both).aside.wait()

    assert (answer.status_code, answer.json["erased"]["comments"]) == (200, 2)
    for comment in theirs:
        found = site_on_both.get(f"/v1/comments/{comment}").json
        assert (found["status"], found["name"], found["body"]) == ("erased", "", "")
        assert found["decisions"][-1]["action"] == "erase"
    assert site_on_both.get(f"/v1/comments/{another}").json["body"] == HELLO["body"]


def test_a_person_is_erased_by_the_sites_own_id(site):
    comment = site.send(author={"id": "reader-7", "verified": True}).json["id"]

    site.post("/v1/erasures", {"author_id": "reader-7"})

    assert site.get(f"/v1/comments/{comment}").json["status"] == "erased"


def test_nobody_is_erased_when_nobody_is_named(site):
    answer = site.post("/v1/erasures", {})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/email"

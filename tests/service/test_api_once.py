"""A comment that is sent again is the same comment: by its Idempotency-Key, by the site's own id."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from moderation.tables import Idempotency
from service.door import utcnow
from tests.service.conftest import judge, make_caller


@pytest.mark.parametrize("key", ['"8e03978e-40d5"', "8e03978e-40d5"])
def test_a_repeated_key_gets_the_first_answer_again(site, key):
    first = site.send({"Idempotency-Key": key})

    again = site.send({"Idempotency-Key": '"8e03978e-40d5"'})

    assert (again.status_code, again.json) == (202, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert site.count() == 1


def test_the_first_answer_is_repeated_whatever_became_of_the_comment(site):
    first = site.send({"Idempotency-Key": "k"})
    judge(site, first.json["id"])

    assert site.send({"Idempotency-Key": "k"}).json == first.json


def test_a_key_for_another_request_is_refused(site):
    site.send({"Idempotency-Key": "k"})

    answer = site.send({"Idempotency-Key": "k"}, body="Something else.")

    assert (answer.status_code, answer.json["type"]) == (422, "/docs#key-reused")
    assert site.count() == 1


@pytest.mark.parametrize("key", ["", '""', '"open', "a b", "x" * 256, '"\x01"'])
def test_a_key_that_is_none_is_refused(site, key):
    assert site.send({"Idempotency-Key": key}).status_code == 400
    assert site.count() == 0


def test_a_key_may_be_used_anew_after_a_day(site):
    first = site.send({"Idempotency-Key": "k"}).json["id"]
    with site.database.writing() as session:
        session.execute(update(Idempotency).values(created_at=utcnow() - timedelta(hours=25)))

    second = site.send({"Idempotency-Key": "k"}, body="A new day.")

    assert second.status_code == 202
    assert second.json["id"] != first


def test_fifty_equal_requests_at_once_are_one_comment(app_on_both):
    site = make_caller(app_on_both)
    gate = threading.Barrier(50)

    def send(_: int):
        caller = type(site)(app_on_both.test_client(), site.database, site.site_id, site.key)
        gate.wait()
        answer = caller.send({"Idempotency-Key": "once"})
        return answer.status_code, answer.json.get("id")

    with ThreadPoolExecutor(50) as pool:
        answers = set(pool.map(send, range(50)))

    assert site.count() == 1
    assert {status for status, _ in answers} <= {202, 409}
    assert len({comment for status, comment in answers if status == 202}) == 1


def test_the_same_external_id_with_the_same_text_is_the_same_comment(site_on_both):
    first = site_on_both.send(external_id="c-1").json["id"]

    again = site_on_both.send(external_id="c-1")

    assert (again.status_code, again.json["id"]) == (200, first)
    assert site_on_both.count() == 1


def test_the_same_external_id_with_another_text_is_refused(site_on_both):
    site_on_both.send(external_id="c-1")

    answer = site_on_both.send(external_id="c-1", body="Something else.")

    assert (answer.status_code, answer.json["type"]) == (409, "/docs#already-received")


def test_an_edit_does_not_make_the_first_text_another_comment(site):
    first = site.send(external_id="c-1").json["id"]
    site.call("PUT", f"/v1/comments/{first}", json={"body": "Corrected."})

    assert site.send(external_id="c-1").json["id"] == first

"""What the example site believes: signed, fresh, unheard and newest; the public library signs here."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from examples.news_site.webhooks import key_of, verify

from .conftest import SECRET, signed

APPROVED = {
    "id": "btl-1",
    "external_id": "c1",
    "sequence": 1,
    "status": "approved",
    "article": {"id": "ferry"},
    "parent": None,
    "name": "Ann",
    "body": "Hello from the quay.",
}


def test_what_the_public_library_signed_is_believed(news_site, reader):
    answer = news_site.deliver(*signed("comment.approved", APPROVED))

    assert (answer.status_code, answer.json()) == (200, {"outcome": "applied"})
    assert "Hello from the quay." in reader.page("/articles/ferry")


def test_either_secret_is_believed_while_one_is_changed(news_site):
    headers, body = signed("comment.approved", APPROVED)
    other = "v1," + base64.b64encode(b"x" * 32).decode()
    headers["webhook-signature"] = f"{other} v1a,unknown {headers['webhook-signature']}"

    assert news_site.deliver(headers, body).status_code == 200


@pytest.mark.parametrize("age_seconds", [301, 86_400, -310])
def test_what_is_more_than_five_minutes_off_is_refused(news_site, reader, age_seconds):
    answer = news_site.deliver(*signed("comment.approved", APPROVED, age_seconds=age_seconds))

    assert answer.status_code == 401
    assert "Hello from the quay." not in reader.page("/articles/ferry")


def test_another_secret_a_changed_body_and_a_missing_header_are_refused(news_site):
    headers, body = signed("comment.approved", APPROVED)
    stranger = signed("comment.approved", APPROVED, secret="whsec_" + base64.b64encode(b"y" * 32).decode())
    without = {name: value for name, value in headers.items() if name != "webhook-signature"}

    statuses = [
        news_site.deliver(*stranger).status_code,
        news_site.deliver(headers, body.replace(b"Ann", b"Eve")).status_code,
        news_site.deliver(headers | {"webhook-id": "evt_other"}, body).status_code,
        news_site.deliver(without, body).status_code,
        news_site.deliver(headers | {"webhook-timestamp": "9" * 5000}, body).status_code,
    ]

    assert statuses == [401] * 5


def test_a_repeated_delivery_changes_nothing(news_site, reader):
    message = signed("comment.approved", APPROVED)
    news_site.deliver(*message)
    news_site.announce("comment.retracted", **event("withdrawn", sequence=2))

    again = news_site.deliver(*message)

    assert again.json() == {"outcome": "repeated"}
    assert "Hello from the quay." not in reader.page("/articles/ferry")


def test_an_older_event_that_arrives_late_changes_nothing(news_site, reader):
    news_site.announce("comment.retracted", **event("rejected", sequence=5))

    late = news_site.announce("comment.approved", **APPROVED | {"sequence": 4})

    assert late.json() == {"outcome": "stale"}
    assert "Hello from the quay." not in reader.page("/articles/ferry")


def test_the_same_delivery_many_times_at_once_is_applied_once(news_site):
    message = signed("comment.approved", APPROVED)

    with ThreadPoolExecutor(8) as pool:
        outcomes = [
            answer.json()["outcome"] for answer in pool.map(lambda _: news_site.deliver(*message), range(16))
        ]

    assert outcomes.count("applied") == 1
    assert outcomes.count("repeated") == 15


def test_an_edit_replaces_the_text(news_site, reader):
    news_site.deliver(*signed("comment.approved", APPROVED))

    news_site.announce("comment.edited", **APPROVED | {"sequence": 2, "body": "Hello again."})

    page = reader.page("/articles/ferry")
    assert "Hello again." in page
    assert "edited" in page
    assert "Hello from the quay." not in page


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("comment.retracted", "held"),
        ("comment.retracted", "rejected"),
        ("comment.retracted", "withdrawn"),
        ("comment.rejected", "rejected"),
        ("comment.held", "held"),
        ("comment.erased", "erased"),
    ],
)
def test_what_must_come_down_comes_down_and_its_text_is_deleted(news_site, reader, kind, status):
    news_site.deliver(*signed("comment.approved", APPROVED))

    news_site.announce(kind, **event(status, sequence=2))

    assert "Hello from the quay." not in reader.page("/articles/ferry")
    assert news_site.rows("SELECT name, body, status FROM comments") == [("", "", status)]


def test_an_erased_text_is_gone_from_the_file(news_site):
    news_site.deliver(*signed("comment.approved", APPROVED))

    news_site.announce("comment.erased", **event("erased", sequence=2))

    kept = b"".join(path.read_bytes() for path in news_site.database.parent.iterdir())
    assert b"Hello from the quay." not in kept


def test_answers_to_a_removed_comment_stay_under_an_empty_place(news_site, reader):
    news_site.deliver(*signed("comment.approved", APPROVED))
    news_site.publish("c2", "Hello to you.", parent={"id": "c1"})

    news_site.announce("comment.erased", **event("erased", sequence=3))

    page = reader.page("/articles/ferry")
    assert page.index("This comment has been removed.") < page.index("Hello to you.")


def test_comments_that_answer_each_other_in_a_circle_do_no_harm(news_site, reader):
    news_site.publish("c1", "First", parent={"id": "c2"})
    news_site.publish("c2", "Second", parent={"id": "c1"})

    page = reader.page("/articles/ferry")

    assert "First" in page
    assert "Second" in page


def test_a_comment_held_and_approved_later_appears(news_site, reader):
    news_site.announce("comment.held", **event("held", sequence=1) | {"name": "Ann", "body": "Hello"})

    news_site.announce("comment.approved", **APPROVED | {"sequence": 2})

    assert "Hello from the quay." in reader.page("/articles/ferry")


def test_a_ping_and_kinds_of_tomorrow_are_answered_kindly(news_site):
    ping = news_site.announce("ping", message="hello")
    unknown = news_site.announce("endpoint.disabled", id="e1")

    assert (ping.status_code, unknown.status_code) == (200, 200)


@pytest.mark.parametrize(
    "data", [{}, {"id": "x"}, {"id": "x", "sequence": "many"}, {"id": "x", "sequence": 1, "article": 5}]
)
def test_signed_nonsense_is_refused_without_a_trace(news_site, data):
    answer = news_site.deliver(*signed("comment.approved", data))

    assert answer.status_code == 422
    assert news_site.rows("SELECT * FROM comments") == []
    assert news_site.rows("SELECT * FROM heard") == []


def test_a_huge_message_is_refused(news_site):
    answer = requests.post(f"{news_site.url}/webhooks", data=b"x" * 600_000, timeout=10)

    assert answer.status_code in (401, 413)


@given(body=st.binary(max_size=300), secret=st.binary(min_size=24, max_size=64))
def test_our_twenty_lines_agree_with_the_public_library(body, secret):
    text = body.decode("latin-1")
    moment = datetime.now(UTC)
    whsec = "whsec_" + base64.b64encode(secret).decode()
    signature = Webhook(whsec).sign("evt_1", moment, text)
    stamp = str(int(moment.timestamp()))

    assert verify(key_of(whsec), "evt_1", stamp, signature, text.encode(), time.time())
    assert not verify(key_of(SECRET), "evt_1", stamp, signature, text.encode(), time.time())


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_%%%", "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_secret_that_cannot_be_one_is_refused(secret):
    with pytest.raises(ValueError, match="it must"):
        key_of(secret)


def event(status: str, sequence: int) -> dict[str, object]:
    """As announced without the reader's words."""
    kept = json.loads(json.dumps(APPROVED)) | {"status": status, "sequence": sequence}
    return {name: value for name, value in kept.items() if name not in ("name", "body")}

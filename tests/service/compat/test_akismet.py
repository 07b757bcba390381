"""Akismet's wire format: exact bodies, headers where clients bear them, every shape of request."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from sqlalchemy import select

from moderation.tables import Comment, ForeignCall, Label, Usage

from .conftest import HAM, SPAM, Server

THANKS = "Thanks for making the web a better place."
BLOG = "https://news.example/"


def call(
    server: Server, path: str, headers: dict[str, str] | None = None, **fields: Any
) -> requests.Response:
    fields = {"api_key": server.akismet_key, "blog": BLOG, "user_ip": "203.0.113.7"} | fields
    fields = {name: value for name, value in fields.items() if value is not None}
    return requests.post(f"{server.url}{path}", data=fields, headers=headers, timeout=20)


def check(server: Server, **fields: Any) -> requests.Response:
    return call(server, "/1.1/comment-check", **{"comment_content": HAM} | fields)


def test_a_key_is_valid_in_either_field_and_in_the_host_name(server):
    by_host = {"Host": f"{server.akismet_key}.rest.example:80"}

    answers = [
        call(server, "/1.1/verify-key", api_key=None, key=server.akismet_key),
        call(server, "/1.1/verify-key"),
        call(server, "/1.1/verify-key", headers=by_host, api_key=None),
        call(server, "/1.1/verify-key", key=server.akismet_key),
    ]

    assert [answer.content for answer in answers] == [b"valid"] * 4
    assert {answer.headers["Content-Type"] for answer in answers} == {"text/plain; charset=utf-8"}


def test_a_wrong_key_in_the_body_is_not_helped_by_a_right_one_in_the_host_name(server):
    by_host = {"Host": f"{server.akismet_key}.rest.example"}

    assert call(server, "/1.1/verify-key", headers=by_host, api_key="wrongwrong12").content == b"invalid"


@pytest.mark.parametrize("key", ["wrongwrong12", "", "ü" * 12, "a\x00b", "x" * 5000])
def test_a_wrong_key_is_answered_with_invalid_and_200(server, key):
    verified = call(server, "/1.1/verify-key", api_key=key)
    checked = check(server, api_key=key)

    assert (verified.status_code, verified.content) == (200, b"invalid")
    assert "X-akismet-debug-help" not in verified.headers
    assert (checked.status_code, checked.content) == (200, b"invalid")
    assert checked.headers["X-akismet-debug-help"]


def test_a_site_key_is_no_akismet_key(server):
    assert check(server, api_key=server.key).content == b"invalid"


def test_spam_is_true_and_ham_is_false_with_no_header_that_clients_throw_at(server):
    spam = check(server, comment_content=SPAM, comment_author="Crypto King")
    ham = check(server, comment_author="Ann", comment_author_email="ann@example.org")

    assert spam.content == b"true"
    assert ham.content == b"false"
    for answer in (spam, ham):
        assert answer.headers["X-akismet-guid"]
        assert not {name.lower() for name in answer.headers} & {
            "x-akismet-debug-help",
            "x-akismet-alert-code",
            "x-akismet-error",
        }
    assert "X-akismet-pro-tip" not in ham.headers


def test_rudeness_is_not_spam(server):
    answer = check(server, comment_content="You stupid idiot, shut up.", comment_author="Ann")

    assert answer.content == b"false"


def test_the_documented_test_values(server):
    by_author = check(server, comment_author="viagra-test-123")
    by_email = check(server, comment_author_email="akismet-guaranteed-spam@example.com")
    discarded = check(server, comment_author="viagra-test-123", test_discard="1")
    by_administrator = check(server, comment_content=SPAM, user_role="administrator")

    assert by_author.content == by_email.content == discarded.content == b"true"
    assert "X-akismet-pro-tip" not in by_author.headers
    assert discarded.headers["X-akismet-pro-tip"] == "discard"
    assert by_administrator.content == b"false"


def test_a_filled_honeypot_is_spam_and_an_empty_one_is_not(server):
    filled = check(server, honeypot_field_name="hp", hp="x")
    empty = check(server, honeypot_field_name="hp", hp="")

    assert (filled.content, empty.content) == (b"true", b"false")


def test_a_classification_is_told_when_asked_for(server):
    asked = check(server, comment_author="viagra-test-123", classify="1")
    not_asked = check(server, comment_author="viagra-test-123")

    assert asked.headers["X-Akismet-Classification"] == "spam"
    assert "X-Akismet-Classification" not in not_asked.headers


@pytest.mark.parametrize("missing", ["blog", "user_ip"])
def test_a_missing_field_is_named(server, missing):
    answer = check(server, **{missing: None})

    assert answer.status_code == 200
    assert answer.text == f"Missing required field: {missing}."
    assert answer.headers["X-Akismet-Error"] == "missing-required-field"
    assert missing in answer.headers["X-akismet-debug-help"]


def test_an_empty_address_is_taken_as_coral_sends_it(server):
    assert check(server, user_ip="").content == b"false"


def test_json_in_place_of_a_form_with_the_key_in_the_host_and_without_a_blog(server):
    headers = {"Host": f"{server.akismet_key}.rest.example", "Content-Type": "application/json"}
    fields = {"comment_content": f"{HAM} json", "comment_author": "Ann", "user_ip": "", "blog_lang": None}

    answer = requests.post(
        f"{server.url}/1.1/submit-ham", data=json.dumps(fields), headers=headers, timeout=20
    )

    assert answer.text == THANKS


def test_three_spellings_of_the_context_and_unknown_fields_are_taken(server):
    for context in (
        {"comment_context": ["a", "b"]},
        {"comment_context[]": ["a", "b"]},
        {"comment_context[0]": "a", "comment_context[1]": "b"},
    ):
        assert check(server, **context, HTTP_ACCEPT="*/*", POST_ak_js="1").content == b"false"


def test_feedback_becomes_a_label_that_the_next_word_supersedes(server):
    text = f"{SPAM} for feedback"

    first = call(server, "/1.1/submit-spam", comment_content=text, comment_author="Crypto King")
    second = call(server, "/1.1/submit-ham", comment_content=text, comment_author="Crypto King")

    assert first.text == second.text == THANKS
    with server.database.reading() as session:
        found = session.scalars(select(Label).where(Label.text == text).order_by(Label.created_at)).all()
        assert [(one.origin, one.attribute, one.value, one.weight) for one in found] == [
            ("submit-spam", "spam", 1.0, 0.5),
            ("submit-ham", "spam", 0.0, 0.5),
        ]
        assert found[0].superseded_at is not None
        assert found[1].superseded_at is None


def test_a_test_call_never_teaches(server):
    call(server, "/1.1/submit-spam", comment_content="only a test", is_test="1")

    with server.database.reading() as session:
        assert session.scalar(select(Label).where(Label.text == "only a test")) is None


def test_each_check_is_kept_with_model_scores_and_answer_but_without_the_text(server):
    guid = check(server, comment_content=SPAM, comment_author_email="king@best.example").headers[
        "X-akismet-guid"
    ]
    server.write_aside()

    with server.database.reading() as session:
        kept = session.get(ForeignCall, guid)
    assert (kept.site_id, kept.protocol, kept.operation, kept.blog) == (
        server.site_id,
        "akismet",
        "comment-check",
        "news.example",
    )
    assert kept.answer == "spam"
    assert kept.model
    assert kept.scores["spam"] > 0.5
    assert kept.text is None


def test_figures_of_the_account(server):
    keys = server.another_site("figures", quotas={"calls_per_month": 400})
    key = keys["akismet"]
    for text, blog in ((SPAM, "https://a.example"), (HAM, "https://a.example/"), (HAM, "https://b.example")):
        check(server, api_key=key, comment_content=text, blog=blog)
    call(server, "/1.1/submit-spam", api_key=key, comment_content=HAM, blog="https://a.example")
    server.write_aside()
    month = f"{datetime.now(UTC):%Y-%m}"

    usage = requests.get(f"{server.url}/1.2/usage-limit", params={"api_key": key}, timeout=20).json()
    sites = requests.get(
        f"{server.url}/1.2/key-sites", params={"api_key": key, "order": "total"}, timeout=20
    ).json()
    filtered = requests.post(
        f"{server.url}/1.2/key-sites", data={"api_key": key, "filter": "b.ex"}, timeout=20
    )
    table = requests.get(
        f"{server.url}/1.2/key-sites", params={"api_key": key, "format": "csv", "limit": "1"}, timeout=20
    ).text
    stats = call(server, "/1.1/get-stats", api_key=None, key=key, blog=None, **{"from": "6-months"}).json()

    assert usage == {"limit": 400, "usage": 3, "percentage": "0.75", "throttled": False}
    assert sites[month][0] == {
        "site": "a.example",
        "api_calls": "2",
        "spam": "1",
        "ham": "1",
        "missed_spam": "1",
        "false_positives": "0",
        "is_revoked": False,
    }
    assert (sites["limit"], sites["offset"], sites["total"]) == (500, 0, 2)
    assert [row["site"] for row in filtered.json()[month]] == ["b.example"]
    lines = list(csv.reader(io.StringIO(table)))
    assert lines[1] == [
        "Site", "Total API Calls", "Spam", "Ham", "Missed Spam", "False Positives", "Is Revoked"
    ]  # fmt: skip
    assert lines[2] == ["a.example", "2", "1", "1", "1", "0", "false"]
    assert key not in table
    assert (stats["spam"], stats["ham"], stats["missed_spam"]) == (1, 2, 1)
    assert stats["breakdown"][month]["da"] == f"{month}-01"


def test_token_and_deactivate(server):
    assert len(call(server, "/1.1/token").text) == 32
    assert call(server, "/1.1/deactivate").text == "deactivated"


def test_a_blog_that_is_not_registered_is_alerted(server):
    key = server.another_site("two-blogs", blogs=["https://a.example", "https://b.example"])["akismet"]

    known = check(server, api_key=key, blog="http://A.example/")
    unknown = check(server, api_key=key, blog="https://c.example")

    assert known.content == b"false"
    assert unknown.content == b"invalid"
    assert unknown.headers["X-akismet-alert-code"] == "10404"


def test_a_used_up_month_is_throttled_with_429(server):
    keys = server.another_site("used-up", quotas={"calls_per_month": 2})
    with server.database.writing() as session:
        month = f"{datetime.now(UTC):%Y-%m}"
        session.add(Usage(site_id=keys["id"], month=month, protocol="akismet", blog="", calls=2))

    answer = check(server, api_key=keys["akismet"])

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["X-akismet-alert-code"] == "10501"


def test_an_unclear_verdict_waits_for_a_person_when_the_caller_can_be_called_back(server):
    # a link in the name: this site's policy holds it, and the spam score alone rejects nothing
    fields = {
        "comment_author": "visit www.nice-shoes.com",
        "comment_author_email": "ann@example.org",
        "comment_post_ID": "7",
        "permalink": "https://news.example/ferry",
    }

    at_once = check(server, **fields)
    deferred = check(server, **fields, callback="https://news.example/wp-json/akismet/v1/webhook")
    server.write_aside()

    assert at_once.content == b"true"
    assert deferred.content == b"false"
    assert deferred.headers["X-akismet-recheck-after"] == "120"
    with server.database.reading() as session:
        kept = session.get(ForeignCall, deferred.headers["X-akismet-guid"])
        comment = session.get(Comment, kept.comment_id)
    assert comment.status == "pending"
    assert kept.callback_url.startswith("https://news.example/")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe=\xff&comment_content=\xff\xfe", "application/x-www-form-urlencoded"),
        (b"comment_content=%ff%fe%00", "application/x-www-form-urlencoded; charset=no-such"),
        (
            b"comment_content=%00&comment_author=www.shoes.com&blog_lang=%00&callback=https://a.example",
            "application/x-www-form-urlencoded",
        ),
        (b'{"comment_content": "\xff"}', "application/json"),
        (b"[1, 2", "application/json"),
        (b"[1, 2]", "application/json"),
        (b'{"comment_content": {"a": [1]}, "user_ip": 7, "blog": true}', "application/json"),
        (b'{"comment_content": "\\ud800 \\u0000 lone"}', "application/json"),
        (b"nothing at all", "multipart/form-data; boundary=x"),
        (b"[" * 100_000, "application/json"),
        (b"a&" * 50_000, "application/x-www-form-urlencoded"),
    ],
)
def test_what_cannot_be_read_is_never_our_fault(server, body, kind):
    for path in ("/1.1/comment-check", "/1.1/submit-spam", "/1.2/usage-limit"):
        url = f"{server.url}{path}?api_key={server.akismet_key}&blog=https://news.example&user_ip="
        answer = requests.post(url, data=body, headers={"Content-Type": kind}, timeout=20)
        assert answer.status_code < 500, (path, answer.text)
        assert "Traceback" not in answer.text


def test_too_large_unknown_address_and_wrong_method_are_said_in_plain_text(server):
    large = check(server, comment_content="x" * 1_200_000)
    unknown = call(server, "/1.1/no-such-call")
    method = requests.get(f"{server.url}/1.1/comment-check", timeout=20)

    assert [answer.status_code for answer in (large, unknown, method)] == [413, 404, 405]
    for answer in (large, unknown, method):
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["X-akismet-debug-help"]

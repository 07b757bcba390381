"""What strangers send is kept, refused or cleaned, in time that grows with its length; and no log repeats it."""

from __future__ import annotations

import io
import json
import time

import pytest
from sqlalchemy import select

from moderation import logs
from moderation.delivery import body_of
from moderation.tables import Event
from service.fields import Words
from service.schemas import CommentIn
from tests.service.conftest import HELLO

FLOODS = {
    "one letter": "a" * 10_000,
    "zalgo": "z" + "\u0335" * 9_999,
    "zero width": "\u200b" * 9_990 + "text",
    "bidi": "\u202e\u2066" * 5_000,
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 2_000,
    "brackets": "[" * 10_000,
    "backticks and tags": "`<b>" * 2_500,
    "spaces between": "a " * 5_000,
    "every plane": "".join(chr(0x10000 * plane + 0x4E01) for plane in range(17)) * 500,
    "nul": "\x00" * 9_000 + "text",
    "surrogates": "\ud800" * 9_000 + "text",
    "decomposed": "e\u0301" * 5_000,
    "expanding": "\ufb2c" * 10_000,
    "newlines": "\n" * 9_990 + "text",
    "form feeds": "\x0c" * 9_990 + "text",
    "tags": "\U0001f3f4" + "\U000e0067" * 9_000,
}


@pytest.mark.parametrize("body", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_is_kept_or_refused_with_the_reason(site_on_both, body):
    answer = site_on_both.post(
        "/v1/comments", data=json.dumps({**HELLO, "body": body}), content_type="application/json"
    )

    assert answer.status_code in (202, 422), answer.json
    if answer.status_code == 422:
        assert answer.json["errors"][0]["pointer"] == "/body"
    else:
        assert "\x00" not in site_on_both.get(f"/v1/comments/{answer.json['id']}").json["body"]


@pytest.mark.parametrize("field", ["name", "title", "referrer", "user_agent", "honeypot", "author_url"])
@pytest.mark.parametrize("text", ["\x00\ud800\u202e\ufffe", "x\r\ny: z", "\U0010ffff\ufdd0", "\u0000"])
def test_odd_characters_in_any_field_break_nothing(site_on_both, field, text):
    sent = dict(HELLO)
    if field == "title":
        sent["article"] = {"id": "a", "title": text}
    elif field == "author_url":
        sent["author"] = {"url": text}
    else:
        sent[field] = text

    answer = site_on_both.post("/v1/comments", data=json.dumps(sent), content_type="application/json")

    assert answer.status_code in (202, 422), answer.json


UNKEEPABLE = "a\x00b\ud800c"


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("PUT", "/v1/policy", {"name": UNKEEPABLE}),
        ("PUT", "/v1/policy", {"sections": {UNKEEPABLE: {}}}),
        (
            "PUT",
            "/v1/policy",
            {"rules": [{"name": UNKEEPABLE, "when": {"author": "verified"}, "then": "hold"}]},
        ),
        ("PUT", "/v1/policy", {"rules": [{"name": "n", "when": {"section": [UNKEEPABLE]}, "then": "hold"}]}),
        ("POST", "/v1/policy/backtest", {"policy": {"name": UNKEEPABLE}}),
        ("POST", "/v1/endpoints", {"url": "https://8.8.8.8/", "description": UNKEEPABLE}),
        ("POST", "/v1/endpoints", {"url": "https://8.8.8.8/" + UNKEEPABLE}),
        ("POST", "/v1/endpoints", {"url": "https://8.8.8.8/", "events": [UNKEEPABLE]}),
        ("PATCH", "/v1/endpoints/{endpoint}", {"description": UNKEEPABLE}),
        ("POST", "/v1/comments/{comment}/decisions", {"action": "approve", "note": UNKEEPABLE}),
        ("POST", "/v1/comments/{comment}/decisions", {"action": "reject", "reason_code": UNKEEPABLE}),
        ("POST", "/v1/comments/{comment}/reports", {"reason": "OTHER", "text": UNKEEPABLE}),
        ("POST", "/v1/comments/{comment}/appeals", {"text": UNKEEPABLE}),
        ("PUT", "/v1/comments/{comment}", {"body": UNKEEPABLE, "name": UNKEEPABLE}),
        ("POST", "/v1/score", {"text": UNKEEPABLE, "name": UNKEEPABLE}),
        ("POST", "/v1/erasures", {"author_id": UNKEEPABLE}),
        ("POST", "/v1/erasures", {"email": UNKEEPABLE + "@example.org"}),
    ],
)
def test_what_no_database_keeps_is_cleaned_or_refused_in_every_document(site_on_both, method, path, document):
    site = site_on_both
    comment = site.send().json["id"]
    made = site.post("/v1/endpoints", {"url": "https://8.8.8.8/"}).json["id"]

    answer = site.call(
        method,
        path.format(comment=comment, endpoint=made),
        data=json.dumps(document),
        content_type="application/json",
    )

    assert answer.status_code < 500, answer.json
    if answer.status_code < 300:
        # What is kept can be sent on: the bytes of a webhook are UTF-8.
        assert not {"\x00", "\ud800"} & set(json.dumps(answer.json, ensure_ascii=False))
        with site.database.reading() as session:
            for event in session.scalars(select(Event)):
                body_of(event)


def test_time_grows_with_the_length_and_no_faster():
    field = Words(most=2_000_000)

    def seconds(length):
        began = time.process_time()
        field.deserialize(("ab\u0301\u202e \u200b" * length)[:length])
        return time.process_time() - began

    seconds(10_000)
    assert seconds(1_000_000) < 100 * max(seconds(50_000), 0.01)


def test_a_wrong_type_in_any_field_is_named(site):
    for name, field in CommentIn().fields.items():
        for value in (1.5, [1], {"a": 1}, True):
            answer = site.post("/v1/comments", {**HELLO, name: value})
            if answer.status_code != 202:  # an object where an object belongs
                assert answer.status_code == 422, (name, value)
                assert any(fault["pointer"].startswith(f"/{name}") for fault in answer.json["errors"]), field


def test_no_log_line_repeats_a_reader_or_a_key(app, site):
    lines = io.StringIO()
    logs.set_up("DEBUG", stream=lines)
    try:
        site.send(ip="203.0.113.77", user_agent="SecretBrowser/1.0")
        site.send(email="not an address of secret.person")
        site.get("/v1/comments?article=secret-article")
        site.post("/v1/erasures", {"email": "erased.secret@example.org"})
        site.client.get("/v1/comments", headers={"Authorization": "Bearer btl_secret_wrong_key"})
        site.client.get("/made\r\nup?key=secret")
    finally:
        logs.set_up("WARNING", stream=io.StringIO())
    said = lines.getvalue()

    assert said.count('"event": "request"') == 6
    for secret in ("secret", "Secret", HELLO["body"], "Ana", "203.0.113.77", site.key):
        assert secret not in said
    assert all(json.loads(line)["request"] for line in said.splitlines() if '"event": "request"' in line)


def test_a_callers_request_id_is_kept_when_it_is_sane(site):
    sane = site.get("/v1/comments", headers={"X-Request-Id": "front-0123456789abcdef"})
    forged = site.get("/v1/comments", headers={"X-Request-Id": '"}\t{"event": "forged'})

    assert sane.headers["X-Request-Id"] == "front-0123456789abcdef"
    assert "forged" not in forged.headers["X-Request-Id"]

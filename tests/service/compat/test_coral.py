"""Coral's calls, byte for byte as it sends them, and its events as labels."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
import requests
from sqlalchemy import select

from moderation.erasure import erase_person
from moderation.tables import ForeignCall, Label
from tests.conftest import NOON

from .conftest import CORAL_SECRET, HAM, RUDE, SPAM, Server

#: As Coral writes it: two spaces, this order, no space at the end.
NEW = b"""{
  "action": "NEW",
  "comment": {
    "body": "The new ferry timetable is a real improvement &amp; <b>thank you</b> for the article.",
    "parentID": null
  },
  "author": {
    "id": "5d1f0d9e-4b6e-4f58-9b3c-0b7a2c9b1d11",
    "role": "COMMENTER"
  },
  "story": {
    "id": "c8b8b1de-6a7f-4a4b-8d0a-2f5f1d7a9e77",
    "url": "https://news.example/ferry"
  },
  "site": {
    "id": "0e6a1d44-1a1f-4d0e-a1d0-9f6d8f1b2c33"
  },
  "tenantID": "b1a7d5c2-3e4f-4a6b-8c9d-0e1f2a3b4c5d",
  "tenantDomain": "coral.example"
}"""
#: HMAC-SHA256 of these bytes with CORAL_SECRET, worked out once by another program (openssl dgst).
NEW_SIGNATURE = "sha256=b59f47f019dfdde17d8984eabde5bc2f80b32e57a16b3b13bb2b2cb4f1e03b67"


def signed(body: bytes, secret: str = CORAL_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(
    server: Server, body: bytes, signature: str | None = None, path: str = "moderation"
) -> requests.Response:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Coral Moderation/9.7.0",
        "X-Coral-Signature": signed(body) if signature is None else signature,
    }
    return requests.post(f"{server.url}/coral/{path}", data=body, headers=headers, timeout=20)


def comment(text: str, *, role: str = "COMMENTER", story: str = "story", action: str = "NEW") -> bytes:
    document = json.loads(NEW)
    document["action"] = action
    document["comment"]["body"] = text
    document["author"]["role"] = role
    document["story"]["id"] = story
    return json.dumps(document, indent=2).encode()


def event(server: Server, kind: str, **data: Any) -> requests.Response:
    envelope = {
        "id": "e-1",
        "type": kind,
        "data": data,
        "createdAt": "2026-11-28T12:00:00.000Z",
        "tenantID": "b1a7d5c2-3e4f-4a6b-8c9d-0e1f2a3b4c5d",
        "tenantDomain": "coral.example",
    }
    return send(server, json.dumps(envelope).encode(), path="events")


def labels(server: Server, text: str) -> list[tuple[str, float, str, float]]:
    with server.database.reading() as session:
        found = session.scalars(select(Label).where(Label.text == text)).all()
    return [(one.attribute, one.value, one.origin, one.weight) for one in found]


def test_a_fine_comment_gets_no_opinion(server):
    answer = send(server, NEW, NEW_SIGNATURE)

    assert (answer.status_code, answer.content) == (204, b"")


def test_one_of_several_signatures_is_enough(server):
    assert send(server, NEW, f"sha256={'0' * 64}, {NEW_SIGNATURE}").status_code == 204


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=" + "0" * 64, "md5=abc", "sha256=ü", "x" * 5000]
)
def test_a_wrong_signature_is_refused(server, signature):
    answer = send(server, NEW, signature.encode("utf-8").decode("latin-1"))

    assert answer.status_code == 401
    assert answer.json()["error"]["code"].startswith("SIGNATURE_")


def test_the_signature_is_of_these_very_bytes(server):
    assert send(server, json.dumps(json.loads(NEW)).encode(), NEW_SIGNATURE).status_code == 401


@pytest.mark.parametrize("text", [SPAM, RUDE])
@pytest.mark.parametrize("action", ["NEW", "EDIT"])
def test_a_bad_comment_gets_a_status_that_coral_knows(server, text, action):
    answer = send(server, comment(text, action=action))

    assert answer.status_code == 200
    document = answer.json()
    assert document["status"] in ("PREMOD", "REJECTED")
    assert {flag["actionType"] for flag in document["actions"]} == {"FLAG"}
    reasons = {flag["reason"] for flag in document["actions"]}
    assert reasons <= {"COMMENT_DETECTED_TOXIC", "COMMENT_DETECTED_SPAM"}
    assert ("COMMENT_DETECTED_SPAM" if text == SPAM else "COMMENT_DETECTED_TOXIC") in reasons
    if document["status"] == "REJECTED":
        assert document["moderationAction"]["status"] == "REJECTED"
        assert document["moderationAction"]["rejectionReason"]["code"] in (
            "OFFENSIVE", "ABUSIVE", "SPAM", "BANNED_WORD", "AD", "ILLEGAL_CONTENT", "HARASSMENT_BULLYING",
            "MISINFORMATION", "HATE_SPEECH", "IRRELEVANT_CONTENT", "OTHER",
        )  # fmt: skip


def test_spam_hidden_in_a_link_is_read(server):
    html = f'<p>{HAM}</p> <a href="https://best-crypto-profits.top/join">Earn $5000 a day with bitcoin!!!</a>'

    assert send(server, comment(html)).status_code == 200


@pytest.mark.parametrize("role", ["STAFF", "MODERATOR", "ADMIN"])
def test_the_house_itself_is_not_judged(server, role):
    assert send(server, comment(SPAM, role=role)).status_code == 204


def test_what_a_moderator_decided_becomes_a_label(server):
    text = f"{RUDE} in the queue"
    assert send(server, comment(text, story="s-queue")).status_code == 200
    server.write_aside()

    entered = event(
        server,
        "COMMENT_ENTERED_MODERATION_QUEUE",
        queue="PENDING", commentID="c-1", status="PREMOD", storyID="s-queue", siteID="x",
    )  # fmt: skip
    left = event(
        server,
        "COMMENT_LEFT_MODERATION_QUEUE",
        queue="PENDING", commentID="c-1", status="REJECTED", storyID="s-queue", siteID="x",
    )  # fmt: skip

    assert (entered.status_code, left.status_code) == (204, 204)
    assert labels(server, text) == [("likely_to_reject", 1.0, "coral", 0.7)]
    with server.database.reading() as session:
        call = session.scalars(select(ForeignCall).where(ForeignCall.story == "s-queue")).one()
    assert (call.external_id, call.text) == ("c-1", None)


def test_a_word_that_could_mean_two_comments_teaches_nothing(server):
    texts = [f"{RUDE} first", f"{RUDE} second"]
    for text in texts:
        send(server, comment(text, story="s-two"))
    server.write_aside()

    event(server, "COMMENT_LEFT_MODERATION_QUEUE", commentID="c-9", status="APPROVED", storyID="s-two")

    assert labels(server, texts[0]) == labels(server, texts[1]) == []


def test_what_waits_for_a_moderator_goes_with_its_author(server):
    send(server, comment(f"{RUDE} to be erased", story="s-erased"))
    server.write_aside()
    with server.database.writing() as session:
        erase_person(
            session, site_id=server.site_id, author_id=json.loads(NEW)["author"]["id"],
            by_kind="site", by_id="", now=NOON,
        )  # fmt: skip

    with server.database.reading() as session:
        assert session.scalar(select(ForeignCall).where(ForeignCall.story == "s-erased")) is None


@pytest.mark.parametrize("kind", ["STORY_CREATED", "COMMENT_CREATED", "COMMENT_REPLY_CREATED", "NEWER", None])
def test_other_events_are_taken_and_teach_nothing(server, kind):
    assert event(server, kind, storyID="s", commentID="c").status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"comment": 1}',
        b'{"comment": {"body": 1}}',
        b'{"author": []}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_refused(server, body):
    answer = send(server, body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize("odd", [{"a": 1}, [1], 7, None, "\ud800\x00"])
def test_odd_values_in_places_of_words_are_passed_over(server, odd):
    document = json.loads(NEW)
    document["author"] = {"id": odd, "role": odd}
    document["story"]["id"] = odd

    judged = send(server, json.dumps(document).encode())
    told = event(server, "COMMENT_LEFT_MODERATION_QUEUE", commentID=odd, storyID=odd, status=odd)

    assert (judged.status_code, told.status_code) == (204, 204)


def test_an_empty_comment_gets_no_opinion(server):
    assert send(server, comment("  ")).status_code == 204


def test_too_large_and_wrong_method(server):
    assert send(server, b"x" * 1_200_000).status_code == 413
    assert requests.get(f"{server.url}/coral/moderation", timeout=20).json()["error"]["code"]

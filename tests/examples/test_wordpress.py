"""The WordPress mu-plugin, run by PHP on as much of WordPress as it touches. Only where PHP is at hand."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from .conftest import SECRET, StandIn, signed, wait_until_it_listens

pytestmark = pytest.mark.processes
STUB = Path(__file__).with_name("wordpress_stub.php")
if shutil.which("php") is None:
    __test__ = False


class WordPress:
    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, **fields: Any) -> requests.Response:
        return requests.post(self.url + path, data=fields, timeout=20)

    def comment(self, body: str, **more: Any) -> None:
        author = {"comment_author": "Ann", "comment_author_email": "ann@example.org"}
        self.post("/comment", comment_content=body, **author | more)

    def announce(self, kind: str, **data: Any) -> int:
        headers, body = signed(kind, {"id": "btl-1", "external_id": "wp-1-1", "reasons": [], **data})
        return self.deliver(headers, body)

    def deliver(self, headers: dict[str, str], body: bytes) -> int:
        url = f"{self.url}/wp-json/below-the-line/v1/webhooks"
        return requests.post(url, data=body, headers=headers, timeout=20).status_code

    def first(self) -> dict[str, Any]:
        return requests.get(self.url, timeout=20).json().get("1", {})


@pytest.fixture
def wordpress(api: StandIn, free_port: int, tmp_path: Path) -> Iterator[WordPress]:
    environment = os.environ | {
        "BTL_URL": f"{api.url}/",
        "BTL_SITE_KEY": "the-key",
        "BTL_WEBHOOK_SECRET": SECRET,
        "WPCOM_API_KEY": "k12345678901",
        "STORE": str(tmp_path / "comments.json"),
    }
    with (tmp_path / "log").open("wb") as log:
        words = ["php", "-d", "display_errors=stderr", "-S", f"127.0.0.1:{free_port}", str(STUB)]
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    try:
        wait_until_it_listens(process, free_port)
        yield WordPress(f"http://127.0.0.1:{free_port}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    said = (tmp_path / "log").read_text("utf-8", "replace")
    assert "Warning" not in said, said
    assert "Fatal" not in said, said


def test_a_comment_waits_and_is_sent_with_what_judging_needs(wordpress, api):
    wordpress.comment("Hello from WordPress.")

    assert wordpress.first()["comment_approved"] == "0"
    path, headers, document = api.calls[0]
    assert (path, headers["Authorization"]) == ("/v1/comments", "Bearer the-key")
    assert document == {
        "external_id": "wp-1-1",
        "name": "Ann",
        "email": "ann@example.org",
        "body": "Hello from WordPress.",
        "ip": "203.0.113.9",
        "user_agent": "test",
        "submitted_at": "2026-11-28T10:00:00+00:00",
        "language": "de",
        "article": {"id": "7", "url": "https://wp.example/?p=7", "title": "A title"},
    }


def test_webhooks_publish_replace_and_take_down_and_are_not_told_back(wordpress, api):
    wordpress.comment("Hello.")

    assert wordpress.announce("comment.approved", sequence=1, status="approved") == 204
    assert wordpress.first()["comment_approved"] == "1"
    assert wordpress.announce("comment.edited", sequence=2, status="approved", body="Hello again.") == 204
    assert wordpress.first()["comment_content"] == "Hello again."
    spam = [{"name": "spam"}]
    assert wordpress.announce("comment.retracted", sequence=4, status="rejected", reasons=spam) == 204
    assert wordpress.announce("comment.approved", sequence=3, status="approved") == 204
    assert wordpress.first()["comment_approved"] == "spam"
    assert len(api.calls) == 1
    assert wordpress.announce("comment.erased", sequence=5, status="erased") == 204
    assert wordpress.first() == {}


def test_what_a_moderator_decides_in_wordpress_is_told(wordpress, api):
    wordpress.comment("Hello.")

    wordpress.post("/status", id=1, status="spam")

    path, _, document = api.calls[-1]
    assert path == f"/v1/comments/{wordpress.first()['meta_btl_id']}/decisions"
    assert document == {"action": "reject", "reason_code": "SPAM"}


def test_it_tries_again_later_when_the_server_is_away(wordpress, api):
    api.answer = 503, {}

    wordpress.comment("Hello.")

    assert wordpress.first()["again"] == "btl_send_again"
    assert wordpress.first()["comment_approved"] == "0"


def test_a_forged_webhook_changes_nothing(wordpress):
    wordpress.comment("Hello.")
    headers, body = signed("comment.approved", {"id": "x", "external_id": "wp-1-1", "sequence": 1})

    assert wordpress.deliver(headers | {"webhook-signature": "v1,AAAA"}, body) == 401
    assert wordpress.first()["comment_approved"] == "0"


def test_moderators_and_comments_without_an_address_stay_with_wordpress(wordpress, api):
    wordpress.comment("By the editor.", user_id=1)
    wordpress.comment("No address.", comment_author_email="")

    assert wordpress.first()["comment_approved"] == "1"
    assert not api.calls


def test_akismet_questions_go_to_our_server(wordpress, api):
    api.answer = 200, {"answered by": "ours"}

    answer = wordpress.post("/akismet")

    path, headers, document = api.calls[0]
    assert path == "/1.1/comment-check"
    assert headers["Host"] == api.url.removeprefix("http://")
    assert document == {"api_key": "k12345678901"}
    assert answer.json() == {"answered by": "ours"}

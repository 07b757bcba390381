"""Comments on pages of sites without a server: what a publishable key may do, and for whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from moderation import lifecycle
from moderation.keys import issue_key
from moderation.settings import Settings
from moderation.store import Database, comment_of, open_database
from moderation.tables import SiteKey
from moderation.vault import vault_of
from service import create_app
from tests.conftest import make_site

ORIGIN = "https://news.example"
HELLO = {"name": "Ann", "email": "ann.secret@example.org", "body": "Hello from a static page."}


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    database = open_database(settings.database_url)
    yield create_app(settings, database)
    database.engine.dispose()


class Page:
    """A page on some origin that talks to the embed's two calls."""

    def __init__(self, client: FlaskClient, key: str, site_id: str, database: Database) -> None:
        self.client, self.key, self.site_id, self.database = client, key, site_id, database

    def get(self, article: str = "ferry", origin: str | None = ORIGIN, **query: str) -> Any:
        headers = {"Origin": origin} if origin else {}
        query = {"key": self.key, "article": article, **query}
        return self.client.get("/embed/comments", query_string=query, headers=headers)

    def post(self, origin: str | None = ORIGIN, article: str = "ferry", key: str = "", **fields: Any) -> Any:
        headers = {"Origin": origin} if origin else {}
        query = {"key": key or self.key, "article": article}
        return self.client.post(
            "/embed/comments", query_string=query, headers=headers, json={**HELLO, **fields}
        )

    def approve(self, comment_id: str) -> None:
        with self.database.writing() as session:
            comment = comment_of(session, self.site_id, comment_id, lock=True)
            lifecycle.decide(
                session,
                comment,
                action="approve",
                by_kind="site",
                by_id="",
                now=datetime.now(UTC),
                undo_seconds=0,
            )


@pytest.fixture
def page(app: Flask, settings: Settings, environment: dict[str, str]) -> Page:
    from service.door import door_of

    database, vault = door_of(app).database, vault_of(settings.email_keys, settings.hash_key)
    with database.writing() as session:
        site = make_site(session, vault)
        _, key = issue_key(
            session, vault, site_id=site.id, now=datetime.now(UTC), kind="publishable", origins=[ORIGIN]
        )
        site_id = site.id
    return Page(app.test_client(), key, site_id, database)


def test_a_comment_from_a_page_is_kept_and_shown_once_approved(page):
    taken = page.post()

    assert taken.status_code == 202
    assert page.get().json["comments"] == []
    page.approve(taken.json["id"])
    (shown,) = page.get().json["comments"]
    assert (shown["name"], shown["body"]) == ("Ann", "Hello from a static page.")


def test_nothing_private_leaves(page):
    page.approve(page.post().json["id"])

    answer = page.get()

    assert set(answer.json["comments"][0]) == {"id", "parent", "name", "body", "submitted_at", "edited"}
    assert "ann.secret" not in answer.text


def test_the_readers_address_is_the_one_that_called(page):
    comment_id = page.post().json["id"]

    with page.database.reading() as session:
        assert comment_of(session, page.site_id, comment_id).ip == "127.0.0.1"


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "null", "https://news.example.evil.example", None]
)
def test_a_page_elsewhere_cannot_write(page, origin):
    answer = page.post(origin=origin)

    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_elsewhere_cannot_read_but_what_is_public_needs_no_origin(page):
    assert page.get(origin="https://elsewhere.example").status_code == 403
    assert page.get(origin=None).status_code == 200


def test_the_browser_is_told_exactly_which_origin_may_read(page):
    answer = page.get()
    preflight = page.client.options(
        "/embed/comments", query_string={"key": page.key, "article": "ferry"}, headers={"Origin": ORIGIN}
    )

    for one in (answer, preflight):
        assert one.status_code == 200
        assert one.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in one.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in one.headers
    assert "Idempotency-Key" in preflight.headers["Access-Control-Allow-Headers"]


def test_faults_come_with_pointers_and_may_be_read_by_the_page(page):
    answer = page.post(email="nonsense", body=" ")

    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json["errors"]} == {"/email", "/body"}
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("field", ["external_id", "ip", "author", "user_agent", "submitted_at"])
def test_a_page_cannot_vouch_for_what_only_a_server_knows(page, field):
    answer = page.post(**{field: "x"})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"/{field}"


def test_only_a_publishable_key_opens_this_door(page, settings):
    vault = vault_of(settings.email_keys, settings.hash_key)
    with page.database.writing() as session:
        _, secret = issue_key(session, vault, site_id=page.site_id, now=datetime.now(UTC))

    assert page.post(key=secret).status_code == 403
    assert page.post(key="btlpub_unknown").status_code == 403


def test_a_revoked_key_opens_nothing(page, app):
    with page.database.writing() as session:
        row = session.query(SiteKey).filter_by(kind="publishable").one()
        row.revoked_at = datetime.now(UTC) - timedelta(seconds=1)

    assert page.post().status_code == 403


def test_an_answer_names_a_published_comment_of_the_same_article(page):
    first = page.post().json["id"]

    assert page.post(parent={"id": first}, body="Too early.").status_code == 422
    page.approve(first)
    second = page.post(parent={"id": first}, body="In time.")
    page.approve(second.json["id"])

    assert page.post(article="library", parent={"id": first}).status_code == 422
    assert page.get().json["comments"][0]["parent"] == first


def test_an_article_address_elsewhere_is_refused(page):
    assert page.post(article_url=None).status_code == 422  # no such field
    elsewhere = {"url": "https://elsewhere.example/ferry", "title": "The ferry"}
    here = {"url": f"{ORIGIN}/ferry", "title": "The ferry"}

    answer = page.client.post(
        "/embed/comments",
        query_string={"key": page.key, "article": "ferry"},
        headers={"Origin": ORIGIN},
        json={**HELLO, "article": elsewhere},
    )
    good = page.client.post(
        "/embed/comments",
        query_string={"key": page.key, "article": "ferry"},
        headers={"Origin": ORIGIN},
        json={**HELLO, "article": here},
    )

    assert answer.json["errors"][0]["pointer"] == "/article/url"
    assert good.status_code == 202


def test_the_same_request_twice_is_one_comment(page):
    def send() -> Any:
        return page.client.post(
            "/embed/comments",
            query_string={"key": page.key, "article": "ferry"},
            headers={"Origin": ORIGIN, "Idempotency-Key": "one-form"},
            json=HELLO,
        )

    assert send().json == send().json


def test_the_list_comes_in_pages(page):
    for number in range(52):
        page.approve(page.post(email=f"reader{number}@example.org", body=f"Number {number}.").json["id"])

    first = page.get().json
    second = page.get(cursor=first["next_cursor"]).json

    assert [len(one["comments"]) for one in (first, second)] == [50, 2]
    assert second["next_cursor"] is None
    assert second["comments"][-1]["body"] == "Number 0."


def test_the_script_may_be_loaded_from_anywhere(app):
    answer = app.test_client().get("/embed.js")

    assert answer.status_code == 200
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    answer.close()

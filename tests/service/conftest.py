"""The web door on a database of the test's own, and a site that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from moderation import lifecycle
from moderation.keys import issue_key
from moderation.opinion import Judgement
from moderation.settings import Settings
from moderation.store import Database, comment_of
from moderation.tables import Comment
from service import create_app
from service.door import door_of, utcnow
from tests.conftest import make_site

HELLO = {"name": "Ana María", "email": "ana.secret@example.org", "body": "A fine article, thank you."}


@dataclass
class Caller:
    """A site with a key, talking to the API."""

    client: FlaskClient
    database: Database
    site_id: str
    key: str

    def call(self, method: str, path: str, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self.call("POST", path, **({"json": json} if json is not None else {}), **more)

    def send(self, headers: dict[str, str] | None = None, query: str = "", **fields: Any) -> TestResponse:
        """Send a comment."""
        return self.post(f"/v1/comments{query}", {**HELLO, **fields}, headers=headers or {})

    def kept(self, comment_id: str) -> Comment:
        with self.database.reading() as session:
            return comment_of(session, self.site_id, comment_id)

    def count(self) -> int:
        return len(self.get("/v1/comments?limit=200").json["comments"])


def open_app(settings: Settings, database: Database) -> Iterator[Flask]:
    app = create_app(settings, database)
    yield app
    door = door_of(app)
    door.aside.stop()
    door.nudger.stop()


@pytest.fixture
def app(settings: Settings, sqlite_database: Database) -> Iterator[Flask]:
    yield from open_app(settings, sqlite_database)


def make_caller(app: Flask, *, slug: str = "daily-line", scopes: tuple[str, ...] | None = None) -> Caller:
    door = door_of(app)
    with door.database.writing() as session:
        site = make_site(session, door.vault, slug=slug)
        _, key = issue_key(session, door.vault, site_id=site.id, now=utcnow(), scopes=scopes)
    return Caller(app.test_client(), door.database, site.id, key)


@pytest.fixture
def site(app: Flask) -> Caller:
    """A site with a key for everything, on SQLite."""
    return make_caller(app)


@pytest.fixture
def app_on_both(settings: Settings, database: Database) -> Iterator[Flask]:
    yield from open_app(settings, database)


@pytest.fixture
def site_on_both(app_on_both: Flask) -> Caller:
    """The same on each database, for what depends on how it locks and compares."""
    return make_caller(app_on_both)


def judge(site, comment_id, outcome="approve"):
    """What the background door does with a waiting comment."""
    with site.database.writing() as session:
        comment = comment_of(session, site.site_id, comment_id)
        reasons = [{"kind": "score", "name": "toxicity", "verdict": outcome, "value": 0.9, "text": "0.9"}]
        lifecycle.settle(
            session,
            [Judgement(comment, outcome, reasons, scores={"toxicity": 0.9}, model="2026.1")],
            now=utcnow(),
        )

"""A desk with comments to decide on, for tests of its pages: real database, real verdict path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from moderation import lifecycle, people, sites
from moderation.opinion import Judgement
from moderation.settings import Settings
from moderation.store import Database
from moderation.tables import Comment, Moderator, Site
from moderation.vault import Vault
from service import create_app
from service.door import door_of

PASSWORD = "a long evening by the sea"
INSULT = "Insult 0.83, above this site's hold line of 0.60"


@dataclass
class Desk:
    """A running desk's parts, and ways to fill it."""

    app: Flask
    site: Site
    database: Database
    vault: Vault
    made: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def add_comment(self, body: str = "You are a fool.", outcome: str = "hold", **more: Any) -> Comment:
        """One comment that the machine has judged."""
        self.made += 1
        at = more.pop("at", datetime.now(UTC) - timedelta(minutes=60) + timedelta(seconds=self.made))
        reasons = more.pop("reasons", None)
        scores = more.pop("scores", {"spam": 0.03, "toxicity": 0.71, "insult": 0.83, "threat": 0.01})
        found = {name: more.pop(name) for name in ("signals", "spans", "facts", "cluster", "unsure", "language")
                 if name in more}  # fmt: skip
        with self.database.writing() as session:
            comment = lifecycle.receive(
                session,
                site_id=more.pop("site_id", self.site.id),
                vault=self.vault,
                now=at,
                body=body,
                name=more.pop("name", f"Reader {self.made}"),
                email=more.pop("email", f"reader{self.made}@example.org"),
                article=more.pop("article", {"id": "ferry", "url": "https://news.example/ferry",
                                             "title": "The night ferry is back", "section": "Town"}),
                **more,
            )  # fmt: skip
            judgement = Judgement(
                comment=comment,
                outcome=outcome,
                scores=scores,
                model="2026.11.1",
                reasons=reasons
                or [{"kind": "score", "name": "insult", "verdict": outcome, "value": 0.83, "threshold": 0.6,
                     "text": INSULT}],
                **found,
            )  # fmt: skip
            lifecycle.settle(session, [judgement], now=at)
        return comment

    def add_person(
        self, name: str = "Ana", *, role: str = "moderator", is_admin: bool = False, **more: Any
    ) -> Moderator:
        with self.database.writing() as session:
            person = sites.add_moderator(
                session,
                email=f"{name.lower()}@desk.example",
                name=name,
                password=PASSWORD,
                is_admin=is_admin,
                now=datetime.now(UTC),
            )
            if not is_admin:
                people.give_role(session, person.id, more.get("site_id", self.site.id), role)
        return person

    def close(self) -> None:
        """End the threads of the web door."""
        door = door_of(self.app)
        door.aside.stop()
        door.nudger.stop()

    def status_of(self, comment: Comment) -> str:
        with self.database.reading() as session:
            return session.get_one(Comment, comment.id).status

    def client_of(self, person: Moderator) -> Visitor:
        """A browser without JavaScript in which the person is signed in."""
        visitor = Visitor(self.app.test_client())
        page = visitor.get("/desk/sign-in")
        answer = visitor.post(
            "/desk/sign-in", {"email": person.email, "password": PASSWORD}, token=token_in(page.text)
        )
        assert answer.status_code == 303, answer.text
        visitor.get("/desk/keys")  # any page: it holds the token of the new session
        return visitor


@dataclass
class Visitor:
    """A client that reads the form token from the page before, as a browser does."""

    client: FlaskClient
    token: str = ""

    def get(self, address: str, **more: Any) -> Any:
        answer = self.client.get(address, **more)
        self.token = token_in(answer.text) or self.token
        return answer

    def post(
        self, address: str, form: Mapping[str, Any] | None = None, *, token: str | None = None, **more: Any
    ) -> Any:
        sent = {"csrf_token": self.token if token is None else token, **(form or {})}
        answer = self.client.post(address, data=sent, **more)
        self.token = token_in(answer.text) or self.token
        return answer


def token_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    return found.group(1) if found else ""


def open_desk(settings: Settings, database: Database) -> Desk:
    """The web door on a database, with one site."""
    app = create_app(settings, database)
    with database.writing() as session:
        site = sites.open_site(session, name="The Estuary Post", slug="estuary-post", now=datetime.now(UTC))
    return Desk(app=app, site=site, database=database, vault=door_of(app).vault)

"""Housekeeping by its own tasks, run in a worker's process as Celery runs them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from sqlalchemy import select

from moderation import lifecycle
from moderation.settings import Settings
from moderation.store import open_database
from moderation.tables import Comment, CommentText, Endpoint, Notice, Seal
from moderation.vault import vault_of
from tests.conftest import NOON, make_site
from tests.processes import ROOT
from tests.receiver import receiving


@pytest.fixture
def run(environment):
    """Run one task by its name in a fresh process, where the settings are read as a worker reads them."""

    def task(name, **more):
        code = f"from worker import app; app.loader.import_default_modules(); app.tasks[{name!r}]()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment, **more, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    return task


@pytest.fixture
def site(environment, sqlite_database):
    settings = Settings.from_environment(environment)
    vault = vault_of(settings.email_keys, settings.hash_key)
    with sqlite_database.writing() as session:
        site = make_site(session, vault, endpoint="https://news.example/webhooks")
        session.query(Endpoint).one().failing_since = NOON.replace(year=2025)
        comment = lifecycle.receive(
            session, site_id=site.id, vault=vault, now=NOON.replace(year=2025), name="A", email="a@example.com",
            body="b", ip="203.0.113.7",
        )  # fmt: skip
        lifecycle.decide(
            session, comment, action="approve", by_kind="moderator", by_id="m", now=NOON.replace(year=2025)
        )
        return comment.id


def test_a_notice_goes_out_once_to_a_real_receiver(run, site, sqlite_database):
    with receiving() as receiver:
        for _ in range(2):
            run("btl.watch", BTL_NOTIFY_URLS=f"json://{receiver.host}/notices")

        (got,) = receiver.got

    assert "have failed for 6 hours" in got.message["message"]
    with sqlite_database.reading() as session:
        assert session.scalars(select(Notice)).one().sent_at is not None


def test_a_notice_that_no_address_took_waits_for_the_next_turn(run, site, sqlite_database):
    run("btl.watch", BTL_NOTIFY_URLS="json://127.0.0.1:1/notices")

    with sqlite_database.reading() as session:
        assert session.scalars(select(Notice)).one().sent_at is None


def test_decisions_are_sealed_and_addresses_forgotten(run, site, sqlite_database):
    run("btl.seal")
    run("btl.retain")

    with sqlite_database.reading() as session:
        assert session.scalars(select(Seal)).one().count == 1
        assert session.get(Comment, site).ip is None


def test_what_came_in_is_taken_into_the_index_for_searches(run, environment, postgres_url):
    settings = Settings.from_environment(environment)
    vault = vault_of(settings.email_keys, settings.hash_key)
    database = open_database(postgres_url)
    with database.writing() as session:
        site = make_site(session, vault)
        lifecycle.receive(
            session,
            site_id=site.id,
            vault=vault,
            now=NOON,
            name="Ann",
            email="a@example.com",
            body="the ferry",
        )

    run("btl.index", BTL_DATABASE_URL=postgres_url)

    with database.reading() as session:
        assert session.scalars(select(CommentText.text)).all() == ["Ann the ferry"]
    database.engine.dispose()

"""Blogs that were promised an answer for later are called, by the task as Celery runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from moderation import jobs, lifecycle
from moderation.settings import Settings
from moderation.tables import ForeignCall
from moderation.vault import vault_of
from tests.conftest import make_site
from tests.processes import ROOT
from tests.receiver import answering, receiving


@pytest.fixture
def promised(environment, sqlite_database):
    """Promise an answer about a comment that was rejected just now: ``promised(url)``."""
    settings = Settings.from_environment(environment)
    vault = vault_of(settings.email_keys, settings.hash_key)

    def promise(url: str) -> None:
        now = datetime.now(UTC)
        with sqlite_database.writing() as session:
            site = make_site(session, vault)
            comment = lifecycle.receive(
                session, site_id=site.id, vault=vault, now=now, name="A", email="a@example.com", body="b",
                context={"akismet": {"guid": "g-1", "key": vault.encrypt("k12345678901"), "post": "7"}},
            )  # fmt: skip
            comment.status, comment.decided_at = "rejected", now
            session.add(
                ForeignCall(
                    id="g-1", site_id=site.id, key_id="k", protocol="akismet", operation="comment-check",
                    comment_id=comment.id, callback_url=url, created_at=now,
                )
            )  # fmt: skip

    return promise


def call_back(environment, **more):
    code = f"from worker import app; app.loader.import_default_modules(); app.tasks[{jobs.CALL_BACK!r}]()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment, **more, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_blog_is_called_again_until_it_answers(environment, promised):
    with receiving(answering(503)) as blog:
        promised(blog.url)
        allowed = {"BTL_WEBHOOK_ALLOWED_HOSTS": blog.host}

        call_back(environment, **allowed)
        blog.behave = answering(200, b'{"comments": {"g-1": {"status": "success"}}}')
        call_back(environment, **allowed)
        call_back(environment, **allowed)

    assert len(blog.got) == 2
    assert blog.got[1].message["comments"][0] == {
        "guid": "g-1",
        "result": "true",
        "comment_post_ID": "7",
        "comment_author_email": "a@example.com",
    }
    assert blog.got[1].headers["content-type"] == "application/json"


def test_nobody_is_called_inside_the_operators_network(environment, promised):
    with receiving() as inside:
        promised(inside.url)

        call_back(environment)

    assert inside.got == []

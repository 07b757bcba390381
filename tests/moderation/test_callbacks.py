"""Who is owed an answer that was promised for later, and what it says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from moderation import lifecycle
from moderation.callbacks import PATIENCE, claim_callbacks, give_back
from moderation.tables import Comment, ForeignCall
from tests.conftest import NOON, make_site

URL = "https://news.example/wp-json/akismet/v1/webhook"


@pytest.fixture
def deferred(session, vault) -> Comment:
    """A comment that waits at the desk for an Akismet caller."""
    site = make_site(session, vault)
    comment = lifecycle.receive(
        session,
        site_id=site.id,
        vault=vault,
        now=NOON,
        name="Ann",
        email="ann@example.org",
        body="Buy it at my page",
        context={"akismet": {"guid": "g-1", "key": vault.encrypt("k12345678901"), "post": "7"}},
    )
    session.add(
        ForeignCall(
            id="g-1",
            site_id=site.id,
            key_id="k",
            protocol="akismet",
            operation="comment-check",
            comment_id=comment.id,
            callback_url=URL,
            created_at=NOON,
        )
    )
    session.flush()
    return comment


def decide(comment: Comment, status: str) -> None:
    comment.status, comment.decided_at = status, NOON


def test_nobody_is_called_before_the_decision(session, vault, deferred):
    assert claim_callbacks(session, vault, now=NOON, limit=10) == []


@pytest.mark.parametrize(("status", "result"), [("rejected", "true"), ("approved", "false")])
def test_the_answer_is_akismets(session, vault, deferred, status, result):
    decide(deferred, status)

    (callback,) = claim_callbacks(session, vault, now=NOON, limit=10)

    assert callback.url == URL
    assert callback.document == {
        "key": "k12345678901",
        "endpoint": "comment-check",
        "comments": [
            {
                "guid": "g-1",
                "result": result,
                "comment_post_ID": "7",
                "comment_author_email": "ann@example.org",
            }
        ],
    }


def test_an_answer_is_owed_once_unless_it_was_not_reached(session, vault, deferred):
    decide(deferred, "approved")

    first = claim_callbacks(session, vault, now=NOON, limit=10)
    second = claim_callbacks(session, vault, now=NOON, limit=10)
    give_back(session, [one.call_id for one in first])
    third = claim_callbacks(session, vault, now=NOON, limit=10)

    assert (len(first), len(second), len(third)) == (1, 0, 1)


def test_a_blog_that_never_answers_is_left_alone_in_the_end(session, vault, deferred):
    decide(deferred, "approved")

    assert claim_callbacks(session, vault, now=NOON + PATIENCE + timedelta(seconds=1), limit=10) == []


def test_an_erased_comment_is_told_to_nobody(session, vault, deferred):
    decide(deferred, "approved")
    deferred.context = {}

    assert claim_callbacks(session, vault, now=NOON, limit=10) == []

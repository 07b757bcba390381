"""One batch through the worker's own steps: the shipped model, a site's lists and policy, copies and history."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from moderation import lifecycle, list_store, policies
from moderation.lists import Entry
from moderation.store import Database
from moderation.tables import Author, Comment, Decision, Fingerprint, Site
from moderation.vault import Vault
from tests.conftest import make_site
from worker import parts, tasks

PRAISE = (
    "Thank you for this careful report about the harbour, I learned a lot about the tides and the ferries."
)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, database: Database, vault: Vault) -> Site:
    monkeypatch.setattr(parts, "database", lambda: database)
    monkeypatch.setattr(parts, "vault", lambda: vault)
    with database.writing() as session:
        return make_site(session, vault)


@pytest.fixture
def judged(database: Database, vault: Vault, site: Site):
    """Send comments and let the worker judge them; what became of each, in order."""

    def send_and_score(*bodies: str, **more: object) -> list[Comment]:
        with database.writing() as session:
            ids = [
                lifecycle.receive(
                    session, site_id=site.id, vault=vault, now=datetime.now(UTC), name="Ann",
                    email=f"ann{i}@example.org", body=body, article={"id": "a1", "section": "harbour"}, **more,
                ).id
                for i, body in enumerate(bodies)
            ]  # fmt: skip
        assert tasks.score_once() == len(bodies)
        with database.reading() as session:
            return [session.get(Comment, one) for one in ids]

    return send_and_score


def fired(comment: Comment) -> set[str]:
    return {signal["name"] for signal in comment.signals}


def test_a_kind_comment_is_published_and_remembered(judged, database):
    (comment,) = judged(PRAISE)

    assert comment.status == "approved"
    assert comment.facts["around"]["author"] == {"first_comment": True}
    assert "Nothing crossed a line" in comment.reasons[0]["text"]
    with database.reading() as session:
        assert session.scalar(select(Fingerprint.comment_id).limit(1)) == comment.id


def test_a_blocked_word_of_the_site_rejects_with_the_reason(judged, database, site):
    with database.writing() as session:
        list_store.add(session, site.id, [Entry("blocked", "word", "harbour")], now=datetime.now(UTC))
        list_store.changed(session, site.id)

    (comment,) = judged(PRAISE.replace("harbour", "H4RB0UR"))

    assert comment.status == "rejected"
    assert comment.reasons[0]["text"] == "A blocked word: harbour"
    with database.reading() as session:
        decision = session.scalars(select(Decision).where(Decision.comment_id == comment.id)).one()
        assert (decision.by_kind, decision.reason_code) == ("policy", "BANNED_WORD")


def test_the_policy_of_the_section_is_in_force_and_named(judged, database, site):
    with database.writing() as session:
        saved = policies.save(
            session, site.id, {"moderation": "before"}, now=datetime.now(UTC), by="t", scope="section:harbour"
        )

    (comment,) = judged(PRAISE)

    assert (comment.status, comment.policy_id) == ("held", saved.id)


def test_a_shadow_policy_is_kept_beside_the_verdict(judged, database, site):
    with database.writing() as session:
        document = {"shadow": {"name": "tried", "preset": "pre-moderate"}}
        policies.save(session, site.id, document, now=datetime.now(UTC), by="t")

    (comment,) = judged(PRAISE)

    assert comment.status == "approved"
    assert [(one["name"], one["outcome"]) for one in comment.shadow["policies"]] == [("tried", "hold")]


def test_copies_in_one_batch_form_a_cluster(judged):
    comments = judged(*[f"{PRAISE} {sign}" for sign in ("!", "?", "...", "!!")])

    assert {comment.cluster for comment in comments} == {comments[0].id}
    assert "near_duplicate" in fired(comments[3]) | fired(comments[2]) or "duplicate" in fired(comments[3])


def test_the_forms_tell_tales_reach_the_verdict(judged):
    (comment,) = judged(PRAISE, context={"honeypot": "x", "form_seconds": 0.4})

    assert comment.status == "held"
    assert {"honeypot", "form_too_fast"} <= fired(comment)


@pytest.fixture
def exhausted(database: Database, vault: Vault, site: Site):
    """A comment that three workers could not score, after the sweep has found it."""

    def send_and_give_up(body: str = PRAISE, attempts: int = 3) -> Comment:
        with database.writing() as session:
            one = lifecycle.receive(
                session, site_id=site.id, vault=vault, now=datetime.now(UTC), name="Ann", email="ann0@example.org",
                body=body,
            ).id  # fmt: skip
            session.flush()
            session.get(Comment, one).attempts = attempts
        assert tasks.give_up_on_exhausted() == 1
        with database.reading() as session:
            return session.get(Comment, one)

    return send_and_give_up


def block_harbour(database: Database, site: Site) -> None:
    with database.writing() as session:
        list_store.add(session, site.id, [Entry("blocked", "word", "harbour")], now=datetime.now(UTC))
        list_store.changed(session, site.id)


def test_what_cannot_be_scored_goes_to_a_person(exhausted):
    comment = exhausted()

    assert comment.status == "held"
    assert "could_not_be_scored" in [reason["name"] for reason in comment.reasons]


@pytest.mark.parametrize("on_error", ["hold", "approve"])
def test_a_blocked_word_rejects_also_what_cannot_be_scored(exhausted, database, site, on_error):
    block_harbour(database, site)
    with database.writing() as session:
        policies.save(session, site.id, {"on_error": on_error}, now=datetime.now(UTC), by="t")

    comment = exhausted()

    assert comment.status == "rejected"
    assert comment.reasons[0]["text"] == "A blocked word: harbour"
    with database.reading() as session:
        decision = session.scalars(select(Decision).where(Decision.comment_id == comment.id)).one()
        assert decision.reason_code == "BANNED_WORD"


def test_a_banned_author_is_rejected_also_when_nothing_can_be_scored(exhausted, judged, database):
    judged(PRAISE)
    with database.writing() as session:
        for author in session.scalars(select(Author)):
            author.banned_until = datetime(2100, 1, 1, tzinfo=UTC)

    comment = exhausted()

    assert "banned_author" in fired(comment)
    assert comment.status == "rejected"


@pytest.mark.parametrize("attempts", [3, 4])
def test_a_text_that_breaks_the_lists_too_still_reaches_a_person(exhausted, monkeypatch, attempts):
    def broken(*_: object, **__: object) -> None:
        assert attempts == 3, "a look that took the worker along is not tried again"
        raise RecursionError

    monkeypatch.setattr(tasks.judging, "judge_unscored", broken)

    comment = exhausted(attempts=attempts)

    assert comment.status == "held"
    assert [reason["name"] for reason in comment.reasons] == ["could_not_be_scored"]

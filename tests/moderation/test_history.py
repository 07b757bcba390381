"""What is recalled around a batch, on both databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation import judging, lifecycle, opinion, policies
from moderation.policy_schema import ATTRIBUTES
from moderation.store import comment_of
from moderation.tables import Comment, Fingerprint, Site
from moderation.vault import Vault
from tests.conftest import make_site

PITCH = (
    "I was skeptical at first but Mrs Jane helped me recover my lost crypto and now I make five thousand "
    "dollars every week, you should contact her on telegram today"
)
RESPUN = PITCH.replace("Mrs Jane", "Mr Paul").replace("today", "right now").replace("dollars", "euros")
NEWS = "The council decided on Tuesday to keep the library open until a new building is found in the old town"


@dataclass
class Found:
    """A scorer's answer, as data."""

    scores: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ATTRIBUTES, 0.02))
    facts: dict[str, Any] = field(default_factory=lambda: {"links": []})
    model: str = "test"
    language: str = "en"
    language_supported: bool = True
    fast: dict[str, float] = field(default_factory=dict)
    deep: dict[str, float] | None = None


@pytest.fixture
def site(session: Session, vault: Vault) -> Site:
    return make_site(session, vault)


def send(session: Session, vault: Vault, site: Site, body: str, now: datetime, **more: Any) -> Comment:
    fields = {"name": "Ann", "email": "ann@example.org", "article": {"id": "a1"}, **more}
    return lifecycle.receive(session, site_id=site.id, vault=vault, now=now, body=body, **fields)


def settle(
    session: Session,
    vault: Vault,
    comments: list[Comment],
    now: datetime,
    found: Found | list[Found] | None = None,
) -> list[opinion.Judgement]:
    """One batch through the same steps as the worker's."""
    session.flush()
    for comment in comments:
        session.expunge(comment)
    ready = judging.prepare(session, comments, vault=vault, now=now)
    scored = found if isinstance(found, list) else [found or Found()] * len(comments)
    context = judging.recall(session, ready, scored, now=now)
    judgements = judging.judge_all(ready, scored, context, now=now)
    lifecycle.settle(session, judgements, now=now)
    judging.remember(session, context, judgements)
    return judgements


def names(judgement: opinion.Judgement) -> set[str]:
    return {signal["name"] for signal in judgement.signals}


def test_a_first_comment_is_seen_once(session: Session, vault: Vault, site: Site, now: datetime) -> None:
    first = settle(session, vault, [send(session, vault, site, NEWS, now)], now)[0]
    later = now + timedelta(hours=1)
    second = settle(session, vault, [send(session, vault, site, "Thanks, well said.", later)], later)[0]

    assert "first_comment" in names(first)
    assert "first_comment" not in names(second)


def test_a_copy_of_what_a_person_rejected_is_rejected(
    session: Session, vault: Vault, site: Site, now: datetime
) -> None:
    original = send(session, vault, site, PITCH, now)
    settle(session, vault, [original], now)
    locked = comment_of(session, site.id, original.id, lock=True)
    lifecycle.decide(session, locked, action="reject", by_kind="moderator", by_id="m1", now=now)
    session.flush()

    later = now + timedelta(minutes=1)
    copy = send(
        session, vault, site, RESPUN, later, name="Bob", email="bob@example.org", article={"id": "b2"}
    )
    judged = settle(session, vault, [copy], later)[0]

    assert judged.outcome == "reject"
    assert "like_rejected" in names(judged)
    assert judged.cluster == original.id
    assert session.scalar(select(Comment.cluster).where(Comment.id == original.id)) == original.id


def test_copies_in_one_batch_know_each_other(
    session: Session, vault: Vault, site: Site, now: datetime
) -> None:
    batch = [
        send(session, vault, site, PITCH, now + timedelta(seconds=i), name=f"N{i}", email=f"n{i}@example.org")
        for i in range(6)
    ]

    judged = settle(session, vault, batch, now)

    assert [one.cluster for one in judged] == [batch[0].id] * 6
    assert [("duplicate" in names(one)) for one in judged] == [False, False, True, True, True, True]
    rows = session.scalar(select(func.count()).select_from(Fingerprint))
    assert rows == 8  # one text is kept once, however many copies come


def test_what_only_resembles_is_no_copy(session: Session, vault: Vault, site: Site, now: datetime) -> None:
    other = (
        "The council decided on Monday to close the swimming pool, which nobody in the old town understands"
    )
    settle(session, vault, [send(session, vault, site, NEWS, now)], now)

    judged = settle(session, vault, [send(session, vault, site, other, now)], now)[0]

    assert judged.cluster is None


def test_a_flood_is_seen_by_author_and_address(
    session: Session, vault: Vault, site: Site, now: datetime
) -> None:
    batch = [
        send(session, vault, site, f"My opinion number {i} on this matter", now, ip="192.0.2.7")
        for i in range(20)
    ]

    judged = settle(session, vault, batch, now)

    assert {"flooding_author", "flooding_ip"} <= names(judged[-1])
    assert judged[-1].outcome == "hold"


def test_slow_mode_holds_the_author_who_comes_back_at_once(
    session: Session, vault: Vault, site: Site, now: datetime
) -> None:
    policies.save(session, site.id, {"slow_mode": {"seconds": 60}}, now=now, by="test")
    first = settle(session, vault, [send(session, vault, site, "Good idea", now)], now)[0]
    soon = now + timedelta(seconds=20)
    second = settle(session, vault, [send(session, vault, site, "Bad idea", soon)], soon)[0]
    late = now + timedelta(seconds=200)
    third = settle(session, vault, [send(session, vault, site, "No idea", late)], late)[0]

    assert [one.outcome for one in (first, second, third)] == ["approve", "hold", "approve"]
    assert "20 s after the author's last comment" in second.reasons[0]["text"]


def test_a_contact_that_was_only_ever_rejected_is_held(
    session: Session, vault: Vault, site: Site, now: datetime
) -> None:
    links = [
        {"url": "https://coin.example/x", "host": "coin.example", "domain": "coin.example", "where": "body"}
    ]
    spam = Found(scores={**Found().scores, "spam": 0.99}, facts={"links": links})
    for i in range(2):
        body = f"{'Great' if i else 'Lovely'} place to earn is https://coin.example/x"
        settle(session, vault, [send(session, vault, site, body, now)], now, spam)

    again = send(
        session, vault, site, "See for yourself, my friends: https://coin.example/x", now, name="Eve"
    )
    judged = settle(session, vault, [again], now, Found(facts={"links": links}))[0]

    assert "contact_rejected" in names(judged)
    assert judged.outcome == "hold"


SPUN = (
    "To be honest I was doubtful at first but Mrs Jane helped me get back my stolen coins and now I make five "
    "thousand euros weekly, you should contact her on telegram today"
)


def test_what_was_spun_from_the_template_of_a_rejected_text_is_held(
    session: Session, vault: Vault, site: Site, now: datetime
) -> None:
    spam = Found(scores={**Found().scores, "spam": 0.99})
    settle(session, vault, [send(session, vault, site, PITCH, now)], now, spam)

    stranger = send(session, vault, site, SPUN, now, name="Eve", email="eve@example.org")
    known = send(session, vault, site, SPUN.replace("telegram", "the phone"), now)
    other = send(session, vault, site, NEWS, now, name="Bob", email="bob@example.org")
    later = now + timedelta(minutes=1)
    held, quoting, ordinary = settle(session, vault, [stranger, known, other], later)

    assert held.outcome == "hold"
    assert "akin_to_rejected" in names(held)
    assert (quoting.outcome, ordinary.outcome) == ("approve", "approve")


def test_a_sure_rejection_speaks_against_its_copies_in_the_same_batch(
    session: Session, vault: Vault, site: Site, now: datetime
) -> None:
    batch = [
        send(session, vault, site, body, now, name=f"Reader {i}", email=f"r{i}@example.org")
        for i, body in enumerate((PITCH, RESPUN, SPUN, NEWS))
    ]
    sure = Found(scores={**Found().scores, "spam": 0.99})

    judged = settle(session, vault, batch, now, [sure, Found(), Found(), Found()])

    assert [one.outcome for one in judged] == ["reject", "reject", "hold", "approve"]
    assert "like_rejected" in names(judged[1])


def test_an_edit_is_looked_up_anew(session: Session, vault: Vault, site: Site, now: datetime) -> None:
    comment = send(session, vault, site, NEWS, now)
    settle(session, vault, [comment], now)
    edited = comment_of(session, site.id, comment.id, lock=True)
    lifecycle.edit(session, edited, body=PITCH, name=None, now=now + timedelta(minutes=1))

    settle(session, vault, [edited], now + timedelta(minutes=1))
    copy = settle(session, vault, [send(session, vault, site, RESPUN, now + timedelta(minutes=2))], now)[0]

    assert copy.cluster == comment.id

"""A change to the decision log shows, whoever made it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from moderation import lifecycle, sealing
from moderation.sealing import Break
from moderation.tables import Comment, Decision, Seal
from tests.conftest import NOON, make_site

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def sealed(database, vault):
    """Six decisions under two links."""
    with database.writing() as session:
        site = make_site(session, vault)
        for number in range(6):
            comment = lifecycle.receive(
                session, site_id=site.id, vault=vault, now=NOON, name="A", email="a@example.com", body="b"
            )
            lifecycle.decide(
                session, comment, action="reject", by_kind="moderator", by_id=f"m{number}", now=NOON
            )
    with database.writing() as session:
        assert sealing.seal(session, now=LATER, limit=4) == 4
    with database.writing() as session:
        assert sealing.seal(session, now=LATER, limit=4) == 2
    return database


def broken(database):
    with database.reading() as session:
        return [link.seal_id for link in sealing.verify(session) if isinstance(link, Break)]


def test_an_untouched_log_holds(sealed):
    with sealed.reading() as session:
        assert list(sealing.verify(session)) == [4, 2]
        assert sealing.unsealed(session) == 0


def test_nothing_to_seal_makes_no_link(sealed):
    with sealed.writing() as session:
        assert sealing.seal(session, now=LATER) == 0
        assert session.scalar(select(func.count(Seal.id))) == 2


def test_decisions_of_the_last_moments_wait(sealed, vault):
    with sealed.writing() as session:
        comment = session.scalars(select(Comment)).first()
        lifecycle.decide(session, comment, action="approve", by_kind="moderator", by_id="m", now=LATER)
        session.flush()

        assert sealing.seal(session, now=LATER + timedelta(seconds=30)) == 0
        assert sealing.seal(session, now=LATER + timedelta(minutes=5)) == 1


def test_a_changed_decision_shows(sealed):
    with sealed.writing() as session:
        first = session.scalar(select(func.min(Decision.id)))
        session.execute(update(Decision).where(Decision.id == first).values(by_id="someone else"))

    assert broken(sealed) == [1]


def test_a_removed_decision_shows(sealed):
    with sealed.writing() as session:
        last = session.scalar(select(func.max(Decision.id)))
        session.execute(delete(Decision).where(Decision.id == last))

    assert broken(sealed) == [2]


def test_a_link_made_anew_over_a_forgery_shows(sealed):
    with sealed.writing() as session:
        session.execute(update(Decision).where(Decision.seal_id == 1).values(seal_id=None))
        session.execute(delete(Seal).where(Seal.id == 1))

    assert broken(sealed) == [2]

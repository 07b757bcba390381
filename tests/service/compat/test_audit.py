"""What foreign callers asked is kept outside their requests, and a stuck disk costs rows, not answers."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from moderation.keys import issue_key
from moderation.store import Database
from moderation.tables import ForeignCall, Site, SiteKey, Usage
from service.compat import audit
from service.compat.audit import Audit, Call
from tests.conftest import NOON, make_site


@pytest.fixture
def caller(database: Database, vault) -> tuple[Site, SiteKey]:
    with database.writing() as session:
        site = make_site(session, vault)
        return site, issue_key(session, vault, site_id=site.id, kind="akismet", now=NOON)[0]


def call(caller: tuple[Site, SiteKey], **more) -> Call:
    return Call(
        *caller, "akismet", "comment-check", NOON, **{"blog": "a.example", "counts": ("spam",)} | more
    )


def calls_kept(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(ForeignCall)) or 0


def test_calls_and_their_counts_are_written_together(database, caller):
    kept = Audit(database)
    for blog in ("a.example", "a.example", "b.example"):
        kept.keep(call(caller, blog=blog), lambda work: True)

    kept.write()
    kept.keep(call(caller, counts=("ham",)), lambda work: True)
    kept.write()

    assert calls_kept(database) == 4
    with database.reading() as session:
        usage = session.scalars(select(Usage).order_by(Usage.blog)).all()
    assert [(one.blog, one.month, one.calls, one.spam, one.ham) for one in usage] == [
        ("a.example", "2026-11", 3, 2, 1),
        ("b.example", "2026-11", 1, 1, 0),
    ]


def test_many_blogs_are_counted_together(database, caller, monkeypatch):
    monkeypatch.setattr(audit, "MOST_BLOGS", 2)
    kept = Audit(database)
    for number in range(5):
        kept.keep(call(caller, blog=f"{number}.example"), lambda work: True)

    kept.write()

    with database.reading() as session:
        usage = session.scalars(select(Usage).order_by(Usage.blog)).all()
    assert sum(one.calls for one in usage) == 5
    assert len(usage) <= 3


def test_one_write_is_asked_for_while_one_is_outstanding(database, caller):
    asked = []
    kept = Audit(database)

    for _ in range(10):
        kept.keep(call(caller), lambda work: asked.append(work) or True)
    asked[0]()
    kept.keep(call(caller), lambda work: asked.append(work) or True)

    assert len(asked) == 2
    assert calls_kept(database) == 10


def test_a_row_that_no_database_takes_does_not_hold_up_the_others(database, caller):
    kept = Audit(database)
    for blog in ("a.example", "lone \ud800 surrogate", "b.example"):
        kept.keep(call(caller, blog=blog), lambda work: True)

    kept.write()

    assert calls_kept(database) == 2


def test_with_the_database_stuck_the_oldest_go_and_are_counted(database, caller, monkeypatch):
    monkeypatch.setattr(audit, "MOST_WAITING", 3)
    real, away = database.writing, threading.Event()
    away.set()

    @contextmanager
    def writing():
        if away.is_set():
            raise OperationalError("insert", {}, Exception("the disk is stuck"))
        with real() as session:
            yield session

    monkeypatch.setattr(database, "writing", writing)
    kept = Audit(database)
    before = audit.LOST._value.get()
    ids = []
    for _ in range(5):
        one = call(caller)
        ids.append(one.id)
        kept.keep(one, lambda work: True)
        kept.write()
    away.clear()
    kept.write()

    assert audit.LOST._value.get() - before == 2
    with database.reading() as session:
        assert sorted(session.scalars(select(ForeignCall.id))) == sorted(ids[2:])

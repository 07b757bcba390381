"""An erased person's words and addresses are nowhere, the decision log still holds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from moderation import complaints, erasure, lifecycle, retention, sealing
from moderation.opinion import Judgement
from moderation.store import open_database
from moderation.tables import Base, Comment, CommentText, Delivery, Event, Idempotency
from tests.conftest import NOON, make_site

LATER = NOON + timedelta(minutes=5)
WORDS = "Zirkonquark"


@pytest.fixture
def site(database, vault):
    with database.writing() as session:
        return make_site(session, vault, endpoint="https://news.example/webhooks")


def write(database, vault, site, *, email="ann@example.com", at=NOON, words=WORDS, **fields):
    with database.writing() as session:
        comment = lifecycle.receive(
            session, site_id=site.id, vault=vault, now=at, name=f"Ann {words}", email=email,
            body=f"My {words} is late.", ip="203.0.113.7", user_agent=f"Agent {words}",
            parent={"id": "p", "body": words}, **fields,
        )  # fmt: skip
    with database.writing() as session:
        lifecycle.settle(session, [Judgement(comment, "approve", [{"name": "x", "text": words}])], now=at)
    return comment.id


def erase(database, vault, site):
    with database.writing() as session:
        return erasure.erase_person(
            session,
            site_id=site.id,
            email_hash=vault.email_hash("ann@example.com"),
            by_kind="site",
            by_id="k",
            now=LATER,
        )


def dump(database):
    with database.reading() as session:
        return "\n".join(
            repr(tuple(row))
            for table in Base.metadata.sorted_tables
            for row in session.execute(text(f"select * from {table.name}"))
        )


def test_nothing_of_an_erased_person_is_left_in_any_table(database, vault, site):
    comment_id = write(database, vault, site, external_id="c-1")
    with database.writing() as session:
        comment = session.get(Comment, comment_id)
        lifecycle.edit(session, comment, body=f"Again: {WORDS}", name=None, now=LATER)
        complaints.report(session, comment, text=WORDS, now=LATER)

    with database.writing() as session:
        erased = erasure.erase_person(
            session,
            site_id=site.id,
            email_hash=vault.email_hash("ann@example.com"),
            by_kind="site",
            by_id="k",
            now=LATER,
        )

    assert erased.counts["comments"] == 1
    kept = dump(database)
    for secret in (WORDS, "203.0.113.7", vault.email_hash("ann@example.com")):
        assert secret not in kept


def test_the_bytes_are_gone_from_the_files(sqlite_database, vault, tmp_path):
    with sqlite_database.writing() as session:
        site = make_site(session, vault)
    write(sqlite_database, vault, site)
    files = lambda: b"".join(path.read_bytes() for path in tmp_path.glob("btl.sqlite3*"))  # noqa: E731
    assert WORDS.encode() in files()

    with sqlite_database.writing() as session:
        erasure.erase_person(
            session,
            site_id=site.id,
            email_hash=vault.email_hash("ann@example.com"),
            by_kind="site",
            by_id="k",
            now=LATER,
        )
    erasure.sweep_bytes(sqlite_database.engine)

    assert WORDS.encode() not in files()


def bytes_in_postgresql(database):
    """What stands in the files of all tables, their overflow and their indexes."""
    files = text(
        "select pg_read_binary_file(pg_relation_filepath(oid)) from pg_class where relkind in ('r', 't', 'i', 'm')"
        " and pg_relation_size(oid) > 0 and relnamespace::regnamespace::text in ('public', 'pg_toast')"
    )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CHECKPOINT")
        return b"".join(bytes(row[0]) for row in connection.execute(files))


def test_the_bytes_are_gone_from_postgresqls_files_as_well(postgres_url, vault):
    database = open_database(postgres_url)
    try:
        with database.writing() as session:
            site = make_site(session, vault, endpoint="https://news.example/webhooks")
        comment_id = write(database, vault, site)
        with database.writing() as session:
            session.execute(insert(CommentText).values(comment_id=comment_id, site_id=site.id, text=WORDS))
        other = write(database, vault, site, email="bob@example.com", words="Bob's own words")
        assert WORDS.encode() in bytes_in_postgresql(database)

        erase(database, vault, site)
        left = erasure.sweep_bytes(database.engine)

        assert left == []
        kept = bytes_in_postgresql(database)
        assert b"Bob's own words" in kept
        assert WORDS.encode() not in kept
        with database.reading() as session:
            assert session.get(Comment, other).status == "approved"
    finally:
        database.engine.dispose()


def test_a_table_that_is_large_or_busy_is_named_instead(postgres_url, vault, monkeypatch):
    monkeypatch.setattr(erasure, "REWRITTEN_BYTES", 0)
    database = open_database(postgres_url)
    try:
        with database.writing() as session:
            make_site(session, vault)

        assert erasure.sweep_bytes(database.engine) == [table.__tablename__ for table in erasure.HOLD_WORDS]
    finally:
        database.engine.dispose()


def test_answers_no_longer_quote_what_was_erased(database, vault, site):
    write(database, vault, site, external_id="c-1", article={"id": "ferry"})
    with database.writing() as session:
        answer = lifecycle.receive(
            session, site_id=site.id, vault=vault, now=NOON, name="Bob", email="bob@example.com", body="No.",
            parent={"id": "c-1", "body": f"My {WORDS} is late."}, article={"id": "ferry"},
        )  # fmt: skip

    erase(database, vault, site)

    with database.reading() as session:
        kept = session.get(Comment, answer.id)
        assert (kept.body, kept.parent_id, kept.parent_body) == ("No.", "c-1", "")


def test_the_site_is_told_and_what_waited_is_not_sent(database, vault, site):
    comment_id = write(database, vault, site)

    with database.writing() as session:
        erasure.erase_comment(session, session.get(Comment, comment_id), by_kind="site", by_id="k", now=LATER)

    with database.reading() as session:
        told = session.execute(
            select(Event.type, Delivery.status)
            .join(Delivery, Delivery.event_id == Event.id)
            .order_by(Event.sequence)
        ).all()
    assert [tuple(row) for row in told] == [("comment.approved", "cancelled"), ("comment.erased", "due")]


def test_another_persons_comments_stay(database, vault, site):
    write(database, vault, site, email="bob@example.com")

    with database.writing() as session:
        erased = erasure.erase_person(
            session,
            site_id=site.id,
            email_hash=vault.email_hash("ann@example.com"),
            by_kind="site",
            by_id="k",
            now=LATER,
        )

    assert erased.counts["comments"] == 0
    assert WORDS in dump(database)


def test_an_erasure_leaves_the_seal_whole(database, vault, site):
    comment_id = write(database, vault, site)
    with database.writing() as session:
        lifecycle.decide(
            session,
            session.get(Comment, comment_id),
            action="reject",
            by_kind="moderator",
            by_id="m",
            note=WORDS,
            now=NOON,
        )
    with database.writing() as session:
        assert sealing.seal(session, now=LATER) == 2

    with database.writing() as session:
        erasure.erase_comment(session, session.get(Comment, comment_id), by_kind="site", by_id="k", now=LATER)

    with database.reading() as session:
        assert list(sealing.verify(session)) == [2]
    assert WORDS not in dump(database)


def test_an_ip_is_kept_for_its_days_and_no_longer(database, vault, site):
    old = write(database, vault, site, at=NOON - timedelta(days=31))
    young = write(database, vault, site, at=NOON - timedelta(days=29))

    with database.writing() as session:
        assert retention.forget(session, now=NOON, ip_keep_days=30)["ips"] == 1

    with database.reading() as session:
        assert session.get(Comment, old).ip is None
        assert session.get(Comment, young).ip == "203.0.113.7"


def test_a_site_keeps_each_status_as_long_as_it_says(database, vault, site):
    with database.writing() as session:
        session.merge(site).options = {"retention_days": {"approved": 100}}
    old = write(database, vault, site, at=NOON - timedelta(days=101))
    write(database, vault, site, at=NOON - timedelta(days=99))

    with database.writing() as session:
        assert retention.forget(session, now=NOON, ip_keep_days=365)["comments"] == 1

    with database.reading() as session:
        assert session.get(Comment, old).status == "erased"


def test_old_keys_are_forgotten_in_batches(database, vault, site):
    with database.writing() as session:
        for number, hours in enumerate((1, 30, 50)):
            session.add(
                Idempotency(
                    site_id=site.id,
                    key=str(number),
                    request_digest="",
                    comment_id="",
                    created_at=NOON - timedelta(hours=hours),
                )
            )

    with database.writing() as session:
        assert retention.forget(session, now=NOON, ip_keep_days=30)["idempotency_keys"] == 2

"""One statement that is its own transaction, and what the next user of its connection finds."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select, text

from moderation.store import open_database
from moderation.tables import Heartbeat
from tests.conftest import NOON


@pytest.fixture
def narrow(database_url):
    """One connection, which everybody gets in turn."""
    options = {} if database_url.startswith("sqlite") else {"pool_size": 1, "max_overflow": 0}
    database = open_database(database_url, **options)
    yield database
    database.engine.dispose()


def beat(connection, part):
    connection.execute(insert(Heartbeat.__table__), {"part": part, "at": NOON, "detail": {}})


def parts(database):
    with database.reading() as session:
        return set(session.scalars(select(Heartbeat.part)))


def test_it_is_kept_when_the_statement_returns(narrow, database):
    with narrow.at_once() as connection:
        beat(connection, "kept")
        seen_by_others = parts(database)

    assert seen_by_others == (set() if narrow.is_sqlite else {"kept"})
    assert parts(database) == {"kept"}


def test_whoever_comes_next_writes_in_a_transaction_again(narrow):
    with narrow.at_once() as connection:
        beat(connection, "first")

    with narrow.engine.connect() as connection:
        beat(connection, "second")
        connection.rollback()

    assert parts(narrow) == {"first"}


def test_a_connection_that_the_server_ended_is_not_used_again(narrow, database):
    if narrow.is_sqlite:
        return  # a file has no server
    with narrow.at_once() as connection:
        own = connection.connection.driver_connection.info.backend_pid
        with database.writing() as session:
            session.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": own})

    with narrow.at_once() as connection:
        beat(connection, "after")

    assert parts(database) == {"after"}

"""The schema's history leads to the tables, on both databases, and a newer schema is not touched."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from moderation.migrations import SchemaFromTheFuture, current, newest, upgrade
from moderation.store import engine_for
from moderation.tables import Base, Json, UtcDateTime


def same_type(context, inspected_column, column, inspected_type, wanted_type):
    return False if isinstance(wanted_type, UtcDateTime) or wanted_type is Json else None


@pytest.fixture
def empty_database(tmp_path):
    return f"sqlite:///{tmp_path / 'btl.sqlite3'}"


def test_the_migrations_build_exactly_the_tables(empty_database):
    before = upgrade(empty_database)

    engine = engine_for(empty_database)
    with engine.connect() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": same_type}), Base.metadata
        )
        revision = current(connection)
    engine.dispose()
    assert before is None
    assert differences == [], "the tables changed: run `make migration`"
    assert revision == newest()


def test_a_second_upgrade_changes_nothing(empty_database):
    upgrade(empty_database)

    assert upgrade(empty_database) == newest()


def test_a_schema_of_a_newer_version_is_refused_and_left_alone(empty_database):
    upgrade(empty_database)
    engine = engine_for(empty_database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaFromTheFuture, match="9999"):
        upgrade(empty_database)

    with engine.connect() as connection:
        assert current(connection) == "9999"
    engine.dispose()

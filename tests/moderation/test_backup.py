"""A lost database comes back from its copy, on both databases; a damaged copy changes nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from moderation import backup, lifecycle
from moderation.backup import BackupRefused
from moderation.store import open_database
from moderation.tables import Base, Comment
from tests.conftest import NOON, make_site


@pytest.fixture
def filled(database_url, vault, tmp_path):
    database = open_database(database_url)
    with database.writing() as session:
        site = make_site(session, vault)
        comment = lifecycle.receive(
            session, site_id=site.id, vault=vault, now=NOON, name="Ann", email="ann@example.com", body="Late."
        )
    database.engine.dispose()
    (tmp_path / "secrets.json").write_text("{}")
    return database_url, comment.id


def lose(url, tmp_path):
    database = open_database(url)
    with database.engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(text(f"drop table {table.name}"))
        connection.execute(text("drop table alembic_version"))
    database.engine.dispose()
    (tmp_path / "secrets.json").unlink()


def body_of(url, comment_id):
    database = open_database(url)
    with database.reading() as session:
        found = session.get(Comment, comment_id).body
    database.engine.dispose()
    return found


def test_a_lost_database_comes_back(filled, tmp_path):
    url, comment_id = filled
    backup.write(url, tmp_path / "copy", data_dir=tmp_path, now=NOON)
    lose(url, tmp_path)

    backup.restore(url, tmp_path / "copy", data_dir=tmp_path, replace=url.startswith("sqlite"))

    assert body_of(url, comment_id) == "Late."
    assert (tmp_path / "secrets.json").read_text() == "{}"


def test_a_filled_database_is_replaced_only_when_told(filled, tmp_path):
    url, comment_id = filled
    backup.write(url, tmp_path / "copy", data_dir=tmp_path, now=NOON)
    database = open_database(url)
    with database.writing() as session:
        session.get(Comment, comment_id).body = "Changed."
    database.engine.dispose()

    with pytest.raises(BackupRefused, match="--replace"):
        backup.restore(url, tmp_path / "copy", data_dir=tmp_path)
    assert body_of(url, comment_id) == "Changed."

    backup.restore(url, tmp_path / "copy", data_dir=tmp_path, replace=True)
    assert body_of(url, comment_id) == "Late."


def test_a_damaged_copy_is_refused_before_anything_is_touched(filled, tmp_path):
    url, comment_id = filled
    manifest = backup.write(url, tmp_path / "copy", data_dir=tmp_path, now=NOON)
    copy = tmp_path / "copy" / manifest["database"]
    copy.write_bytes(copy.read_bytes()[:-10] + b"0123456789")

    with pytest.raises(BackupRefused, match="SHA-256"):
        backup.restore(url, tmp_path / "copy", data_dir=tmp_path, replace=True)

    assert body_of(url, comment_id) == "Late."


def test_a_second_backup_does_not_overwrite_the_first(filled, tmp_path):
    backup.write(filled[0], tmp_path / "copy", data_dir=tmp_path, now=NOON)

    with pytest.raises(BackupRefused, match="another folder"):
        backup.write(filled[0], tmp_path / "copy", data_dir=tmp_path, now=NOON)


def test_a_folder_without_a_backup_is_called_so(filled, tmp_path):
    with pytest.raises(BackupRefused, match="no backup"):
        backup.restore(filled[0], tmp_path, data_dir=tmp_path)


def test_a_backup_of_the_other_database_is_refused(sqlite_url, postgres_url, tmp_path):
    backup.write(sqlite_url, tmp_path / "copy", data_dir=tmp_path, now=NOON)

    with pytest.raises(BackupRefused, match="postgresql"):
        backup.restore(postgres_url, tmp_path / "copy", data_dir=tmp_path)

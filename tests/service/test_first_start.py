"""The first start puts in what is missing, can be repeated, and never replaces a key."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from examples.news_site import comments as news_site_comments
from moderation.keys import key_of
from moderation.people import person_by_password
from moderation.settings import Settings
from moderation.store import open_database
from moderation.tables import Endpoint, Moderator, Site, SiteKey
from service.first_start import (
    DatabaseRefused,
    NewsSiteDamaged,
    SecretsMissing,
    check_news_site,
    keep_all_secrets,
    prepare,
)

WEBHOOKS = "http://127.0.0.1:8001/webhooks"


def settings_for(data_dir, **more):
    return Settings.from_environment({"BTL_DATA_DIR": str(data_dir), **more})


def counts(settings):
    database = open_database(settings.database_url)
    with database.reading() as session:
        found = [
            session.scalar(select(func.count()).select_from(table))
            for table in (Site, SiteKey, Endpoint, Moderator)
        ]
    database.engine.dispose()
    return found


def test_a_site_with_its_keys_an_endpoint_and_somebody_at_the_desk(tmp_path, now):
    kept = keep_all_secrets(tmp_path)
    settings = settings_for(tmp_path)

    prepare(settings, kept, WEBHOOKS)

    database = open_database(settings.database_url)
    with database.reading() as session:
        for kind, name in (("site", "site_key"), ("akismet", "akismet_key"), ("coral", "coral_secret")):
            assert key_of(session, kept[name], kinds=[kind], now=now), name
        email, password = kept["moderator_email"], kept["moderator_password"]
        assert person_by_password(session, email=email, password=password).is_admin
    database.engine.dispose()


def test_a_second_start_adds_nothing_and_follows_a_news_site_that_moved(tmp_path):
    kept = keep_all_secrets(tmp_path)
    settings = settings_for(tmp_path)
    prepare(settings, kept, WEBHOOKS)

    prepare(settings, keep_all_secrets(tmp_path), "http://127.0.0.1:9001/webhooks")

    assert counts(settings) == [1, 3, 1, 1]
    database = open_database(settings.database_url)
    with database.reading() as session:
        assert session.scalar(select(Endpoint.url)) == "http://127.0.0.1:9001/webhooks"
    database.engine.dispose()


def test_a_database_without_its_keys_is_not_started_with_new_ones(tmp_path):
    (tmp_path / "btl.sqlite3").write_bytes(b"SQLite format 3\x00 and so on")

    with pytest.raises(SecretsMissing, match=r"holds a database but no secrets\.json"):
        keep_all_secrets(tmp_path)

    assert not (tmp_path / "secrets.json").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"this is not a database at all, " * 100, "file is not a database"),
        (None, "unable to open database file"),
    ],
)
def test_a_file_that_is_no_database_is_told_and_left_as_it_is(tmp_path, content, says):
    kept = keep_all_secrets(tmp_path)
    file = tmp_path / "foreign.sqlite3"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    with pytest.raises(DatabaseRefused, match=says):
        prepare(settings_for(tmp_path, BTL_DATABASE_URL=f"sqlite:///{file}"), kept, WEBHOOKS)

    assert content is None or file.read_bytes() == content


def test_a_database_that_was_cut_short_is_told_with_what_helps(tmp_path):
    kept = keep_all_secrets(tmp_path)
    settings = settings_for(tmp_path)
    prepare(settings, kept, WEBHOOKS)
    with (tmp_path / "btl.sqlite3").open("r+b") as file:
        file.truncate(20_000)

    with pytest.raises(DatabaseRefused, match="Put a backup back with `btl restore`"):
        prepare(settings, kept, WEBHOOKS)


def test_the_news_sites_file_is_looked_into_before_the_site_starts(tmp_path):
    file = tmp_path / "news-site.sqlite3"
    check_news_site(file)
    assert not file.exists()
    news_site_comments.prepare(file)
    check_news_site(file)
    with file.open("r+b") as cut:
        cut.truncate(5000)

    with pytest.raises(NewsSiteDamaged, match="Move it away"):
        check_news_site(file)

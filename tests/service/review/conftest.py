from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.desk import Desk, open_desk


@pytest.fixture
def desk(settings, sqlite_database) -> Iterator[Desk]:
    """A desk with one site and nothing to decide yet."""
    opened = open_desk(settings, sqlite_database)
    yield opened
    opened.close()


@pytest.fixture
def desk_on_both(environment, database_url, database) -> Iterator[Desk]:
    """The same on either database."""
    from moderation.settings import Settings

    opened = open_desk(Settings.from_environment({**environment, "BTL_DATABASE_URL": database_url}), database)
    yield opened
    opened.close()

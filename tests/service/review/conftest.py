from __future__ import annotations

import pytest

from tests.desk import Desk, open_desk


@pytest.fixture
def desk(settings, sqlite_database) -> Desk:
    """A desk with one site and nothing to decide yet."""
    return open_desk(settings, sqlite_database)


@pytest.fixture
def desk_on_both(environment, database_url, database) -> Desk:
    """The same on either database."""
    from moderation.settings import Settings

    return open_desk(Settings.from_environment({**environment, "BTL_DATABASE_URL": database_url}), database)

"""A site with an endpoint, on both databases, in a transaction that is never committed."""

import shutil
import uuid

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.store import open_database
from moderation.tables import Endpoint
from tests.conftest import make_site


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request, tmp_path_factory):
    """One database for all tests here: none of them commits."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("shared") / "btl.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        database = open_database(f"sqlite:///{path}")
        yield database
        database.engine.dispose()
        return
    server, template = (request.getfixturevalue(f"postgres_{name}") for name in ("server", "template"))
    name = f"btl_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'create database "{name}" template "{template}"')
        url = server.rsplit("/", 1)[0].replace("postgresql:", "postgresql+psycopg:")
        database = open_database(f"{url}/{name}")
        yield database
        database.engine.dispose()
        admin.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def session(shared):
    with Session(shared.engine, expire_on_commit=False) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def site(session, vault):
    return make_site(session, vault, endpoint="https://news.example/hooks")


@pytest.fixture
def endpoint(session, site):
    return session.scalars(select(Endpoint).where(Endpoint.site_id == site.id)).one()

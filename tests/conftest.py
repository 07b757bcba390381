"""Real parts for every test: both databases, Redis, Chromium. What is missing here is said aloud."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from moderation import logs, migrations
from moderation.settings import Settings
from moderation.store import Database, open_database
from moderation.tables import Base, Endpoint, Site, new_id
from moderation.vault import Vault, vault_of
from tests.cut_off import sitecustomize as outside

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
POSTGRES = os.environ.get("BTL_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("BTL_TEST_REDIS", "redis://127.0.0.1:6379")
CHROMIUM = os.environ.get("BTL_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_configure(config: pytest.Config) -> None:
    """Cut the tests and every Python process that they start off from the outside world."""
    if outside.KEPT not in os.environ:  # else another test process of this run has said so
        handle, path = tempfile.mkstemp(prefix="btl-cut-off-")
        os.close(handle)
        os.environ[outside.KEPT] = path
        config.add_cleanup(lambda: os.environ.pop(outside.KEPT, None))
    folders = [os.path.dirname(outside.__file__), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    outside.cut_off()


@pytest.fixture(autouse=True)
def nobody_outside_is_asked() -> Iterator[None]:
    """No third-party request, ever: not by the product, nor by a library that it uses."""
    kept = Path(os.environ[outside.KEPT])
    before = kept.stat().st_size
    yield
    with kept.open(encoding="utf-8") as tries:
        tries.seek(before)
        asked = tries.read()
    assert not asked, f"asked for the outside world:\n{asked}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI every part is there or was installed: a skipped test is a fault of the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") and (skipped := terminalreporter.stats.get("skipped")):
        terminalreporter.write_line(f"CI: {len(skipped)} skipped tests fail this run.", red=True)


@pytest.fixture
def now() -> datetime:
    return NOON


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The address of a running PostgreSQL where databases may be made."""
    try:
        with psycopg.connect(POSTGRES, connect_timeout=3):
            return POSTGRES
    except psycopg.OperationalError as error:
        pytest.skip(f"PostgreSQL does not answer at {POSTGRES} (BTL_TEST_POSTGRES): {error}")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """A database at the newest schema, copied for each test: a copy takes a tenth of a migration."""
    name = f"btl_template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'create database "{name}"')
    migrations.upgrade(_sqlalchemy(postgres_server, name))
    yield name
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture(scope="session")
def postgres_own(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The name of one database for this test process; emptied before each test, made anew when damaged."""
    name = f"btl_test_{uuid.uuid4().hex[:12]}"
    _make_anew(postgres_server, name, postgres_template)
    yield name
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str, postgres_own: str) -> str:
    """A PostgreSQL database of the test's own, empty and at the newest schema.

    Emptying one takes a tenth of making one.
    """
    if not _is_emptied(postgres_server, postgres_own):
        _make_anew(postgres_server, postgres_own, postgres_template)
    return _sqlalchemy(postgres_server, postgres_own)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "btl.sqlite3"
    migrations.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An SQLite database of the test's own, at the newest schema."""
    path = tmp_path / "btl.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same test on both databases."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """For tests where the database makes no difference."""
    opened = open_database(sqlite_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A writing session, committed when the test ends well."""
    with database.writing() as opened:
        yield opened


@pytest.fixture(scope="session")
def redis_server() -> str:
    """The address of a running Redis; take a database number of your own from `redis_url`."""
    try:
        redis.Redis.from_url(REDIS, socket_connect_timeout=3).ping()
    except redis.RedisError as error:
        pytest.skip(f"Redis does not answer at {REDIS} (BTL_TEST_REDIS): {error}")
    return REDIS


@pytest.fixture
def redis_url(redis_server: str, worker_id: str) -> Iterator[str]:
    """A Redis database that no other test process uses, empty before and after."""
    number = 1 + int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 1
    url = f"{redis_server}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def vault() -> Vault:
    return vault_of((Fernet.generate_key().decode(),), secrets.token_bytes(32))


@pytest.fixture
def environment(tmp_path: Path, sqlite_url: str) -> dict[str, str]:
    """BTL_ variables of a set-up of the test's own; add or replace what the test is about."""
    return {
        "BTL_DATA_DIR": str(tmp_path),
        "BTL_DATABASE_URL": sqlite_url,
        "BTL_REDIS_URL": "redis://127.0.0.1:1/0",
        "BTL_SECRET_KEY": secrets.token_hex(32),
        "BTL_EMAIL_KEYS": Fernet.generate_key().decode(),
        "BTL_HASH_KEY": secrets.token_hex(32),
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.from_environment(environment)


def make_site(
    session: Session, vault: Vault, *, slug: str = "daily-line", endpoint: str | None = None
) -> Site:
    """A site, with an endpoint when its address is given."""
    site = Site(id=new_id(), name=slug.replace("-", " ").title(), slug=slug, created_at=NOON, options={})
    session.add(site)
    session.flush()
    if endpoint:
        session.add(
            Endpoint(
                id=new_id(),
                site_id=site.id,
                url=endpoint,
                events=[],
                secret_encrypted=vault.encrypt("whsec_" + "c2VjcmV0" * 6),
                status="active",
                created_at=NOON,
            )
        )
        session.flush()
    return site


@pytest.fixture
def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to drive."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: apt-get install chromium (or BTL_TEST_CHROMIUM)")
    return CHROMIUM


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One Chromium for a whole test process: Playwright's synchronous side can be open only once in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                # A page that asks for anything elsewhere gets nothing, and says so in its console.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
            ],
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> Iterator[None]:
    """Log lines of threads that a test left behind must not stand in the next test's output; caplog has them."""
    with open(os.devnull, "w") as nowhere:
        logs.set_up("INFO", stream=nowhere)
        yield


def _sqlalchemy(server: str, name: str) -> str:
    return server.rsplit("/", 1)[0].replace("postgresql://", "postgresql+psycopg://") + f"/{name}"


def _make_anew(server: str, name: str, template: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'drop database if exists "{name}" with (force)')
        admin.execute(f'create database "{name}" template "{template}"')
        # Tests of durability start a server of their own; here a commit need not wait for the disk.
        admin.execute(f'alter database "{name}" set synchronous_commit = off')


def _is_emptied(server: str, name: str) -> bool:
    """Whether all tables could be emptied; not so after a test that dropped or locked some."""
    try:
        with psycopg.connect(server.rsplit("/", 1)[0] + f"/{name}") as connection:
            connection.execute("set lock_timeout = '3s'")
            connection.execute(
                "set session_replication_role = replica"
            )  # in any order, whoever refers to whom
            for table in Base.metadata.tables:
                connection.execute(f'delete from "{table}"')
            found = connection.execute("select version_num from alembic_version").fetchone()
            return found == (migrations.newest(),)
    except psycopg.Error:
        return False

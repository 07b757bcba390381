"""The schema's history (Alembic), run by ``btl up`` and by the one-shot ``migrate`` service of compose."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from moderation import search
from moderation.errors import Refused
from moderation.store import engine_for

# Any fixed number: PostgreSQL's advisory locks are named by one.
ADVISORY_LOCK = 0x62746C


class SchemaFromTheFuture(Refused):
    """The database was written by a newer version of the program, which this one cannot read.

    :param revision: the schema revision found.
    """

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database has schema {revision}, which this version does not know: "
            "run the newer version that wrote it, or restore a backup made before the upgrade."
        )
        self.revision = revision


def newest() -> str:
    """The schema revision that this version works with."""
    head = _scripts().get_current_head()
    if head is None:
        raise RuntimeError("the package holds no migrations")
    return head


def current(connection: Connection) -> str | None:
    """The schema revision of the database; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def upgrade(database_url: str) -> str | None:
    """Bring the database to the newest schema, in one transaction; two at once wait for each other.

    :returns: the revision it had before; None for an empty database.
    :raises SchemaFromTheFuture: when a newer version has been here.
    :raises sqlalchemy.exc.DBAPIError: when the database does not answer.
    """
    engine = engine_for(database_url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": ADVISORY_LOCK})
            before = current(connection)
            if before == newest():
                search.prepare(connection)
                return before
            known = {script.revision for script in _scripts().walk_revisions()}
            if before is not None and before not in known:
                raise SchemaFromTheFuture(before)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            search.prepare(connection)
            return before
    finally:
        engine.dispose()


def write_migration(message: str, revision: str) -> None:
    """Write the step from the newest schema to the tables as they stand now (``make migration``).

    The steps so far are applied to an empty SQLite database in memory, and the tables compared with it.

    :param message: what the step is for; it becomes the file's name.
    :param revision: its number, such as ``"0002"``.
    """
    engine = engine_for("sqlite:///:memory:")
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, message=message, rev_id=revision, autogenerate=True)
    engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())

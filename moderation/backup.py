"""Copy the database while it is used, and put a copy back.

SQLite: its own online backup API, one consistent snapshot. PostgreSQL: ``pg_dump`` and
``pg_restore`` in their custom format. Beside the copy lies a manifest with its SHA-256 and schema;
a copy that was damaged or belongs to a newer program is refused before anything is touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from moderation import migrations, search
from moderation.errors import Refused
from moderation.store import open_database

MANIFEST = "manifest.json"
SECRETS = "secrets.json"


class BackupRefused(Refused):
    """A backup cannot be made or put back; the sentence says why and what to do."""


def write(database_url: str, folder: Path, *, data_dir: Path, now: datetime) -> dict[str, Any]:
    """Copy the database, and the keys of the data folder if they are kept there.

    Without the keys no e-mail address can be read again, so they belong to the copy.

    :param folder: made if needed; must not hold a backup yet.
    :raises BackupRefused: a backup is there already, or the copy fails.
    :return: the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / MANIFEST).exists():
        raise BackupRefused(f"{folder} holds a backup already: name another folder.")
    url = make_url(database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    name = "database.sqlite3" if is_sqlite else "database.dump"
    if is_sqlite:
        _copy_sqlite(Path(str(url.database)), folder / name)
    else:
        _run_client("pg_dump", url, "--format=custom", "--no-owner", f"--file={folder / name}")
    if (data_dir / SECRETS).exists():
        shutil.copy2(data_dir / SECRETS, folder / SECRETS)
        os.chmod(folder / SECRETS, 0o600)
    os.chmod(folder / name, 0o600)
    database = open_database(database_url)
    with database.engine.connect() as connection:
        schema = migrations.current(connection)
    database.engine.dispose()
    manifest = {
        "made_at": now.isoformat(),
        "database": name,
        "kind": "sqlite" if is_sqlite else "postgresql",
        "schema": schema,
        "sha256": _sha256(folder / name),
        "bytes": (folder / name).stat().st_size,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def restore(database_url: str, folder: Path, *, data_dir: Path, replace: bool = False) -> dict[str, Any]:
    """Put a copy back, bring its schema up to date.

    :param replace: a database that holds something is replaced only when this is said.
    :raises BackupRefused: no backup, a damaged one, one of the other kind, or a database that is in the way.
    :return: the manifest.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        copy = folder / Path(str(manifest["database"])).name
        expected = str(manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupRefused(f"{folder} holds no backup: its {MANIFEST} is missing or damaged.") from None
    if not copy.exists() or _sha256(copy) != expected:
        raise BackupRefused(
            f"{copy} is not the file that was written: its SHA-256 differs. Use another copy."
        )
    url = make_url(database_url)
    kind = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
    if manifest.get("kind") != kind:
        raise BackupRefused(f"This is a backup of {manifest.get('kind')}, and BTL_DATABASE_URL names {kind}.")
    kept = data_dir / SECRETS
    theirs = folder / SECRETS
    if theirs.exists() and kept.exists() and kept.read_bytes() != theirs.read_bytes() and not replace:
        raise BackupRefused(f"{kept} holds other keys than the backup: say --replace to use the backup's.")
    if kind == "sqlite":
        _restore_sqlite(copy, Path(str(url.database)), replace=replace)
    else:
        _restore_postgresql(copy, database_url, url, replace=replace)
    if theirs.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        shutil.copy2(theirs, kept)
        os.chmod(kept, 0o600)
    migrations.upgrade(database_url)
    return dict(manifest)


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise BackupRefused(f"There is no database at {source}.")
    origin, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        origin.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        origin.close()
        copy.close()


def _restore_sqlite(copy: Path, target: Path, *, replace: bool) -> None:
    if target.exists() and target.stat().st_size and not replace:
        raise BackupRefused(f"{target} is there already: stop the program and say --replace to replace it.")
    beside = target.with_suffix(".restoring")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(copy, beside)
    for suffix in ("-wal", "-shm"):  # of the old database: applied to the new one they would damage it
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    os.replace(beside, target)


def _restore_postgresql(copy: Path, database_url: str, url: Any, *, replace: bool) -> None:
    database = open_database(database_url)
    with database.engine.connect() as connection:
        is_filled = migrations.current(connection) is not None
    database.engine.dispose()
    if is_filled and not replace:
        raise BackupRefused("The database holds tables already: stop the program and say --replace.")
    # The index for searches is made anew afterwards: its extension may belong to an administrator.
    lines = _run_client("pg_restore", url, "--list", str(copy)).splitlines()
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        wanted.writelines(
            f"{line}\n" for line in lines if " EXTENSION " not in line and search.INDEX not in line
        )
        wanted.flush()
        _run_client(
            "pg_restore", url, "--no-owner", "--exit-on-error", "--single-transaction",
            "--clean", "--if-exists", f"--use-list={wanted.name}", f"--dbname={url.database}", str(copy),
        )  # fmt: skip


def _run_client(program: str, url: Any, *arguments: str) -> str:
    """Run PostgreSQL's own client; the password travels in its environment, where `ps` does not show it."""
    path = shutil.which(program)
    if path is None:
        raise BackupRefused(f"{program} is not installed: apt-get install postgresql-client.")
    environment = {
        **os.environ,
        **{
            name: str(value)
            for name, value in (
                ("PGHOST", url.host),
                ("PGPORT", url.port),
                ("PGUSER", url.username),
                ("PGPASSWORD", url.password),
                ("PGDATABASE", url.database),
            )
            if value is not None
        },
    }
    done = subprocess.run([path, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupRefused(f"{program} failed: {done.stderr.strip().splitlines()[-1:] or 'no reason given'}")
    return done.stdout


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

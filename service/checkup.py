"""What ``btl doctor`` looks at: each check answers with a finding and what to do about it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from moderation.redis_address import client_of
from moderation.settings import Settings, SettingsFaults, unknown_variables

SOUND, DOUBTFUL, BROKEN = "sound", "doubtful", "broken"
LEAST_DISK_BYTES = 1_000_000_000
LEAST_MEMORY_BYTES = 1_000_000_000
OLDEST_POSTGRESQL = 15
OLDEST_REDIS = (6, 2)
STALE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    :param about: in one or two words.
    :param state: sound, doubtful (works, but not as it should) or broken.
    :param says: what was found.
    :param advice: what to do about it; empty when sound.
    """

    about: str
    state: str
    says: str
    advice: str = ""


def sound(about: str, says: str) -> Finding:
    """As it should be."""
    return Finding(about, SOUND, says)


def doubtful(about: str, says: str, advice: str) -> Finding:
    """It works, but not as it should."""
    return Finding(about, DOUBTFUL, says, advice)


def broken(about: str, says: str, advice: str) -> Finding:
    """It cannot work like this."""
    return Finding(about, BROKEN, says, advice)


def findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything, in the order in which one thing needs the other."""
    for name in unknown_variables(environ):
        yield doubtful("settings", f"{name} is no setting", "Correct it; docs/settings.md lists them all.")
    try:
        settings = Settings.from_environment(environ)
    except SettingsFaults as faults:
        for fault in faults.faults:
            yield broken("settings", fault, "See docs/settings.md.")
        return
    yield sound("settings", "every setting can be used")
    for check in (_folder, _machine, _database, _redis, _model):
        try:
            yield from check(settings)
        except Exception as fault:  # a check-up that stops half way helps nobody
            yield broken(check.__name__.strip("_"), f"{type(fault).__name__}: {fault}", "")


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as fault:
        yield broken("data folder", f"{folder}: {fault.strerror}", "Make it writable, or set BTL_DATA_DIR.")
        return
    free = shutil.disk_usage(folder).free
    if free < LEAST_DISK_BYTES:
        yield doubtful(
            "data folder",
            f"{folder}: {free / 1e6:.0f} MB free",
            "Free some disk: comments are kept on it.",
        )
    else:
        yield sound("data folder", f"{folder}: writable, {free / 1e9:.0f} GB free")
    secrets = folder / "secrets.json"
    if secrets.exists() and secrets.stat().st_mode & 0o077:
        yield broken("secrets", f"{secrets} can be read by others", f"chmod 600 {secrets}")


def _machine(_settings: Settings) -> Iterator[Finding]:
    memory = psutil.virtual_memory().available
    says = f"{os.cpu_count()} cores, {memory / 1e9:.1f} GB of memory available"
    if memory < LEAST_MEMORY_BYTES:
        yield doubtful("machine", says, "The whole stack takes about 0.7 GB: make room for it.")
    else:
        yield sound("machine", says)


def _database(settings: Settings) -> Iterator[Finding]:
    from sqlalchemy import make_url, text
    from sqlalchemy.exc import DBAPIError

    from moderation import migrations
    from moderation.store import engine_for

    where = make_url(settings.database_url).render_as_string(hide_password=True)
    path = make_url(settings.database_url).database or ""
    if settings.database_url.startswith("sqlite") and not Path(path).exists():
        yield doubtful("database", f"{where} does not exist yet", "`btl up` makes it at its first start.")
        return
    engine = engine_for(settings.database_url)
    try:
        with engine.connect().execution_options(reading=True) as connection:
            found = migrations.current(connection)
            if connection.dialect.name == "postgresql":
                version = int((connection.dialect.server_version_info or (0,))[0])
                if version < OLDEST_POSTGRESQL:
                    yield broken("database", f"PostgreSQL {version}", "Upgrade it to 15 or newer.")
            if found == migrations.newest():
                yield sound("database", f"{where}, schema {found}")
                yield from _heartbeats(connection.execute(text("SELECT part, at FROM heartbeats")).all())
            else:
                yield broken(
                    "database",
                    f"{where} has schema {found or 'none'}, this version needs {migrations.newest()}",
                    "Run `btl migrate` (it is also what the `migrate` service of compose does).",
                )
    except DBAPIError as fault:
        reason = str(fault.orig).strip().splitlines()[0]
        yield broken("database", f"{where}: {reason}", "Check BTL_DATABASE_URL and that the server runs.")
    finally:
        engine.dispose()


def _heartbeats(rows: Sequence[Any]) -> Iterator[Finding]:
    if not rows:
        yield doubtful("workers", "no worker has ever run", "Start them: `btl up`, or docker compose up.")
    for part, at in rows:
        seen = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
        age = datetime.now(UTC) - (seen if seen.tzinfo else seen.replace(tzinfo=UTC))
        if age > STALE:
            yield broken(
                part,
                f"last seen at work {age.total_seconds():,.0f} s ago",
                "Look at the worker's log.",
            )
        else:
            yield sound(part, f"at work {max(0, age.total_seconds()):.0f} s ago")


def _redis(settings: Settings) -> Iterator[Finding]:
    import redis

    client = client_of(settings.redis_url, settings.redis_master, timeout=3)
    try:
        server = client.info("server")
        policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except redis.RedisError as fault:
        start = (
            "`btl up` starts it."
            if settings.embeds_broker
            else "Check BTL_REDIS_URL and that the server runs."
        )
        yield broken("redis", f"does not answer: {fault}", start)
        return
    finally:
        client.close()
    version = str(server["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        yield broken("redis", f"version {version}", "Upgrade it to 6.2 or newer.")
    elif policy != "noeviction":
        yield doubtful(
            "redis",
            f"maxmemory-policy is {policy}",
            "Set it to noeviction: it may drop jobs when full.",
        )
    else:
        yield sound("redis", f"version {server.get('valkey_version', version)}")


def _model(_settings: Settings) -> Iterator[Finding]:
    from models.scorer import Scorer, Text

    scorer = Scorer.load()
    scored = scorer.score([Text("Thank you, that was well written.")])[0]
    yield sound("model", f"version {scorer.version}, {len(scored.scores)} attributes")

"""What a worker process makes once: its database, its vault, its scorer."""

from __future__ import annotations

from functools import cache

from models.scorer import Scorer
from moderation.store import Database, open_database
from moderation.vault import Vault, vault_of
from worker.celery import settings


@cache
def database() -> Database:
    return open_database(settings.database_url)


@cache
def vault() -> Vault:
    return vault_of(settings.email_keys, settings.hash_key)


@cache
def scorer() -> Scorer:
    """The shipped champion. Its weights are memory-mapped, so that all processes share them."""
    return Scorer.load()


def forget() -> None:
    """Make everything anew in a forked child."""
    database.cache_clear()
    scorer.cache_clear()

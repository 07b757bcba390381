"""What a worker process makes once: its database, its vault, its scorer, the sites' own models."""

from __future__ import annotations

from functools import cache, lru_cache

from models.artifact import ArtifactRefused
from models.scorer import Scorer
from models.site_model import SiteModel
from moderation.logs import log_of
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


@lru_cache(maxsize=64)
def site_model(version: str) -> SiteModel | None:
    """A site's own model by its version; a new one is another version, so nothing is ever reloaded.

    :return: None for one that is missing, half-written or was changed: the shipped model goes on alone.
    """
    try:
        return SiteModel.load(settings.data_dir / "models" / version)
    except ArtifactRefused as refused:
        log_of(__name__).error("site_model_refused", version=version, reason=str(refused))
        return None


def forget() -> None:
    """Make everything anew in a forked child."""
    database.cache_clear()
    scorer.cache_clear()

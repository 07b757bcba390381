"""What a worker process makes once: its database, its vault, its scorer, the sites' own models."""

from __future__ import annotations

from functools import cache

from models.scorer import Scorer
from models.shelf import Shelf
from models.site_model import SiteModel
from moderation import learning
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


@cache
def site_models() -> Shelf:
    """The sites' own models, by version."""

    def refused(version: str, reason: str) -> None:
        log_of(__name__).error("site_model_refused", version=version, reason=reason)

    return Shelf(settings.data_dir / "models", scorer().version, refused)


def deciding_model(site_id: str, version: str) -> SiteModel | None:
    """The model named for a site, or the one before it where its file is refused."""

    def earlier() -> list[str]:
        with database().reading() as session:
            return learning.earlier(session, site_id, version)

    return site_models().deciding(site_id, version, earlier)


def forget() -> None:
    """Make everything anew in a forked child."""
    database.cache_clear()
    scorer.cache_clear()
    site_models.cache_clear()

"""What a command needs of the process it runs in: settings, database, vault, and which site is meant."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property

import click
from sqlalchemy import select

from moderation.settings import Settings
from moderation.store import Database, open_database
from moderation.tables import Site
from moderation.vault import Vault, vault_of


@dataclass(frozen=True)
class Terminal:
    """One for each run of a command."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        return open_database(self.settings.database_url)

    @cached_property
    def vault(self) -> Vault:
        return vault_of(self.settings.email_keys, self.settings.hash_key)

    def site(self, slug: str | None) -> Site:
        """The site that was named, or the only one there is.

        :raises click.UsageError: none of that name, or several and none named.
        """
        with self.database.reading() as session:
            sites = list(session.scalars(select(Site).order_by(Site.slug)))
        found = [site for site in sites if slug in (None, site.slug, site.id)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(site.slug for site in sites) or "none yet; add one with `btl sites add`"
        if slug is None:
            raise click.UsageError(f"Say which site with --site. Sites here: {names}.")
        raise click.UsageError(f"There is no site “{slug}”. Sites here: {names}.")


def opened() -> Terminal:
    """:raises moderation.settings.SettingsFaults: with every fault of the environment."""
    return Terminal(Settings.from_environment(os.environ))

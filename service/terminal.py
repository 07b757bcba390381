"""What a command needs of the process it runs in: settings, database, vault, and which site is meant."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
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


def show(
    rows: Sequence[Mapping[str, Any]] | Mapping[str, Any], *, as_json: bool, none: str = "There are none."
) -> None:
    """Print one thing or things of one kind: for people, or as one JSON document for scripts.

    :param rows: column -> value; all with the same columns.
    :param none: said to people when there are no rows.
    """
    if as_json:
        click.echo(json.dumps(rows, default=_as_json, ensure_ascii=False, indent=1))
    elif isinstance(rows, Mapping):
        for name, value in rows.items():
            if text := _as_text(value):
                click.echo(f"{name.replace('_', ' ')}: {text}")
    elif not rows:
        click.echo(none)
    else:
        table = Table(*(name.replace("_", " ") for name in rows[0]), box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*(Text(_as_text(value)) for value in row.values()))
        # A pipe has no width: never cut what another program reads.
        Console(width=None if sys.stdout.isatty() else 400).print(table)


def _as_json(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _as_text(value: Any) -> str:
    """One line; what strangers wrote must not steer the terminal."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list | tuple):
        return ", ".join(map(_as_text, value))
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else " " for char in text)

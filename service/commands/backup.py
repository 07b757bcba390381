"""Copy the database and the keys, while everything runs."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from moderation import backup
from moderation.settings import Settings


@click.command("backup")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> None:
    """Copy the database and the keys into FOLDER, while everything runs.

    Keep the copy as safe as the database: it holds readers' words, and with the keys their addresses.
    """
    settings = Settings.from_environment(os.environ)
    try:
        manifest = backup.write(
            settings.database_url, folder, data_dir=settings.data_dir, now=datetime.now(UTC)
        )
    except backup.BackupRefused as refused:
        raise click.ClickException(str(refused)) from None
    click.echo(f"{manifest['bytes']:,} bytes written to {folder}; put back with `btl restore {folder}`.")

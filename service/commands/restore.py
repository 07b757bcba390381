"""Put a backup back."""

from __future__ import annotations

import os
from pathlib import Path

import click

from moderation import backup
from moderation.settings import Settings


@click.command("restore")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--replace", is_flag=True, help="Replace a database that holds something. Stop the program first."
)
def command(folder: Path, replace: bool) -> None:
    """Put the backup in FOLDER back, and bring its schema up to date."""
    settings = Settings.from_environment({**os.environ, **_keys_of(folder)})
    try:
        manifest = backup.restore(settings.database_url, folder, data_dir=settings.data_dir, replace=replace)
    except backup.BackupRefused as refused:
        raise click.ClickException(str(refused)) from None
    click.echo(f"The backup of {manifest['made_at']} is back.")


def _keys_of(folder: Path) -> dict[str, str]:
    """On a new machine there are no keys yet: the settings are read with those of the backup."""
    from moderation.kept import kept_secrets
    from moderation.settings import variable

    data_dir = Path(os.environ.get("BTL_DATA_DIR", "").strip() or "var").expanduser().absolute()
    try:
        if kept_secrets(data_dir):
            return {}
        kept = kept_secrets(folder)
    except ValueError as fault:
        raise click.ClickException(str(fault)) from None
    names = ("secret_key", "email_keys", "hash_key")
    return {
        variable(name): kept[name] for name in names if name in kept and not os.environ.get(variable(name))
    }

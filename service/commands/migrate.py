"""Bring the database to the newest schema (compose runs it once before everything else)."""

from __future__ import annotations

import os

import click

from moderation.settings import Settings


@click.command("migrate")
def command() -> None:
    """Bring the database to the newest schema. Safe to repeat, and from several machines at once."""
    from sqlalchemy.exc import SQLAlchemyError

    from moderation import migrations
    from service.first_start import DatabaseRefused

    settings = Settings.from_environment(os.environ)
    try:
        before = migrations.upgrade(settings.database_url)
    except SQLAlchemyError as fault:
        raise DatabaseRefused(settings.database_url, fault) from None
    newest = migrations.newest()
    if before == newest:
        click.echo(f"The database is at schema {newest} already.")
    else:
        click.echo(f"The database went from schema {before or 'none'} to {newest}.")

"""Issue, list, rotate and revoke keys."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import select

from moderation import keys, rotation
from moderation.errors import NotFound
from moderation.sites import SCOPES
from moderation.tables import SiteKey
from service.terminal import opened, show


@click.group("keys")
def command() -> None:
    """Issue, list, rotate and revoke keys."""


@command.command("issue")
@click.option("--site", "slug", help="The site's short name; needed when there are several.")
@click.option("--kind", type=click.Choice(keys.KINDS), default="site", show_default=True)
@click.option("--label", default="", help="What it is for.")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, help="Without any, all.")
@click.option("--origin", "origins", multiple=True, help="For a publishable key: https://www.example.org")
@click.option("--days", type=click.IntRange(1, 36_500), help="It is refused after so many days.")
@click.option("--ask-secret", is_flag=True, help="For Coral: ask for (or read) the secret that it shows.")
@click.option("--json", "as_json", is_flag=True)
def issue(
    slug: str | None,
    kind: str,
    label: str,
    scopes: tuple[str, ...],
    origins: tuple[str, ...],
    days: int | None,
    ask_secret: bool,
    as_json: bool,
) -> None:
    """Issue a key. It is shown this once; only its digest is kept."""
    if (kind == "publishable") != bool(origins):
        raise click.UsageError("A publishable key needs --origin, and no other kind takes one.")
    if ask_secret and kind != "coral":
        raise click.UsageError("--ask-secret goes with --kind coral; every other key is drawn here.")
    # never an argument: those stand in the shell's history and in the list of processes
    given = _asked() if ask_secret else None
    if given is not None and len(given) < 16:
        raise click.UsageError("That is too short for a secret of Coral's; copy the whole of it.")
    house, now = opened(), datetime.now(UTC)
    site = house.site(slug)
    with house.database.writing() as session:
        row, secret = keys.issue_key(
            session,
            house.vault,
            site_id=site.id,
            now=now,
            kind=kind,
            label=label,
            scopes=scopes or None,
            origins=origins,
            secret=given,
        )
        row.expires_at = now + timedelta(days=days) if days else None
    show({"key": secret, **_row(row)}, as_json=as_json)


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Coral's secret", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


@command.command("list")
@click.option("--site", "slug")
@click.option("--json", "as_json", is_flag=True)
def list_keys(slug: str | None, as_json: bool) -> None:
    """List a site's keys, revoked ones included."""
    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        rows = session.scalars(select(SiteKey).where(SiteKey.site_id == site.id).order_by(SiteKey.id))
        show([_row(row) for row in rows], as_json=as_json)


@command.command("revoke")
@click.argument("key_id")
@click.option("--site", "slug")
def revoke(key_id: str, slug: str | None) -> None:
    """Refuse a key, by its id, within seconds."""
    house = opened()
    site = house.site(slug)
    with house.database.writing() as session:
        keys.revoke_key(session, site.id, key_id, now=datetime.now(UTC))
    click.echo("Revoked.")


@command.command("rotate")
@click.argument("key_id")
@click.option("--site", "slug")
@click.option("--overlap-hours", type=click.IntRange(0, 8_760), default=24, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def rotate(key_id: str, slug: str | None, overlap_hours: int, as_json: bool) -> None:
    """Issue a key with the same rights; the old one is refused after the overlap."""
    house, now = opened(), datetime.now(UTC)
    site = house.site(slug)
    with house.database.writing() as session:
        old = session.scalar(select(SiteKey).where(SiteKey.id == key_id, SiteKey.site_id == site.id))
        if old is None or old.revoked_at is not None:
            raise NotFound("key")
        row, secret = keys.issue_key(
            session,
            house.vault,
            site_id=site.id,
            now=now,
            kind=old.kind,
            label=old.label,
            scopes=old.scopes,
            origins=old.origins,
        )
        old.expires_at = now + timedelta(hours=overlap_hours)
    show({"key": secret, **_row(row)}, as_json=as_json)


@command.command("rotate-email")
def rotate_email() -> None:
    """Put every e-mail address and stored secret under the first key of BTL_EMAIL_KEYS.

    Put the new key before the old one, restart, run this, then take the old one away. It can be stopped and
    run again; everything keeps working meanwhile.
    """
    house = opened()
    console = Console(stderr=True)
    with house.database.reading() as session:
        total = rotation.count(session)
    done = 0
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Rows", total=total)
        for table in rotation.tables():
            after: tuple[str, ...] | None = None
            while True:
                try:
                    with house.database.writing() as session:
                        count, after = rotation.rotate(session, house.vault, table, after)
                except ValueError as fault:
                    raise click.ClickException(f"In {table.name}: {fault}") from None
                done += count
                progress.advance(task, count)
                if after is None:
                    break
    click.echo(f"{done:,} rows are under the first key now.")


def _row(row: SiteKey) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "begins_with": row.prefix + "…",
        "label": row.label,
        "scopes": row.scopes,
        "origins": row.origins,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }

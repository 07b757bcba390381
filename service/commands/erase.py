"""Erase a person: their comments, record, labels and what was sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
from sqlalchemy import func, or_, select

from moderation import erasure
from moderation.tables import Comment, Site
from service.terminal import opened


@click.command("erase")
@click.option("--email", help="The person's e-mail address.")
@click.option("--author", help="The site's own id of the author.")
@click.option("--site", "slug", help="On this site only; without it, on every site.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True)
def command(email: str | None, author: str | None, slug: str | None, yes: bool, as_json: bool) -> None:
    """Erase a person (GDPR Article 17). It cannot be undone; backups made before still hold the data."""
    if not email and not author:
        raise click.UsageError("Say whom: --email or --author.")
    house = opened()
    email_hash = house.vault.email_hash(email) if email else None
    with house.database.reading() as session:
        sites = [house.site(slug)] if slug else list(session.scalars(select(Site)))
        whose = []
        if email_hash:
            whose.append(Comment.email_hash == email_hash)
        if author:
            whose.append(Comment.author_identity == f"id:{author}")
        count = session.scalar(
            select(func.count(Comment.id)).where(
                Comment.site_id.in_([site.id for site in sites]), or_(*whose)
            )
        )
    if not yes and not click.confirm(f"Erase this person with {count:,} comments? It cannot be undone."):
        raise SystemExit(1)
    total: dict[str, int] = {}
    for site in sites:
        with house.database.writing() as session:
            erased = erasure.erase_person(
                session,
                site_id=site.id,
                email_hash=email_hash,
                author_id=author,
                by_kind="system",
                by_id="btl erase",
                now=datetime.now(UTC),
            )
        for noun, number in erased.counts.items():
            total[noun] = total.get(noun, 0) + number
    left = erasure.sweep_bytes(house.database.engine)
    if as_json:
        click.echo(json.dumps(total))
    else:
        click.echo("Erased: " + ", ".join(f"{number} {noun}" for noun, number in total.items()) + ".")
    if left:
        click.echo(
            "The rows are gone. Their bytes may stand on freed pages of large or busy tables until something "
            f"else is written there; in a quiet hour, run: VACUUM FULL {', '.join(left)};",
            err=True,
        )

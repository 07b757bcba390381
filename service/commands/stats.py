"""Numbers of a site: what came, what became of it, what waits."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click
from sqlalchemy import func, select

from moderation.statistics import PERIODS, numbers_of
from moderation.tables import Comment
from service.terminal import opened, show


@click.command("stats")
@click.option("--days", type=click.Choice([str(days) for days in PERIODS]), default="7", show_default=True)
@click.option("--site", "slug", help="The site's short name; needed when there are several.")
@click.option("--json", "as_json", is_flag=True)
def command(days: str, slug: str | None, as_json: bool) -> None:
    """Show what came in the last days, what became of it, and what waits."""
    house, now = opened(), datetime.now(UTC)
    site = house.site(slug)
    with house.database.reading() as session:
        numbers = numbers_of(session, [site.id], days=int(days), now=now)
        counted = select(Comment.status, func.count()).where(Comment.site_id == site.id)
        # Not dict(): a result has keys(), and would be taken for a mapping.
        standing = {status: count for status, count in session.execute(counted.group_by(Comment.status))}  # noqa: C416
    if as_json:
        document = {"site": site.slug, "days": int(days), "now": standing, **asdict(numbers)}
        click.echo(json.dumps(document, default=str))
        return
    click.echo(f"{site.name}, last {days} days")
    show(
        [{"what": name.replace("_", " "), "count": count} for name, count in numbers.totals.items()],
        as_json=False,
    )
    click.echo("Where all comments stand now")
    show([{"status": name, "comments": count} for name, count in standing.items()], as_json=False)
    if numbers.failing:
        click.echo("Deliveries that fail")
        show(
            [{"endpoint": url, "failed": failed, "dead": dead} for url, failed, dead in numbers.failing],
            as_json=False,
        )

"""The year's transparency report, and statements of reasons for the EU's database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from moderation import statements, transparency
from service.terminal import opened


@click.group("transparency")
def command() -> None:
    """The year's transparency report, and statements of reasons for the EU's database."""


@command.command("report")
@click.option("--year", type=click.IntRange(2000, 2999), required=True)
@click.option("--site", "slug", help="The site's short name; needed when there are several.")
@click.option("--json", "as_json", is_flag=True)
def report(year: int, slug: str | None, as_json: bool) -> None:
    """Count a year: comments, restrictions, notices and appeals (DSA Articles 15 and 24)."""
    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        found = transparency.report_of(
            session,
            site.id,
            since=datetime(year, 1, 1, tzinfo=UTC),
            until=datetime(year + 1, 1, 1, tzinfo=UTC),
        )
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{site.name}, {year}: {found['comments_received']:,} comments received")
    for name in ("restrictions", "notices", "appeals"):
        click.echo(f"{name.capitalize()}:")
        for key, value in found[name].items():
            click.echo(f"  {key.replace('_', ' ')}: {'–' if value is None else value}")


@command.command("statements")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--site", "slug", help="The site's short name; needed when there are several.")
def write_statements(file: Path, since: datetime, until: datetime, slug: str | None) -> None:
    """Write the restrictions of a period to FILE as JSON lines of the EU Transparency Database's schema."""
    house = opened()
    site = house.site(slug)
    count = 0
    with house.database.reading() as session, file.open("w", encoding="utf-8") as out:
        for decision, comment in statements.restrictions_between(
            session, site.id, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
        ):
            row = statements.database_row(session, comment, decision, site)
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    click.echo(f"{count:,} statements written to {file}. The database takes up to 100 in one call.")

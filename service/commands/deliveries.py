"""List webhook deliveries, look into one, send again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from moderation import endpoints
from moderation.tables import Delivery, Event
from service.terminal import opened, show

SITE = click.option("--site", "slug", help="The site's short name; needed when there are several.")
JSON = click.option("--json", "as_json", is_flag=True)


@click.group("deliveries")
def command() -> None:
    """List webhook deliveries, look into one, send again."""


@command.command("list")
@click.option("--status", type=click.Choice(["due", "delivered", "dead", "cancelled"]))
@click.option("--endpoint", "endpoint_id")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@SITE
@JSON
def list_deliveries(
    status: str | None, endpoint_id: str | None, limit: int, slug: str | None, as_json: bool
) -> None:
    """List a site's deliveries, newest first."""
    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        rows = endpoints.deliveries_of(session, site.id, status=status, endpoint_id=endpoint_id, limit=limit)
    show([_row(*row) for row in rows], as_json=as_json)


@command.command("show")
@click.argument("delivery_id")
@SITE
@JSON
def show_delivery(delivery_id: str, slug: str | None, as_json: bool) -> None:
    """Show one delivery and every attempt."""
    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        row = endpoints.delivery_of(session, site.id, delivery_id)
        event = session.get_one(Event, row.event_id)
        tries = [
            {
                "number": one.number,
                "started_at": one.started_at,
                "duration_ms": one.duration_ms,
                "status_code": one.status_code,
                "error": one.error,
            }
            for one in endpoints.attempts_of(session, row)
        ]
    if as_json:
        show({**_row(row, event), "attempts": tries}, as_json=True)
    else:
        show(_row(row, event), as_json=False)
        show(tries, as_json=False, none="Not tried yet.")


@command.command("replay")
@click.argument("delivery_id")
@SITE
def replay(delivery_id: str, slug: str | None) -> None:
    """Send one delivery again, under the same id."""
    house = opened()
    site = house.site(slug)
    with house.database.writing() as session:
        row = endpoints.delivery_of(session, site.id, delivery_id, lock=True)
        endpoints.replay(session, row, now=datetime.now(UTC))
    click.echo("It is due again; the delivery worker sends it within seconds.")


@command.command("recover")
@click.option("--endpoint", "endpoint_id", help="Only this one; without it, every active one.")
@click.option("--hours", type=click.IntRange(1, 8_760), required=True, help="How far back.")
@SITE
def recover(endpoint_id: str | None, hours: int, slug: str | None) -> None:
    """Send again what an endpoint missed, oldest first."""
    house, now = opened(), datetime.now(UTC)
    site = house.site(slug)
    with house.database.writing() as session:
        chosen = (
            [endpoints.endpoint_of(session, site.id, endpoint_id, lock=True)]
            if endpoint_id
            else [row for row in endpoints.registered(session, site.id) if row.status == "active"]
        )
        since = now - timedelta(hours=hours)
        count = sum(endpoints.recover(session, one, since=since, now=now) for one in chosen)
    click.echo(f"{count:,} deliveries are due again.")


def _row(row: Delivery, event: Event) -> dict[str, Any]:
    return {
        "id": row.id,
        "event": event.type,
        "comment": event.comment_id,
        "endpoint": row.endpoint_id,
        "status": row.status,
        "attempts": row.attempts_made,
        "due_at": row.due_at,
        "finished_at": row.finished_at,
        "last_error": row.last_error,
    }

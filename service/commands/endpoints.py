"""Register, list, change and try out endpoints for webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from moderation import endpoints
from moderation.tables import Endpoint
from moderation.targets import Targets
from service.terminal import Terminal, opened, show

SITE = click.option("--site", "slug", help="The site's short name; needed when there are several.")
JSON = click.option("--json", "as_json", is_flag=True)


@click.group("endpoints")
def command() -> None:
    """Register, list, change and try out endpoints for webhooks."""


@command.command("add")
@click.argument("url")
@click.option("--event", "events", multiple=True, help="An event type wanted; without any, all.")
@click.option("--description", default="")
@SITE
@JSON
def add(url: str, events: tuple[str, ...], description: str, slug: str | None, as_json: bool) -> None:
    """Register URL for a site's events. The secret is shown this once."""
    house = opened()
    site = house.site(slug)
    with house.database.writing() as session:
        row, secret = endpoints.create(
            session,
            house.vault,
            site_id=site.id,
            url=url,
            now=datetime.now(UTC),
            check=_check(house),
            events=events,
            description=description,
        )
    show({"secret": secret, **_row(row)}, as_json=as_json)


@command.command("list")
@SITE
@JSON
def list_endpoints(slug: str | None, as_json: bool) -> None:
    """List a site's endpoints and how they fare."""
    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        show([_row(row) for row in endpoints.registered(session, site.id)], as_json=as_json)


@command.command("set")
@click.argument("endpoint_id")
@click.option("--url")
@click.option("--event", "events", multiple=True)
@click.option("--description")
@click.option("--status", type=click.Choice(["active", "disabled"]))
@SITE
@JSON
def set_endpoint(
    endpoint_id: str,
    url: str | None,
    events: tuple[str, ...],
    description: str | None,
    status: str | None,
    slug: str | None,
    as_json: bool,
) -> None:
    """Change an endpoint; `--status active` enables it again."""
    house = opened()
    site = house.site(slug)
    with house.database.writing() as session:
        row = endpoints.endpoint_of(session, site.id, endpoint_id, lock=True)
        endpoints.patch(
            session,
            row,
            now=datetime.now(UTC),
            check=_check(house),
            url=url,
            events=events or None,
            description=description,
            status=status,
        )
    show(_row(row), as_json=as_json)


@command.command("rotate")
@click.argument("endpoint_id")
@click.option("--overlap-hours", type=click.IntRange(0, 168), default=24, show_default=True)
@SITE
@JSON
def rotate(endpoint_id: str, overlap_hours: int, slug: str | None, as_json: bool) -> None:
    """Give an endpoint a new secret; for the overlap, both sign."""
    house = opened()
    site = house.site(slug)
    with house.database.writing() as session:
        row = endpoints.endpoint_of(session, site.id, endpoint_id, lock=True)
        secret = endpoints.rotate(
            session, house.vault, row, now=datetime.now(UTC), overlap_seconds=overlap_hours * 3600
        )
    show({"secret": secret, "old_one_signs_until": row.previous_until}, as_json=as_json)


@command.command("ping")
@click.argument("endpoint_id")
@SITE
def ping(endpoint_id: str, slug: str | None) -> None:
    """Have a test event sent to an endpoint; `btl deliveries show` tells what came of it."""
    house = opened()
    site = house.site(slug)
    with house.database.writing() as session:
        row = endpoints.endpoint_of(session, site.id, endpoint_id, lock=True)
        delivery = endpoints.ping(session, row, now=datetime.now(UTC))
    click.echo(f"It is due; see: btl deliveries show {delivery.id}")


@command.command("delete")
@click.argument("endpoint_id")
@SITE
def delete(endpoint_id: str, slug: str | None) -> None:
    """Remove an endpoint; what was delivered stays listed."""
    house = opened()
    site = house.site(slug)
    with house.database.writing() as session:
        row = endpoints.endpoint_of(session, site.id, endpoint_id, lock=True)
        endpoints.delete(session, row, now=datetime.now(UTC))
    click.echo("Removed.")


def _check(house: Terminal) -> Any:
    return Targets(house.settings.webhook_allowed_hosts).check


def _row(row: Endpoint) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events or ["all"],
        "status": row.status,
        "disabled_reason": row.disabled_reason,
        "failing_since": row.failing_since,
        "failures": row.failures,
        "description": row.description,
    }

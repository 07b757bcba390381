"""Open sites, list them, set their options."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import flag_modified

from moderation import sites
from moderation.store import site_of
from moderation.tables import Site
from service.terminal import opened, show


@click.group("sites")
def command() -> None:
    """Open sites, list them, set their options."""


@command.command("add")
@click.argument("name")
@click.option("--slug", help="Short name for commands and addresses; made from the name when not given.")
@click.option("--url", default="", help="The site's own address.")
@click.option("--language", default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def add(name: str, slug: str | None, url: str, language: str, as_json: bool) -> None:
    """Open a site. Give it a key next: `btl keys issue --site SLUG`."""
    slug = slug or "-".join("".join(char if char.isalnum() else " " for char in name.lower()).split())
    if not slug or len(slug) > 80 or not slug.replace("-", "").isalnum():
        raise click.UsageError("A short name has letters, digits and dashes: give one with --slug.")
    house = opened()
    try:
        with house.database.writing() as session:
            site = sites.open_site(
                session, name=name, slug=slug, url=url, language=language, now=datetime.now(UTC)
            )
    except IntegrityError:
        raise click.ClickException(f"There is a site “{slug}” already.") from None
    show(_row(site), as_json=as_json)


@command.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_sites(as_json: bool) -> None:
    """List every site."""
    with opened().database.reading() as session:
        rows = [_row(site) for site in session.scalars(select(Site).order_by(Site.slug))]
    show(rows, as_json=as_json, none="No site yet: add one with `btl sites add NAME`.")


@command.command("set")
@click.argument("slug")
@click.argument("options", nargs=-1, metavar="NAME=VALUE...")
def set_options(slug: str, options: tuple[str, ...]) -> None:
    """Set options of a site, such as limits.per_key=600 or limits.body=2000.

    Dots lead into groups. A value is JSON, else taken as text; an empty one removes the option. Without any,
    the options are shown. docs/settings.md lists them.
    """
    changes = []
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise click.UsageError(f"“{option}” is not NAME=VALUE.")
        changes.append((name.split("."), _value(value)))
    house = opened()
    found = house.site(slug)
    with house.database.writing() as session:
        site = site_of(session, found.id)
        for path, value in changes:
            _put(site.options, path, value)
        flag_modified(site, "options")
        click.echo(json.dumps(site.options, indent=1, ensure_ascii=False))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(options: dict[str, Any], path: list[str], value: Any) -> None:
    *groups, last = path
    for name in groups:
        inner = options.setdefault(name, {})
        if not isinstance(inner, dict):
            raise click.UsageError(f"“{name}” is no group of options.")
        options = inner
    if value == "":
        options.pop(last, None)
    else:
        options[last] = value


def _row(site: Site) -> dict[str, Any]:
    return {
        "slug": site.slug,
        "name": site.name,
        "id": site.id,
        "url": site.url,
        "language": site.language,
        "created_at": site.created_at,
    }

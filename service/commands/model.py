"""A site's own model: train it, list the versions, promote one, roll back; the shipped model's training."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console

from moderation import jobs, learning
from moderation.errors import Refused
from moderation.tables import Site
from service.terminal import Terminal, opened

PATIENCE_SECONDS = 180


@click.group("model")
def command() -> None:
    """A site's own model, and the shipped one."""


_site = click.option("--site", "slug", help="The site's short name; needed when there are several.")
_json = click.option("--json", "as_json", is_flag=True)


@command.command("train")
@_site
@click.option("--promote", is_flag=True, help="Let it decide at once if it passes the gate.")
@click.option("--auto/--no-auto", default=None, help="Train by itself from now on, or no more.")
@_json
def train(slug: str | None, promote: bool, auto: bool | None, as_json: bool) -> None:
    """Ask the running worker to train a site's model on its moderators' decisions.

    The new model is a challenger: it scores beside the champion and decides nothing until it is promoted.
    """
    house = opened()
    site = house.site(slug)
    asked = datetime.now(UTC)
    with house.database.writing() as session:
        row = session.get(Site, site.id)
        assert row is not None
        wish = {**(row.options.get("learning") or {}), "asked_at": asked.isoformat(), "promote": promote}
        if auto is not None:
            wish["auto"] = auto
        row.options = {**row.options, "learning": wish}
    _nudge(house)
    console = Console(stderr=True, quiet=as_json)
    with console.status("Training …"):
        said = _answer(house, site.id, asked)
    if said is None:
        raise click.ClickException(
            "No worker answered. Is the program running (`btl up`, or the score service)? "
            "The wish is kept: a worker that starts later will see it."
        )
    _tell(house, site.id, said, as_json)


@command.command("list")
@_site
@_json
def list_versions(slug: str | None, as_json: bool) -> None:
    """List a site's models, newest first, with how each did at the gate."""
    house = opened()
    _tell(house, house.site(slug).id, None, as_json)


@command.command("promote")
@click.argument("version")
@_site
@click.option("--force", is_flag=True, help="Against the gate.")
def promote_version(version: str, slug: str | None, force: bool) -> None:
    """Let a VERSION decide for its site. Workers take it up at once."""
    house = opened()
    site = house.site(slug)
    try:
        with house.database.writing() as session:
            learning.promote(session, site.id, version, by="btl", now=datetime.now(UTC), force=force)
    except Refused as refused:
        raise click.ClickException(str(refused)) from None
    click.echo(f"{version} decides for {site.name} now. `btl model rollback` goes back.")


@command.command("rollback")
@_site
def roll_back(slug: str | None) -> None:
    """Go back to the model before this one."""
    house = opened()
    site = house.site(slug)
    try:
        with house.database.writing() as session:
            row = learning.rollback(session, site.id, by="btl", now=datetime.now(UTC))
            version = row.version if row else None
    except Refused as refused:
        raise click.ClickException(str(refused)) from None
    click.echo(f"{version or 'The shipped model alone'} decides for {site.name} now.")


@command.command("evaluate", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def evaluate(arguments: tuple[str, ...]) -> None:
    """Measure the shipped model (as `make evaluate`)."""
    raise SystemExit(subprocess.call([sys.executable, "-m", "models.evaluate", *arguments]))


def _nudge(house: Terminal) -> None:
    from celery import Celery

    try:
        with Celery("btl", broker=house.settings.broker_url) as app:
            app.send_task(jobs.LEARN, queue=jobs.QUEUES[jobs.LEARN], expires=PATIENCE_SECONDS)
    except Exception as error:
        raise click.ClickException(f"The broker does not answer ({type(error).__name__}).") from None


def _answer(house: Terminal, site_id: str, asked: datetime) -> str | None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with house.database.reading() as session:
            site = session.get(Site, site_id)
            wish: dict[str, Any] = (site.options.get("learning") or {}) if site else {}
        if str(wish.get("answered_at") or "") > asked.isoformat():
            return str(wish.get("says"))
        time.sleep(0.5)
    return None


def _tell(house: Terminal, site_id: str, said: str | None, as_json: bool) -> None:
    with house.database.reading() as session:
        rows = learning.versions_of(session, site_id)
    if as_json:
        listed = [
            {
                "version": row.version,
                "status": row.status,
                "labels": row.labels,
                "gate": row.gate,
                "created_at": row.created_at.isoformat(),
                "promoted_at": row.promoted_at and row.promoted_at.isoformat(),
            }
            for row in rows
        ]
        click.echo(json.dumps({"says": said, "models": listed}, indent=1))
        return
    if said:
        click.echo(said)
    if not rows:
        click.echo("No model of its own yet: the shipped one decides.")
    for row in rows:
        click.echo(f"{row.version}  {row.status:<10} {row.labels:>6} decisions")
        for name, line in row.gate.items():
            interval = f" {line['interval']}" if "interval" in line else ""
            mark = "passed" if line["passed"] else "FAILED"
            click.echo(f"    {name:<10} {mark}  {line['value']} (bound {line['bound']}){interval}")

"""Check the sealed decision log."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import func, select

from moderation import sealing
from moderation.tables import Seal
from service.terminal import opened


@click.group("audit")
def command() -> None:
    """Check the sealed decision log."""


@command.command("verify")
@click.option("--json", "as_json", is_flag=True)
def verify(as_json: bool) -> None:
    """Walk the whole chain; exit 1 where a decision was changed, removed or added afterwards."""
    house = opened()
    console = Console(stderr=True)
    decisions, breaks, links = 0, [], 0
    with (
        house.database.reading() as session,
        Progress(console=console, disable=as_json or not console.is_terminal) as bar,
    ):
        task = bar.add_task("Links", total=session.scalar(select(func.count(Seal.id))))
        for found in sealing.verify(session):
            links += 1
            if isinstance(found, sealing.Break):
                breaks.append(found)
            else:
                decisions += found
            bar.advance(task)
        waiting = sealing.unsealed(session)
    if as_json:
        listed = [{"seal": found.seal_id, "says": found.says} for found in breaks]
        click.echo(
            json.dumps({"links": links, "decisions": decisions, "unsealed": waiting, "breaks": listed})
        )
    else:
        for found in breaks:
            click.echo(f"Link {found.seal_id}: {found.says}.")
        click.echo(
            f"{links:,} links, {decisions:,} decisions hold, {len(breaks)} broken, {waiting:,} unsealed."
        )
    if breaks:
        raise SystemExit(1)


@command.command("seal")
def seal_now() -> None:
    """Seal what is not sealed yet, without waiting for the clock."""
    house = opened()
    total = 0
    while True:
        with house.database.writing() as session:
            count = sealing.seal(session, now=datetime.now(UTC))
        total += count
        if not count:
            break
    click.echo(f"{total:,} decisions sealed.")

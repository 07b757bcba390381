"""Fill the database with many invented comments, to try it at size."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import click
import yaml
from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

from moderation import seeding
from service.terminal import opened


@click.command("seed")
@click.option("--comments", type=click.IntRange(1, 100_000_000), default=10_000, show_default=True)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The same number gives the same comments."
)
@click.option("--site", "slug", help="The site's short name; needed when there are several.")
def command(comments: int, seed: int, slug: str | None) -> None:
    """Store invented, already judged comments; never on a real site, they cannot be told apart later."""
    house = opened()
    site = house.site(slug)
    with resources.files("service").joinpath("demo_comments.yaml").open(encoding="utf-8") as stream:
        texts = [comment["body"] for comment in yaml.load(stream, Loader=yaml.CSafeLoader)]
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Comments", total=comments)
        seeding.seed(
            house.database,
            site_id=site.id,
            vault=house.vault,
            comments=comments,
            texts=texts,
            now=datetime.now(UTC),
            seed=seed,
            progress=lambda stored: progress.update(task, completed=stored),
        )
    click.echo(f"{comments:,} comments stored for {site.name}.")

"""Bring an archive of another comment system in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from service.terminal import opened

FORMATS = ("wordpress", "disqus", "coral", "isso", "remark42", "csv", "jsonl")


@click.command("import")
@click.argument("archive", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="Which system wrote it.")
@click.option("--site", "slug", help="The site's short name; needed when there are several.")
@click.option("--bad-rows", type=click.Path(dir_okay=False, path_type=Path), help="Write the bad rows here.")
@click.option("--no-labels", is_flag=True, help="Do not let the model learn from the old decisions.")
@click.option("--json", "as_json", is_flag=True, help="Print the tally as JSON.")
def command(
    archive: Path, form: str, slug: str | None, bad_rows: Path | None, no_labels: bool, as_json: bool
) -> None:
    """Bring an ARCHIVE of another comment system in; run it again to go on after a stop.

    wordpress: a WXR file (Tools → Export). disqus: the XML export. coral: mongoexport of the comments, or a
    folder with comments.json, users.json and stories.json of it.
    isso: comments.db. remark42: a backup. csv, jsonl: what `btl export` writes.
    """
    from moderation.archives import FORMATS as READERS
    from moderation.archives.archived import NotAnArchive
    from moderation.importing import Imported, import_archive

    if archive.is_dir() and form != "coral":
        raise click.UsageError(f"{archive} is a folder; only an export of Coral may be one.")
    house = opened()
    site = house.site(slug)
    tally = Imported()
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, disable=as_json or not console.is_terminal) as progress:
            task = progress.add_task("Reading…", total=None)
            for tally in import_archive(
                house.database,
                READERS[form](archive),
                site=site,
                vault=house.vault,
                origin=form,
                now=datetime.now(UTC),
                labels=not no_labels,
            ):
                said = f"{tally.added:,} added, {tally.known:,} known, {len(tally.bad):,} bad"
                progress.update(task, description=said)
    except NotAnArchive as error:
        raise click.ClickException(f"{error}. {tally.added:,} comments were added before that.") from None
    finally:
        if bad_rows:
            with bad_rows.open("w", encoding="utf-8") as out:
                out.writelines(json.dumps({"where": bad.where, "why": bad.why}) + "\n" for bad in tally.bad)
    if as_json:
        click.echo(json.dumps({"added": tally.added, "known": tally.known, "bad": len(tally.bad)}))
        return
    click.echo(
        f"{tally.added:,} comments added, {tally.known:,} were here already, {len(tally.bad):,} bad rows."
    )
    for bad in tally.bad[:5]:
        click.echo(f"  {bad.where}: {bad.why}")

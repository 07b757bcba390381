"""Import, show and remove words, domains, addresses and networks of a site's lists."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import Progress

from moderation.errors import Invalid
from moderation.list_formats import FORMATS, Found, entries_in
from moderation.lists import (
    ALLOWED_KINDS,
    KINDS,
    LISTS,
    MOST_PATTERNS,
    Entry,
    EntryRefused,
    cleaned,
    is_pattern,
)
from service.terminal import opened

_SITE = click.option("--site", "slug", help="The site's short name; needed when there are several.")
#: Entries of one transaction: a long import holds no lock for long, and a stop loses little.
_CHUNK = 10_000
_SHOWN_FAULTS = 10


@click.group("lists")
def command() -> None:
    """Import, show and remove words, domains, addresses and networks of a site's lists."""


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@_SITE
@click.option("--list", "which", type=click.Choice(LISTS), default="blocked", show_default=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="auto", show_default=True)
@click.option("--kind", type=click.Choice(["auto", *KINDS]), default="auto", show_default=True)
@click.option(
    "--reason", default="", help="Where it comes from; `btl lists remove --reason` takes it out again."
)
@click.option("--days", type=click.IntRange(1, 36500), help="Entries expire after so many days.")
@click.option("--json", "as_json", is_flag=True)
def import_list(
    file: Path,
    slug: str | None,
    which: str,
    form: str,
    kind: str,
    reason: str,
    days: int | None,
    as_json: bool,
) -> None:
    """Add the entries of FILE to a list. A bad line is said, and the rest goes on.

    Plain lines (# comments), WordPress keys, regular expressions (RE2), CSV with a header, Coral's settings.
    """
    from moderation import list_store

    house = opened()
    site = house.site(slug)
    now = datetime.now(UTC)
    reason = (reason or ("" if str(file) == "-" else file.name))[:200]
    expires_at = now + timedelta(days=days) if days else None
    counts: Counter[str] = Counter()
    faults: list[Found] = []
    console = Console(stderr=True)
    source = sys.stdin if str(file) == "-" else file.open(encoding="utf-8-sig", errors="replace")
    size = 0 if str(file) == "-" else file.stat().st_size
    try:
        with source, Progress(console=console, disable=as_json or not console.is_terminal) as bar:
            task = bar.add_task("Entries", total=size or None)
            entries = _good(entries_in(source, form=form, kind=kind, email_hash=house.vault.email_hash),
                            which, counts, faults)  # fmt: skip
            while chunk := list(islice(entries, _CHUNK)):
                with house.database.writing() as session:
                    counts["added"] += list_store.add(
                        session,
                        site.id,
                        chunk,
                        now=now,
                        by="btl lists import",
                        reason=reason,
                        expires_at=expires_at,
                    )
                bar.update(
                    task, completed=_read_so_far(source, size), description=f"{counts['read']:,} entries"
                )
    except Invalid as refused:
        raise click.ClickException(refused.faults[0].detail) from None
    finally:
        with house.database.writing() as session:
            list_store.changed(session, site.id)
    known = counts["read"] - counts["refused"] - counts["added"]
    if as_json:
        click.echo(json.dumps({"added": counts["added"], "known": known, "refused": counts["refused"]}))
        return
    click.echo(f"{counts['added']:,} entries added to “{which}”, {known:,} were there already, "
               f"{counts['refused']:,} refused.")  # fmt: skip
    for fault in faults:
        click.echo(f"  line {fault.line}: {fault.pattern!r}: {fault.fault}")
    if counts["refused"] > len(faults):
        click.echo(f"  … and {counts['refused'] - len(faults):,} more")


@command.command("show")
@_SITE
@click.option("--list", "which", type=click.Choice(LISTS))
@click.option("--kind", type=click.Choice(KINDS))
@click.option("--count", is_flag=True, help="Only how many.")
def show(slug: str | None, which: str | None, kind: str | None, count: bool) -> None:
    """Print the entries, one a line: list, kind, pattern, reason, end."""
    from moderation import list_store

    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        if count:
            for (name, of), number in sorted(list_store.counts(session, site.id).items()):
                click.echo(f"{name}\t{of}\t{number:,}")
            return
        for entry in list_store.show(session, site.id, which=which, kind=kind):
            end = f"{entry.expires_at:%Y-%m-%d}" if entry.expires_at else ""
            click.echo("\t".join((entry.list, entry.kind, entry.pattern, entry.reason, end)))


@command.command("remove")
@click.argument("patterns", nargs=-1)
@_SITE
@click.option("--list", "which", type=click.Choice(LISTS))
@click.option("--kind", type=click.Choice(KINDS))
@click.option("--reason", help="All entries that came in with this reason, such as a file's name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(
    patterns: tuple[str, ...],
    slug: str | None,
    which: str | None,
    kind: str | None,
    reason: str | None,
    yes: bool,
) -> None:
    """Remove entries by PATTERNS, by list, kind or reason."""
    from moderation import list_store

    if not (patterns or which or kind or reason):
        raise click.UsageError("Say what goes: entries, --list, --kind or --reason.")
    house = opened()
    site = house.site(slug)
    wanted = [form for pattern in patterns for form in _forms_of(pattern, house.vault.email_hash)] or None
    if wanted is None and not yes and not click.confirm("Remove all entries that meet these conditions?"):
        raise SystemExit(1)
    with house.database.writing() as session:
        gone = list_store.remove(session, site.id, which=which, kind=kind, patterns=wanted, reason=reason)
    click.echo(f"{gone:,} entries removed.")


def _good(found: Iterator[Found], which: str, counts: Counter[str], faults: list[Found]) -> Iterator[Entry]:
    for one in found:
        counts["read"] += 1
        fault = one.fault
        if not fault and (one.list or which) == "allowed" and one.kind not in ALLOWED_KINDS:
            fault = f"a {one.kind} cannot be allowed, it would let anything through that quotes it"
        entry = Entry(one.list or which, one.kind, one.pattern)
        if not fault and is_pattern(entry):
            counts["patterns"] += 1
            if counts["patterns"] > MOST_PATTERNS:
                fault = f"a list holds at most {MOST_PATTERNS:,} patterns, wildcards and punctuated words"
        if fault:
            counts["refused"] += 1
            if len(faults) < _SHOWN_FAULTS:
                faults.append(Found(one.line, one.list, one.kind, one.pattern, fault))
            continue
        yield entry


def _read_so_far(source: TextIO, size: int) -> int:
    # the raw file's place: telling a text file's own place while lines are read is not allowed
    return source.buffer.tell() if size else 0


def _forms_of(pattern: str, email_hash: object) -> list[str]:
    """A pattern in every form in which it may be kept."""
    forms = [pattern]
    for kind in KINDS:
        try:
            forms.append(cleaned(kind, pattern, email_hash))  # type: ignore[arg-type]
        except EntryRefused:
            continue
    return forms

"""Show, save, try and advise on a site's policy."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import yaml
from rich.console import Console
from rich.progress import Progress

from moderation.errors import Invalid, PolicyRefused
from service.terminal import Terminal, opened

if TYPE_CHECKING:
    from moderation.backtest import Backtest
    from moderation.policy import Policy

_SITE = click.option("--site", "slug", help="The site's short name; needed when there are several.")
_JSON = click.option("--json", "as_json", is_flag=True, help="For scripts.")
_DAYS = click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True)
_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))


@click.group("policy")
def command() -> None:
    """Show, save, try and advise on a site's policy."""


@command.command("show")
@_SITE
@_JSON
@click.option("--full", "in_full", is_flag=True, help="With its preset written out.")
@click.option("--versions", is_flag=True, help="List the saved versions.")
def show(slug: str | None, as_json: bool, in_full: bool, versions: bool) -> None:
    """Print the policy in force, as it was written."""
    from moderation import policies
    from moderation.policy import full

    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        rows = policies.versions(session, site.id) if versions else policies.newest(session, site.id)
        if versions:
            lines = [
                f"{r.version:>4}  {r.created_at:%Y-%m-%d %H:%M}  {r.scope}  {r.created_by}  {r.note}"
                for r in rows
            ]
            click.echo("\n".join(lines) or "No version was saved: the balanced preset is in force.")
            return
        document = policies.composed({row.scope: row.document for row in rows})
        written = rows[0].source if len(rows) == 1 and rows[0].scope == "site" else None
    document = full(document) if in_full else document
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif written and not in_full:
        click.echo(written.rstrip())
    else:
        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())


@command.command("set")
@_FILE
@_SITE
@_JSON
@click.option("--scope", default="site", show_default=True, help="site, section:NAME or article:ID.")
@click.option("--note", default="", help="Why, for the list of versions.")
@click.option("--check", is_flag=True, help="Only say what is wrong with it.")
def set_policy(file: Path, slug: str | None, as_json: bool, scope: str, note: str, check: bool) -> None:
    """Save FILE (YAML or JSON) as the site's policy. With faults, all are said and nothing changes."""
    from moderation import policies
    from moderation.policy import Policy

    text = _text_of(file)
    house = opened()
    site = house.site(slug)
    try:
        if check:
            Policy.from_text(text)
            click.echo("The policy has no faults.")
            return
        with house.database.writing() as session:
            row = policies.save_text(
                session, site.id, text, now=datetime.now(UTC), by="btl policy set", scope=scope, note=note
            )
            version = row.version
    except PolicyRefused as refused:
        _refuse(file, refused, as_json)
    click.echo(
        json.dumps({"version": version}) if as_json else f"Version {version} is in force on {site.name}."
    )


@command.command("backtest")
@_FILE
@_SITE
@_JSON
@_DAYS
@click.option("--comments", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Try it on this file of JSON lines instead of what is stored.")  # fmt: skip
@click.option(
    "--rescore", is_flag=True, help="Score the stored comments anew (slow), with today's model and lists."
)
def backtest_policy(
    file: Path, slug: str | None, as_json: bool, days: int, comments: Path | None, rescore: bool
) -> None:
    """Say what the policy in FILE would have done, before it is saved. Nothing is changed."""
    from moderation import backtest

    policy = _policy_of(file, as_json)
    house = opened()
    site = house.site(slug)
    now = datetime.now(UTC)
    since = backtest.days_ago(now, days)
    with house.database.reading() as session, _progress("Comments", as_json) as told:
        if comments is not None:
            total = 0
            cases = _file_cases(house, comments, policy, site, now)
        elif rescore:
            from service import rescoring

            total, cases = rescoring.stored_cases(
                session, scorer=_scorer(), policy=policy, vault=house.vault, site=site, since=since, now=now
            )
        else:
            total, cases = backtest.stored(session, site.id, since=since)
        found = backtest.run(cases, policy, total=total, progress=told)
        if comments is None:
            found = backtest.with_excerpts(session, found)
    click.echo(json.dumps(found.as_json(), ensure_ascii=False) if as_json else _table_of(found))


@command.command("advise")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_SITE
@_JSON
@_DAYS
@click.option(
    "--missed", type=click.FloatRange(0, 1), help="Share of what people reject that may slip through."
)
@click.option("--per-hour", type=click.FloatRange(0), help="Comments an hour that people can look at.")
def advise_policy(
    file: Path | None,
    slug: str | None,
    as_json: bool,
    days: int,
    missed: float | None,
    per_hour: float | None,
) -> None:
    """Propose hold lines for a wanted miss rate or queue, from the decisions of this site's people.

    FILE is the policy to start from; without it, the one in force.
    """
    from moderation import backtest, policies
    from moderation.advice import advise

    if (missed is None) == (per_hour is None):
        raise click.UsageError("Say what you want: --missed or --per-hour.")
    house = opened()
    site = house.site(slug)
    with house.database.reading() as session:
        policy = _policy_of(file, as_json) if file else policies.in_force(session, site.id)[0]
        _, cases = backtest.stored(session, site.id, since=backtest.days_ago(datetime.now(UTC), days))
        try:
            found = advise(cases, policy, missed=missed, per_hour=per_hour)
        except ValueError as error:
            raise click.ClickException(f"{error}.") from None
    if as_json:
        click.echo(json.dumps(found.as_json()))
        return
    click.echo(f"From {found.decided:,} decisions by people in {days} days. {found.note}")
    click.echo("           missed                                    held an hour")
    for name, point in (("today", found.today), ("proposed", found.proposed)):
        click.echo(f"{name:<10} {point.missed!s:<42}{point.per_hour:>10.1f}")
    click.echo(yaml.safe_dump(found.document, sort_keys=False).rstrip())


@command.command("import")
@click.argument("source", type=click.Choice(["perspective", "coral", "wordpress", "akismet"]))
@_FILE
def import_policy(source: str, file: Path) -> None:
    """Turn the settings of another system (JSON in FILE) into a policy, and print it.

    WordPress and Akismet: `wp option list --format=json`. Coral: its settings.
    Perspective: {"TOXICITY": 0.8, …}.
    """
    from moderation.policy_imports import document_from

    try:
        document, left = document_from(source, json.loads(_text_of(file)))
    except ValueError as error:
        raise click.ClickException(f"{file} is not JSON: {error}.") from None
    except Invalid as refused:
        raise click.ClickException(refused.faults[0].detail) from None
    click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())
    for one in left:
        click.echo(f"Not taken over: {one}", err=True)


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of a policy, for editors."""
    from moderation.policy_schema import SCHEMA

    click.echo(json.dumps(SCHEMA, indent=2))


def _text_of(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is not UTF-8 text.") from None


def _policy_of(file: Path, as_json: bool) -> Policy:
    from moderation.policy import Policy

    try:
        return Policy.from_text(_text_of(file))
    except PolicyRefused as refused:
        _refuse(file, refused, as_json)


def _refuse(file: Path, refused: PolicyRefused, as_json: bool) -> NoReturn:
    """Print every fault, in the form compilers use, so that editors jump to them."""
    if as_json:
        faults = [{"pointer": f.pointer, "detail": f.detail, "line": f.line} for f in refused.faults]
        click.echo(json.dumps({"faults": faults}))
    for fault in () if as_json else refused.faults:
        click.echo(f"{file}:{fault.line or 1}: {fault.pointer or '/'}: {fault.detail}", err=True)
    raise SystemExit(1)


def _scorer() -> Any:
    from models.scorer import Scorer

    return Scorer.load()


def _file_cases(house: Terminal, file: Path, policy: Policy, site: Any, now: datetime) -> Iterator[Any]:
    from moderation import list_store
    from service import rescoring

    with house.database.reading() as session:
        matcher = list_store.matcher_of(session, site.id, now=now)
    with file.open(encoding="utf-8-sig", errors="replace") as source:
        yield from rescoring.file_cases(
            source, scorer=_scorer(), policy=policy, matcher=matcher, site=site, now=now
        )


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[Any]:
    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _table_of(found: Backtest) -> str:
    from moderation.backtest import OUTCOMES

    lines = [f"{found.comments:,} comments"]
    if found.since and found.until:
        lines[0] += f" from {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M}"
    lines.append(f"{'':<10}{'then':>10}{'with this policy':>20}")
    lines += [f"{outcome:<10}{found.before[outcome]:>10,}{found.after[outcome]:>20,}" for outcome in OUTCOMES]
    for name, count in found.moved.items():
        before, _, after = name.partition(">")
        lines.append(f"  {before} → {after}: {count:,}")
        for example in found.examples:
            if (example.before, example.after) == (before, after):
                said = " ".join(example.excerpt.split())[:90]
                lines.append(f"    {example.id}  {said}  ({'; '.join(example.reasons)})")
    for title, agreement, queue in (
        ("Then", found.agreement_before, found.queue_before),
        ("With this policy", found.agreement, found.queue),
    ):
        lines += [
            f"{title}: {queue.per_hour:.1f} comments an hour for people, at most {queue.busiest_hour:,}",
            f"  of what people rejected, stopped: {agreement.caught}",
            f"  of what was stopped, people rejected: {agreement.right}",
            f"  of what was rejected without a person, people rejected: {agreement.rejected_right}",
        ]
    return "\n".join(lines)

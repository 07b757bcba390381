"""Write everything of a site out, in open formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import func, select, true

from moderation.tables import Article, Author, Comment, Decision, Label, Report, Revision, Site, SitePolicy
from service.terminal import Terminal, opened

#: Written as they are; e-mail addresses are decrypted, because this is the owner's own copy.
TABLES = {
    "articles": Article,
    "authors": Author,
    "decisions": Decision,
    "labels": Label,
    "policies": SitePolicy,
    "reports": Report,
}
#: What a copy for one person holds besides their comments. Reports are other people's.
PERSONAL = ("authors", "decisions", "labels")


@click.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--site", "slug", help="The site's short name; needed when there are several.")
@click.option("--email", help="Only what concerns this person: a copy for them (GDPR Article 15).")
@click.option("--without-addresses", is_flag=True, help="Leave e-mail and IP addresses out.")
def command(folder: Path, slug: str | None, email: str | None, without_addresses: bool) -> None:
    """Write everything of a site into FOLDER: one file of JSON lines for each kind of thing.

    comments.jsonl is what `btl import --format jsonl` reads. The files hold readers' words and, unless left
    out, addresses: keep them as safe as the database.
    """
    house = opened()
    site = house.site(slug)
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        whose = Comment.email_hash == house.vault.email_hash(email) if email else true()
        count = _write(folder / "comments.jsonl", _comments(house, site, whose, without_addresses, progress))
        click.echo(f"comments.jsonl: {count:,}")
        for name, table in TABLES.items():
            if email and name not in PERSONAL:
                continue
            count = _write(
                folder / f"{name}.jsonl", _rows(house, table, site, _of_person(table, whose, email))
            )
            click.echo(f"{name}.jsonl: {count:,}")


def _of_person(table: Any, whose: Any, email: str | None) -> Any:
    if not email:
        return true()
    theirs = select(Comment.id).where(whose)
    if table is Author:
        return Author.identity.in_(select(Comment.author_identity).where(whose))
    return table.comment_id.in_(theirs)


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    beside = path.with_suffix(".part")
    with beside.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
            count += 1
    beside.replace(path)  # a run that stops leaves no half file under the real name
    return count


def _comments(
    house: Terminal, site: Site, whose: Any, without_addresses: bool, progress: Progress
) -> Iterator[dict[str, Any]]:
    with house.database.reading() as session:
        total = session.scalar(select(func.count(Comment.id)).where(Comment.site_id == site.id, whose))
        task = progress.add_task("Comments", total=total)
        query = select(Comment).where(Comment.site_id == site.id, whose).order_by(Comment.id)
        for comment in session.scalars(query.execution_options(yield_per=500)):
            row = {
                "id": comment.id,
                "external_id": comment.external_id or comment.id,
                "status": comment.status,
                "name": comment.name,
                "body": comment.body,
                "url": comment.author_url,
                "author_id": comment.author_identity.removeprefix("id:") if comment.author_verified else None,
                "article": {
                    "id": comment.article_id,
                    "url": comment.article_url,
                    "title": comment.article_title,
                    "section": comment.section,
                },
                "parent_id": comment.parent_id,
                "submitted_at": comment.submitted_at.isoformat(),
                "decided_at": comment.decided_at and comment.decided_at.isoformat(),
                "revision": comment.revision,
                "scores": comment.scores,
                "signals": comment.signals,
                "reasons": comment.reasons,
                "model": comment.model,
                "language": comment.language,
            }
            if not without_addresses:
                row |= {"email": house.vault.decrypt(comment.email_encrypted), "ip": comment.ip}
            if comment.revision > 1:
                earlier = session.scalars(select(Revision).where(Revision.comment_id == comment.id))
                row["revisions"] = [{"number": old.number, "body": old.body} for old in earlier]
            yield row
            progress.advance(task)


def _rows(house: Terminal, table: Any, site: Site, which: Any) -> Iterator[dict[str, Any]]:
    columns = [column.key for column in table.__table__.columns if not column.key.endswith("_encrypted")]
    with house.database.reading() as session:
        query = select(table).where(table.site_id == site.id, which)
        for row in session.scalars(query.execution_options(yield_per=500)):
            yield {name: getattr(row, name) for name in columns}

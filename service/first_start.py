"""What the embedded stack needs before its first comment: keys, schema, a site, somebody at the desk.

Every step can be repeated: the secrets are made first and kept, and each row is looked for by them, so a
start that was cut short is completed by the next one.
"""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from moderation import sites
from moderation.errors import Refused
from moderation.kept import SECRETS_FILE, keep_secrets, kept_secrets
from moderation.migrations import upgrade
from moderation.settings import Settings
from moderation.store import open_database
from moderation.tables import Endpoint, Moderator, Site, SiteKey
from moderation.vault import Vault, key_digest

SITE = "The Estuary Post"
SLUG = "estuary-post"
MODERATOR = "moderator@example.org"
#: What SQLite says of a file that was cut short or overwritten, where the address is right.
_DAMAGED = ("malformed", "not a database")


class SecretsMissing(Refused):
    """The data folder holds a database but not the keys that it was written with.

    :param data_dir: the folder.
    """

    def __init__(self, data_dir: Path) -> None:
        super().__init__(
            f"{data_dir} holds a database but no {SECRETS_FILE}, without which nobody can read the e-mail "
            "addresses in it: put that file back from a backup, or empty the folder to start anew."
        )


class DatabaseRefused(Refused):
    """The database cannot be used: wrong address, no server, no right, a damaged or foreign file.

    :param database_url: its address; the password is not repeated.
    :param fault: what the driver says.
    """

    def __init__(self, database_url: str, fault: SQLAlchemyError) -> None:
        where = make_url(database_url).render_as_string(hide_password=True)
        reason = str(getattr(fault, "orig", None) or fault).strip().splitlines()[0]
        is_damaged = any(words in reason for words in _DAMAGED)
        todo = "Put a backup back with `btl restore`, or move the file away to start anew."
        super().__init__(
            f"The database {where} cannot be used: {reason}. "
            f"{todo if is_damaged else 'Check BTL_DATABASE_URL.'}"
        )


class NewsSiteDamaged(Refused):
    """The example news site's own file cannot be read.

    :param file: where it lies.
    :param fault: what SQLite says.
    """

    def __init__(self, file: Path, fault: sqlite3.Error) -> None:
        super().__init__(
            f"The example news site's {file} cannot be read: {fault}. Move it away, and the site starts "
            "with an empty one; nothing is lost of what the desk and the API know."
        )


def check_news_site(file: Path) -> None:
    """Look into the example news site's file before the site does, which could tell its log only.

    :raises NewsSiteDamaged: when there is one and SQLite cannot read it.
    """
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as fault:
        raise NewsSiteDamaged(file, fault) from None


def keep_all_secrets(data_dir: Path) -> dict[str, str]:
    """Make and keep every secret of the embedded stack.

    :raises SecretsMissing: when there is a database from before already.
    """
    database = data_dir / "btl.sqlite3"
    if not kept_secrets(data_dir) and database.exists() and database.stat().st_size:
        raise SecretsMissing(data_dir)
    return keep_secrets(
        data_dir,
        site=SLUG,
        site_key=sites.new_site_key(),
        akismet_key=sites.new_akismet_key(),
        coral_secret=sites.new_coral_secret(),
        webhook_secret=sites.new_webhook_secret(),
        moderator_email=MODERATOR,
        moderator_password=secrets.token_urlsafe(12),
    )


def prepare(settings: Settings, kept: dict[str, str], webhook_url: str) -> None:
    """Bring the schema up to date and put in what is missing.

    :param webhook_url: where the example news site listens.
    :raises Refused: for a schema that is newer than this version.
    :raises DatabaseRefused: when the database cannot be used.
    """
    try:
        upgrade(settings.database_url)
    except SQLAlchemyError as fault:
        raise DatabaseRefused(settings.database_url, fault) from None
    database = open_database(settings.database_url)
    try:
        with database.writing() as session:
            _put_in(session, Vault(settings.email_keys, settings.hash_key), kept, webhook_url)
    finally:
        database.engine.dispose()


def _put_in(session: Session, vault: Vault, kept: dict[str, str], webhook_url: str) -> None:
    now = datetime.now(UTC)
    site = session.scalar(select(Site).where(Site.slug == kept["site"]))
    if site is None:
        site = sites.open_site(session, name=SITE, slug=kept["site"], now=now)
    known = set(session.scalars(select(SiteKey.digest).where(SiteKey.site_id == site.id)))
    for kind, secret in (("site", "site_key"), ("akismet", "akismet_key"), ("coral", "coral_secret")):
        if key_digest(kept[secret]) not in known:
            sites.issue_key(
                session, vault, site_id=site.id, key=kept[secret], kind=kind, label="example", now=now
            )
    endpoint = session.scalar(
        select(Endpoint).where(Endpoint.site_id == site.id, Endpoint.description == "example news site")
    )
    if endpoint is None:
        sites.add_endpoint(
            session,
            vault,
            site_id=site.id,
            url=webhook_url,
            secret=kept["webhook_secret"],
            description="example news site",
            now=now,
        )
    elif endpoint.url != webhook_url:
        endpoint.url = webhook_url  # another BTL_NEWS_SITE_PORT than last time
    if session.scalar(select(Moderator.id).where(Moderator.email == kept["moderator_email"])) is None:
        sites.add_moderator(
            session,
            email=kept["moderator_email"],
            name="Moderator",
            password=kept["moderator_password"],
            is_admin=True,
            now=now,
        )

"""Add moderators, give them roles, reset passwords, shut them out."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from typing import Any

import click
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation import people, sites
from moderation.errors import NotFound
from moderation.tables import ROLES, Moderator, Role, Site
from service.terminal import opened, show

JSON = click.option("--json", "as_json", is_flag=True)
PASSWORD = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; without it, one is made."
)


@click.group("moderators")
def command() -> None:
    """Add moderators, give them roles, reset passwords, shut them out."""


@command.command("add")
@click.argument("email")
@click.option("--name", default="", help="Shown at the desk; the address when not given.")
@click.option("--role", type=click.Choice(ROLES), default="moderator", show_default=True)
@click.option("--site", "slug", help="Where the role counts; an admin needs none.")
@PASSWORD
@JSON
def add(email: str, name: str, role: str, slug: str | None, password_stdin: bool, as_json: bool) -> None:
    """Add a person who signs in at the desk."""
    try:
        email = validate_email(email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as fault:
        raise click.UsageError(f"{email} is not an e-mail address: {fault}") from None
    house, now = opened(), datetime.now(UTC)
    site = house.site(slug) if role != "admin" else None
    password = _password(password_stdin, email)
    try:
        with house.database.writing() as session:
            person = sites.add_moderator(
                session, email=email, name=name or email, password=password, now=now, is_admin=role == "admin"
            )
            if site is not None:
                people.give_role(session, person.id, site.id, role)
    except IntegrityError:
        raise click.ClickException(f"{email} is there already; see `btl moderators role`.") from None
    shown = {} if password_stdin else {"password": password}
    show({"email": email, "name": person.name, "role": role, **shown}, as_json=as_json)


@command.command("invite")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), default="moderator", show_default=True)
@click.option("--site", "slug", help="Where the role counts; an admin needs none.")
@JSON
def invite(email: str, role: str, slug: str | None, as_json: bool) -> None:
    """Make a link by which a person chooses a name and password."""
    house = opened()
    site = house.site(slug) if role != "admin" else None
    with house.database.writing() as session:
        token = people.invite(
            session,
            house.vault,
            email=email,
            now=datetime.now(UTC),
            site_id=site.id if site else None,
            role=role,
            invited_by="btl",
        )
    link = f"{house.settings.public_url}/desk/invitations/{token}"
    show({"email": email, "link": link, "days": people.INVITATION_DAYS}, as_json=as_json)


@command.command("list")
@JSON
def list_moderators(as_json: bool) -> None:
    """List everybody with their roles."""
    with opened().database.reading() as session:
        roles: dict[str, list[str]] = {}
        named = select(Role, Site.slug).join(Site, Site.id == Role.site_id)
        for role, slug in session.execute(named):
            roles.setdefault(role.moderator_id, []).append(f"{role.role} on {slug}")
        everybody = session.scalars(select(Moderator).order_by(Moderator.email))
        show([_row(one, roles.get(one.id, [])) for one in everybody], as_json=as_json)


@command.command("password")
@click.argument("email")
@PASSWORD
@JSON
def password(email: str, password_stdin: bool, as_json: bool) -> None:
    """Reset a person's password; their sessions end."""
    house = opened()
    chosen = _password(password_stdin, email)
    with house.database.writing() as session:
        people.set_password(session, _person(session, email), chosen)
    if password_stdin:
        click.echo("Changed.")
    else:
        show({"email": email, "password": chosen}, as_json=as_json)


@command.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice([*ROLES, "none"]))
@click.option("--site", "slug", help="Where the role counts; an admin needs none.")
def role(email: str, role: str, slug: str | None) -> None:
    """Give a person a role, or take it away with `none`."""
    house = opened()
    with house.database.writing() as session:
        person = _person(session, email)
        if role == "admin":
            person.is_admin = True
        elif role == "none" and slug is None and person.is_admin:
            person.is_admin = False
        else:
            people.give_role(session, person.id, house.site(slug).id, "" if role == "none" else role)
    click.echo("Changed.")


@command.command("disable")
@click.argument("email")
@click.option("--undo", is_flag=True, help="Let them in again.")
def disable(email: str, undo: bool) -> None:
    """Shut a person out at once; what they decided stays."""
    with opened().database.writing() as session:
        people.set_disabled(session, _person(session, email), disabled=not undo, now=datetime.now(UTC))
    click.echo("Changed.")


def _person(session: Session, email: str) -> Moderator:
    person = session.scalar(select(Moderator).where(Moderator.email == email.strip().lower()))
    if person is None:
        raise NotFound("moderator")
    return person


def _password(from_stdin: bool, email: str) -> str:
    if not from_stdin:
        return secrets.token_urlsafe(12)
    chosen = sys.stdin.readline().rstrip("\r\n")
    people.check_password(chosen, email)
    return chosen


def _row(person: Moderator, roles: list[str]) -> dict[str, Any]:
    return {
        "email": person.email,
        "name": person.name,
        "roles": ["admin"] if person.is_admin else roles,
        "second_factor": "yes" if person.totp_encrypted else "no",
        "disabled_at": person.disabled_at,
    }

"""Who may sit at the desk: passwords, second factors, sessions, invitations and roles.

Passwords are argon2id (RFC 9106), second factors TOTP (RFC 6238) whose codes work once. A session
is a random token in a cookie; its row holds only a keyed digest, so a stolen database signs nobody in.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from moderation import sites
from moderation.errors import Fault, Invalid, NotFound
from moderation.tables import ROLES, Invitation, Moderator, Role, SignIn, Site
from moderation.vault import Vault

IDLE_HOURS = 24
LONGEST_DAYS = 14
INVITATION_DAYS = 7
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256
#: A session's row is touched at most this often: a page view must not cost a write.
SEEN_EVERY_SECONDS = 300
_STEP_SECONDS = 30

_HASHER = PasswordHasher()
#: Checked in place of a stranger's missing hash, so that both answers take the same time.
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
_RANK = {role: len(ROLES) - place for place, role in enumerate(ROLES)}  # read-only 1 … admin 4


@dataclass(frozen=True, slots=True)
class Rights:
    """A person with what they may do where.

    :param roles: site id -> role; an admin stands above all of them.
    :param sites: the sites that they may see, by name.
    """

    person: Moderator
    roles: Mapping[str, str] = field(default_factory=dict)
    sites: tuple[Site, ...] = ()

    def may(self, role: str, site_id: str | None) -> bool:
        """Whether the person has at least this role on a site; with None, on the installation."""
        return _RANK[self.role_on(site_id)] >= _RANK[role] if self.role_on(site_id) else False

    def role_on(self, site_id: str | None) -> str:
        if self.person.is_admin:
            return "admin"
        return self.roles.get(site_id, "") if site_id else ""

    def site_ids(self, role: str = "read-only") -> list[str]:
        return [site.id for site in self.sites if self.may(role, site.id)]


def person_by_password(session: Session, *, email: str, password: str) -> Moderator | None:
    """The person with this address and password, else None; takes as long either way."""
    person = session.scalar(select(Moderator).where(Moderator.email == email.strip().lower()))
    stored = person.password_hash if person is not None and person.disabled_at is None else None
    # argon2 over megabytes would be a way to keep a process busy.
    password = password[:LONGEST_PASSWORD]
    try:
        _HASHER.verify(stored or _NOBODY, password)
    except (Argon2Error, InvalidHashError):
        return None
    if person is None or stored is None:
        return None
    if _HASHER.check_needs_rehash(stored):
        person.password_hash = _HASHER.hash(password)
    return person


def person_by_oidc(
    session: Session, *, issuer: str, subject: str, email: str, is_verified: bool, name: str, now: datetime
) -> Moderator | None:
    """The person whom an OpenID Connect issuer vouches for, else None.

    Known by issuer and subject, which never change hands; the first time by a verified address that has an
    account here, or an open invitation. Being known to the issuer alone opens nothing.
    """
    mark = f"{issuer}|{subject}"[:300]
    person = session.scalar(select(Moderator).where(Moderator.oidc_subject == mark))
    if person is None and is_verified and email:
        person = _by_email(session, email.strip().lower())
        if person is None:
            person = _invited(session, email.strip().lower(), name=name, now=now)
        if person is not None and person.oidc_subject is None:
            person.oidc_subject = mark
    if person is None or person.disabled_at is not None or person.oidc_subject != mark:
        return None
    return person


def _invited(session: Session, email: str, *, name: str, now: datetime) -> Moderator | None:
    row = session.scalar(
        update(Invitation)
        .where(Invitation.email == email, Invitation.used_at.is_(None), Invitation.expires_at > now)
        .values(used_at=now)
        .returning(Invitation)
    )
    if row is None:
        return None
    person = sites.add_moderator(session, email=email, name=name[:200] or email, password=None, now=now)
    _take_role(session, person, row)
    return person


def set_password(session: Session, person: Moderator, password: str) -> None:
    """A new password; every session of the person ends.

    :raises Invalid: too short or too long.
    """
    check_password(password, person.email)
    person.password_hash = sites.hash_password(password)
    session.execute(delete(SignIn).where(SignIn.moderator_id == person.id))


def check_password(password: str, email: str = "") -> None:
    """Length alone makes a password strong (NIST SP 800-63B §5.1.1); rules about digits do not.

    :raises Invalid: with what to do.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid([Fault("/password", f"Use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")])
    if email and password.strip().lower() in (email.lower(), email.partition("@")[0].lower()):
        raise Invalid([Fault("/password", "Do not use your own address.")])


def start_session(
    session: Session, vault: Vault, person: Moderator, *, now: datetime, user_agent: str = "", ip: str = ""
) -> str:
    """Sign a person in. :return: the token for the cookie; only its digest is kept."""
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            digest=vault.token_hash(token),
            moderator_id=person.id,
            created_at=now,
            last_seen_at=now,
            user_agent=user_agent[:300],
            ip_hash=vault.ip_hash(ip) if ip else "",
        )
    )
    return token


def signed_in(session: Session, vault: Vault, token: str, *, now: datetime) -> tuple[Rights, SignIn] | None:
    """Whose session a token is, with their rights; None when it ended or never was. Two statements."""
    found = session.execute(
        select(SignIn, Moderator)
        .join(Moderator, Moderator.id == SignIn.moderator_id)
        .where(SignIn.digest == vault.token_hash(token))
    ).one_or_none()
    if found is None:
        return None
    row, person = found
    is_over = (
        row.revoked_at is not None
        or person.disabled_at is not None
        or now - row.last_seen_at > timedelta(hours=IDLE_HOURS)
        or now - row.created_at > timedelta(days=LONGEST_DAYS)
    )
    return None if is_over else (rights_of(session, person), row)


def rights_of(session: Session, person: Moderator) -> Rights:
    """What a person may do, on every site that they may see. One statement."""
    query = select(Site, Role.role).order_by(Site.name)
    mine = (Role.site_id == Site.id) & (Role.moderator_id == person.id)
    query = query.outerjoin(Role, mine) if person.is_admin else query.join(Role, mine)
    rows = session.execute(query).all()
    return Rights(person, {site.id: role for site, role in rows if role}, tuple(site for site, _ in rows))


def is_stale(row: SignIn, now: datetime) -> bool:
    """Whether the session's last-seen time is due to be written."""
    return now - row.last_seen_at > timedelta(seconds=SEEN_EVERY_SECONDS)


def touch_session(session: Session, digest: str, now: datetime) -> None:
    session.execute(update(SignIn).where(SignIn.digest == digest).values(last_seen_at=now))


def sessions_of(session: Session, person_id: str) -> list[SignIn]:
    """A person's open sessions, the latest used first."""
    return list(
        session.scalars(
            select(SignIn)
            .where(SignIn.moderator_id == person_id, SignIn.revoked_at.is_(None))
            .order_by(SignIn.last_seen_at.desc())
        )
    )


def end_session(session: Session, person_id: str, digest: str, now: datetime) -> None:
    """Revoke one session of a person; another's is not touched."""
    session.execute(
        update(SignIn).where(SignIn.digest == digest, SignIn.moderator_id == person_id).values(revoked_at=now)
    )


# -- the second factor -------------------------------------------------------------------------------


def new_totp_secret() -> str:
    return pyotp.random_base32()


def totp_address(secret: str, email: str) -> str:
    """The ``otpauth://`` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Below the Line")


def check_totp(person: Moderator, vault: Vault, code: str, now: datetime) -> bool:
    """Whether a code is right, one step of 30 s early or late; each is taken once (RFC 6238 §5.2)."""
    if not person.totp_encrypted:
        return False
    step = _step_of(vault.decrypt(person.totp_encrypted), code, now)
    if step is None or (person.totp_step is not None and step <= person.totp_step):
        return False
    person.totp_step = step
    return True


def keep_totp(person: Moderator, vault: Vault, secret: str, code: str, now: datetime) -> bool:
    """Switch the second factor on, once the person has shown that their app has it."""
    step = _step_of(secret, code, now)
    if step is None:
        return False
    person.totp_encrypted, person.totp_step = vault.encrypt(secret), step
    return True


def drop_totp(person: Moderator) -> None:
    person.totp_encrypted = person.totp_step = None


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    code = "".join(code.split())
    present = int(now.timestamp()) // _STEP_SECONDS
    codes = pyotp.TOTP(secret)
    for step in (present, present - 1, present + 1):
        if secrets.compare_digest(codes.generate_otp(step).encode(), code.encode()):
            return step
    return None


# -- invitations and roles ---------------------------------------------------------------------------


def invite(
    session: Session,
    vault: Vault,
    *,
    email: str,
    now: datetime,
    site_id: str | None = None,
    role: str = "moderator",
    invited_by: str = "",
) -> str:
    """Make a link's token for one new account, or for a new password of a known one.

    :param site_id: where the role will count; None with role ``admin`` for the whole installation.
    :return: the token; shown once, only its digest is kept.
    :raises Invalid: for an unknown role, or a role that lacks its site.
    """
    faults = []
    email = email.strip().lower()
    if "@" not in email or len(email) > 320:
        faults.append(Fault("/email", "Give an e-mail address."))
    if role not in ROLES:
        faults.append(Fault("/role", "Choose one of " + ", ".join(ROLES) + "."))
    elif role != "admin" and site_id is None and _by_email(session, email) is None:
        faults.append(Fault("/site", "Choose the site that the role is for."))
    if faults:
        raise Invalid(faults)
    token = secrets.token_urlsafe(32)
    session.add(
        Invitation(
            digest=vault.token_hash(token),
            email=email,
            site_id=site_id,
            role=role,
            invited_by=invited_by,
            created_at=now,
            expires_at=now + timedelta(days=INVITATION_DAYS),
        )
    )
    return token


def invitation_of(session: Session, vault: Vault, token: str, *, now: datetime) -> Invitation:
    """:raises NotFound: used, too old or never sent; which of these is not said."""
    row = session.get(Invitation, vault.token_hash(token))
    if row is None or row.used_at is not None or row.expires_at < now:
        raise NotFound("invitation")
    return row


def accept(
    session: Session, vault: Vault, token: str, *, name: str, password: str, now: datetime
) -> Moderator:
    """Make the account that an invitation is for, or give a known one its new password.

    :raises NotFound: the link is used up.
    :raises Invalid: for the password.
    """
    invitation_of(session, vault, token, now=now)
    # The update is the lock: one link makes one account, however often it is sent at once.
    row = session.scalar(
        update(Invitation)
        .where(Invitation.digest == vault.token_hash(token), Invitation.used_at.is_(None))
        .values(used_at=now)
        .returning(Invitation)
    )
    if row is None:
        raise NotFound("invitation")
    check_password(password, row.email)
    person = _by_email(session, row.email)
    if person is None:
        person = sites.add_moderator(
            session, email=row.email, name=name.strip()[:200] or row.email, password=password, now=now
        )
    else:
        set_password(session, person, password)
    _take_role(session, person, row)
    return person


def _take_role(session: Session, person: Moderator, row: Invitation) -> None:
    if row.role == "admin" and row.site_id is None:
        person.is_admin = True
    elif row.site_id is not None:
        give_role(session, person.id, row.site_id, row.role)


def give_role(session: Session, person_id: str, site_id: str, role: str) -> None:
    """A person's role on one site; ``""`` takes it away."""
    session.execute(delete(Role).where(Role.moderator_id == person_id, Role.site_id == site_id))
    if role:
        session.add(Role(moderator_id=person_id, site_id=site_id, role=role))


def set_disabled(session: Session, person: Moderator, *, disabled: bool, now: datetime) -> None:
    """Shut a person out at once, sessions included, or let them in again."""
    person.disabled_at = now if disabled else None
    if disabled:
        session.execute(delete(SignIn).where(SignIn.moderator_id == person.id))


def people_on(session: Session, site_ids: Iterable[str]) -> list[tuple[Moderator, dict[str, str]]]:
    """Everybody with a role on these sites, and the admins, with their roles. Two statements."""
    roles: dict[str, dict[str, str]] = {}
    for role in session.scalars(select(Role).where(Role.site_id.in_(list(site_ids)))):
        roles.setdefault(role.moderator_id, {})[role.site_id] = role.role
    everybody = session.scalars(
        select(Moderator)
        .where(Moderator.is_admin | Moderator.id.in_(list(roles)))
        .order_by(Moderator.disabled_at.is_not(None), Moderator.name)
    )
    return [(person, roles.get(person.id, {})) for person in everybody]


def names_of(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """id -> name, for the lines that say who did what."""
    wanted = sorted({one for one in ids if one})
    if not wanted:
        return {}
    rows = session.execute(select(Moderator.id, Moderator.name).where(Moderator.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def _by_email(session: Session, email: str) -> Moderator | None:
    return session.scalar(select(Moderator).where(Moderator.email == email))

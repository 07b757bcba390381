"""A site's policies in the database: versions that are never changed, and the one in force."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from moderation.errors import Fault, PolicyRefused
from moderation.policy import DEFAULT, PRESETS, Policy
from moderation.policy_document import faults_of, read
from moderation.tables import SitePolicy

_GROUPS = {"section": "sections", "article": "articles"}
_parsed: dict[str, tuple[tuple[str, ...], Policy]] = {}


def in_force(session: Session, site_id: str) -> tuple[Policy, str | None]:
    """The site's policy with its sections and articles, and the id of its newest version.

    Parsed once for each version in a process; None as the id where the site never saved one.
    """
    rows = newest(session, site_id)
    if not rows:
        return DEFAULT, None
    ids = tuple(row.id for row in rows)
    known = _parsed.get(site_id)
    if known is None or known[0] != ids:
        version = max(row.version for row in rows)
        known = (
            ids,
            Policy.from_document(composed({row.scope: row.document for row in rows}), version=version),
        )
        _parsed[site_id] = known
    return known[1], max(ids)


def newest(session: Session, site_id: str) -> list[SitePolicy]:
    """The newest version of each scope: ``site``, ``section:…``, ``article:…``."""
    last = (
        select(SitePolicy.scope, func.max(SitePolicy.version).label("version"))
        .where(SitePolicy.site_id == site_id)
        .group_by(SitePolicy.scope)
        .subquery()
    )
    return list(
        session.scalars(
            select(SitePolicy)
            .join(last, and_(SitePolicy.scope == last.c.scope, SitePolicy.version == last.c.version))
            .where(SitePolicy.site_id == site_id)
            .order_by(SitePolicy.scope)
        )
    )


def composed(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One document out of those saved for the site, its sections and its articles.

    :param documents: scope -> document.
    """
    whole = dict(documents.get("site", PRESETS["balanced"]))
    for scope, document in documents.items():
        kind, _, name = scope.partition(":")
        if kind in _GROUPS and document:
            whole[_GROUPS[kind]] = {**whole.get(_GROUPS[kind], {}), name: dict(document)}
    return whole


def save(
    session: Session,
    site_id: str,
    document: Any,
    *,
    now: datetime,
    by: str,
    scope: str = "site",
    source: str | None = None,
    note: str = "",
) -> SitePolicy:
    """Save a new version, or say everything that is wrong with it; the running one stays until then.

    :param scope: ``site``, ``section:<name>`` or ``article:<the site's id>``. An empty document for a
        section or an article takes its own rules away.
    :param source: as the editor wrote it, comments included.
    :raises PolicyRefused: with every fault.
    """
    kind, colon, name = scope.partition(":")
    if not (scope == "site" or (kind in _GROUPS and colon and name)):
        raise PolicyRefused([Fault("", f"{scope!r} is no scope: say site, section:NAME or article:ID.")])
    rows = {row.scope: row for row in newest(session, site_id)}
    documents: dict[str, Any] = {other: row.document for other, row in rows.items()}
    documents[scope] = document
    check(documents, scope)
    version = max((row.version for row in rows.values()), default=0) + 1
    row = SitePolicy(
        site_id=site_id,
        scope=scope,
        version=version,
        document=document,
        source=source,
        created_at=now,
        created_by=by,
        note=note,
    )
    session.add(row)
    session.flush()
    return row


def save_text(session: Session, site_id: str, text: str, **more: Any) -> SitePolicy:
    """The same from YAML or JSON as someone wrote it; faults carry their line."""
    document, lines, faults = read(text)
    if document is None:
        raise PolicyRefused(faults)
    if faults:
        raise PolicyRefused([*faults, *faults_of(document, lines)])
    try:
        return save(session, site_id, document, source=text, **more)
    except PolicyRefused as refused:
        placed = [Fault(f.pointer, f.detail, f.line or lines.get(f.pointer)) for f in refused.faults]
        raise PolicyRefused(placed) from None


def check(documents: Mapping[str, Any], scope: str = "site") -> Policy:
    """:raises PolicyRefused: with the faults of the document of one scope, laid over the others.

    :param documents: scope -> document.
    """
    document = documents[scope]
    if not isinstance(document, Mapping):
        raise PolicyRefused(faults_of(document))
    kind, _, name = scope.partition(":")
    try:
        return Policy.from_document(composed(documents))
    except PolicyRefused as refused:
        # the pointers of a section's faults count from the section's own document
        prefix = "" if kind == "site" else f"/{_GROUPS[kind]}/{name.replace('~', '~0').replace('/', '~1')}"
        raise PolicyRefused(
            [Fault(f.pointer.removeprefix(prefix), f.detail, f.line) for f in refused.faults]
        ) from None


def versions(session: Session, site_id: str, *, limit: int = 50) -> list[SitePolicy]:
    """The site's policies, newest first."""
    return list(
        session.scalars(
            select(SitePolicy)
            .where(SitePolicy.site_id == site_id)
            .order_by(SitePolicy.version.desc())
            .limit(limit)
        )
    )

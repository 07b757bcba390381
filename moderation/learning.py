"""What a site's model is trained on, which model it has, and when a new one takes over.

Training itself is done by a door with models.site_model; this room hands out the examples and keeps the
versions. Who says most is bounded: moderators outrank API callers, whatever a stolen key sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation.errors import NotFound, TransitionRefused
from moderation.tables import Comment, Label, ModelVersion, Site

#: Labels of people at the desk; everything else is bounded by them.
OF_PEOPLE = ("desk", "appeal", "undo")
#: All labels of other origins together weigh at most this share of the people's…
OTHERS_SHARE = 0.5
#: …and those of one key at most this.
KEY_SHARE = 0.2
#: A decision's weight halves in this time: editors' taste and spammers' texts change.
HALF_LIFE_DAYS = 180.0
#: The newest this many are learned from.
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Lesson:
    """One text with what people said of it.

    :param rejected: whether it should be rejected.
    :param weight: trust in who said so, times its age; above 0.
    :param scores, logits, facts: as judged; None for a text that was never stored here.
    """

    comment_id: str | None
    body: str
    name: str
    url: str
    rejected: bool
    weight: float
    said_at: datetime
    logits: Mapping[str, Any] | None
    facts: Mapping[str, Any] | None


def lessons_of(session: Session, site_id: str, *, now: datetime, most: int = MOST) -> list[Lesson]:
    """A site's examples, oldest first: one for each text, the newest word on it counts.

    A text is to be rejected when any label on it, of whatever attribute, says so.
    """
    rows: Iterable[Any] = session.execute(
        select(Label, Comment)
        .outerjoin(Comment, Comment.id == Label.comment_id)
        .where(Label.site_id == site_id, Label.superseded_at.is_(None))
        .order_by(Label.created_at.desc(), Label.id.desc())
        .limit(most * 2)
    )
    found: dict[str, tuple[Label, Comment | None, bool, float]] = {}
    for label, comment in rows:
        if comment is not None and (comment.status == "erased" or comment.revision != (label.revision or 1)):
            continue  # what it was said about is not there any more
        if comment is None and not label.text:
            continue
        named = label.comment_id or label.text_hash or label.id
        earlier = found.get(named)
        says = label.value >= 0.5
        if earlier is None:
            if len(found) < most:
                found[named] = (label, comment, says, label.weight)
        else:
            found[named] = (earlier[0], comment, earlier[2] or says, max(earlier[3], label.weight))
    bounded = _bounded([(label, weight) for label, _, _, weight in found.values()])
    lessons = []
    for label, comment, rejected, _ in found.values():
        age = max(0.0, (now - label.created_at).total_seconds() / 86400)
        weight = bounded[label.id] * 0.5 ** (age / HALF_LIFE_DAYS)
        if weight <= 0:
            continue
        lessons.append(
            Lesson(
                comment_id=comment.id if comment else None,
                body=comment.body if comment else label.text or "",
                name=comment.name if comment else label.name,
                url=comment.author_url if comment else label.url,
                rejected=rejected,
                weight=weight,
                said_at=label.created_at,
                logits=comment.logits if comment else None,
                facts=comment.facts if comment else None,
            )
        )
    return sorted(lessons, key=lambda lesson: lesson.said_at)


def _bounded(weighed: Sequence[tuple[Label, float]]) -> dict[str, float]:
    """Weights by label, with API callers held below the moderators.

    Where nobody at the desk has decided yet, callers are all there is, and no key may be more than
    ``KEY_SHARE`` of them unless it is the only one.
    """
    people = sum(weight for label, weight in weighed if label.origin in OF_PEOPLE)
    others: dict[str, float] = {}
    for label, weight in weighed:
        if label.origin not in OF_PEOPLE:
            key = label.key_id or label.origin
            others[key] = others.get(key, 0.0) + weight
    factor: dict[str, float] = {}
    if people:
        for key, total in others.items():
            factor[key] = min(1.0, KEY_SHARE * people / total)
        left = sum(total * factor[key] for key, total in others.items())
        shrink = min(1.0, OTHERS_SHARE * people / left) if left else 1.0
        factor = {key: value * shrink for key, value in factor.items()}
    return {
        label.id: weight
        if label.origin in OF_PEOPLE
        else weight * factor.get(label.key_id or label.origin, 1.0)
        for label, weight in weighed
    }


def note_version(
    session: Session,
    *,
    site_id: str,
    version: str,
    base: str,
    labels: int,
    gate: Mapping[str, Any],
    metrics: Mapping[str, Any],
    now: datetime,
) -> ModelVersion:
    """Keep a new model as the site's challenger: it scores beside the champion and decides nothing."""
    session.execute(
        update(ModelVersion)
        .where(ModelVersion.site_id == site_id, ModelVersion.status == "challenger")
        .values(status="retired", retired_at=now)
    )
    row = ModelVersion(
        version=version,
        site_id=site_id,
        base=base,
        status="challenger",
        labels=labels,
        gate=dict(gate),
        metrics=dict(metrics),
        created_at=now,
    )
    session.add(row)
    site = session.get(Site, site_id)
    if site is None:
        raise NotFound("site")
    site.challenger = version
    session.flush()
    return row


def versions_of(session: Session, site_id: str) -> list[ModelVersion]:
    """A site's models, newest first."""
    return list(
        session.scalars(
            select(ModelVersion)
            .where(ModelVersion.site_id == site_id)
            .order_by(ModelVersion.created_at.desc(), ModelVersion.version.desc())
        )
    )


def is_fit(gate: Mapping[str, Any]) -> bool:
    """Whether every line of the gate is passed."""
    return bool(gate) and all(line.get("passed") for line in gate.values())


def promote(
    session: Session, site_id: str, version: str, *, by: str, now: datetime, force: bool = False
) -> ModelVersion:
    """Let a model decide for its site; the one before it stays at hand for a rollback.

    :param force: a person takes it against the gate; an automatic promotion never does.
    :raises NotFound: no such model of this site.
    :raises TransitionRefused: it failed the gate, or decides already.
    """
    row = session.get(ModelVersion, version)
    site = session.get(Site, site_id)
    if row is None or row.site_id != site_id or site is None:
        raise NotFound("model of this site")
    if row.status == "champion":
        raise TransitionRefused("champion", "promote")
    if not force and not is_fit(row.gate):
        raise TransitionRefused("below the gate", "promote")
    _retire_champion(session, site_id, now)
    row.status, row.promoted_at, row.promoted_by, row.retired_at = "champion", now, by, None
    site.champion = version
    if site.challenger == version:
        site.challenger = None
    session.flush()
    return row


def rollback(session: Session, site_id: str, *, by: str, now: datetime) -> ModelVersion | None:
    """Go back to the champion before this one, or to the shipped model alone.

    :return: what decides now; None for the shipped model alone.
    :raises TransitionRefused: the shipped model decides alone already.
    """
    site = session.get(Site, site_id)
    if site is None or site.champion is None:
        raise TransitionRefused("the shipped model", "roll back")
    left = site.champion
    _retire_champion(session, site_id, now)
    before = session.scalar(
        select(ModelVersion)
        .where(
            ModelVersion.site_id == site_id,
            ModelVersion.promoted_at.is_not(None),
            ModelVersion.version != left,
            ModelVersion.promoted_at
            < select(ModelVersion.promoted_at).where(ModelVersion.version == left).scalar_subquery(),
        )
        .order_by(ModelVersion.promoted_at.desc())
        .limit(1)
    )
    site.champion = before.version if before else None
    if before:
        before.status, before.retired_at, before.promoted_by = "champion", None, by
    session.flush()
    return before


def _retire_champion(session: Session, site_id: str, now: datetime) -> None:
    session.execute(
        update(ModelVersion)
        .where(ModelVersion.site_id == site_id, ModelVersion.status == "champion")
        .values(status="retired", retired_at=now)
    )
    session.expire_all()

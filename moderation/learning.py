"""What a site's model is trained on, which model it has, and when a new one takes over.

Training itself is done by a door with models.site_model; this room hands out the examples and keeps the
versions. Who says most is bounded: moderators outrank API callers, whatever a stolen key sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation.errors import NotFound, TransitionRefused
from moderation.tables import Comment, Label, ModelVersion, Site

#: Labels of people at the desk, and of archives that the operator imported; callers are bounded by them.
OF_PEOPLE = ("desk", "appeal", "undo", "import")
#: All labels of callers together weigh at most this share of the people's…
OTHERS_SHARE = 0.5
#: …and those of one key at most this.
KEY_SHARE = 0.2
#: A decision's weight halves in this time: editors' taste and spammers' texts change.
HALF_LIFE_DAYS = 180.0
#: A model that decides no more can be gone back to for so long; then its files go.
KEPT_DAYS = 90
#: The newest this many are learned from.
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Lesson:
    """One text with what people said of it.

    :param rejected: whether it should be rejected.
    :param by_people: said by ``OF_PEOPLE``, not by a caller.
    :param model: what judged it, so that logits of another model are told; None for a text never judged here.
    :param weight: trust in who said so, times its age; above 0.
    :param scores, logits, facts: as judged; None for a text that was never stored here.
    """

    comment_id: str | None
    body: str
    name: str
    url: str
    rejected: bool
    by_people: bool
    weight: float
    said_at: datetime
    logits: Mapping[str, Any] | None
    facts: Mapping[str, Any] | None
    model: str | None = None


@dataclass(slots=True)
class _Said:
    """What was said of one text: by people, or by callers where no person spoke."""

    label: Label
    comment: Comment | None
    rejected: bool
    weight: float

    def hear(self, label: Label) -> None:
        """Take an earlier label on the same text into account."""
        if is_of_people(label.origin) and not is_of_people(self.label.origin):
            self.label, self.rejected, self.weight = label, label.value >= 0.5, label.weight
        elif is_of_people(label.origin) == is_of_people(self.label.origin):
            self.rejected = self.rejected or label.value >= 0.5
            self.weight = max(self.weight, label.weight)


def is_of_people(origin: str) -> bool:
    """Whether a label of this origin is a moderator's word; a caller's never stands against it."""
    return origin in OF_PEOPLE


def lessons_of(session: Session, site_id: str, *, now: datetime, most: int = MOST) -> list[Lesson]:
    """A site's examples, oldest first: one for each text, the newest word on it counts.

    A text is to be rejected when any label on it, of whatever attribute, says so. Where a person has spoken,
    also on the same words elsewhere, what callers said of them is not heard.
    """
    rows: Iterable[Any] = session.execute(
        select(Label, Comment)
        .outerjoin(Comment, Comment.id == Label.comment_id)
        .where(Label.site_id == site_id, Label.superseded_at.is_(None))
        .order_by(Label.created_at.desc(), Label.id.desc())
        .limit(most * 2)
    )
    found: dict[str, _Said] = {}
    for label, comment in rows:
        if comment is not None and (comment.status == "erased" or comment.revision != (label.revision or 1)):
            continue  # what it was said about is not there any more
        if comment is None and not label.text:
            continue
        named = label.comment_id or label.text_hash or label.id
        if named in found:
            found[named].hear(label)
        elif len(found) < most:
            found[named] = _Said(label, comment, label.value >= 0.5, label.weight)
    by_people = {_body_of(one) for one in found.values() if is_of_people(one.label.origin)}
    heard = [
        one for one in found.values() if is_of_people(one.label.origin) or _body_of(one) not in by_people
    ]
    bounded = _bounded([(one.label, one.weight) for one in heard])
    lessons = []
    for one in heard:
        label, comment = one.label, one.comment
        age = max(0.0, (now - label.created_at).total_seconds() / 86400)
        weight = bounded[label.id] * 0.5 ** (age / HALF_LIFE_DAYS)
        if weight <= 0:
            continue
        lessons.append(
            Lesson(
                comment_id=comment.id if comment else None,
                body=_body_of(one),
                name=comment.name if comment else label.name,
                url=comment.author_url if comment else label.url,
                rejected=one.rejected,
                by_people=is_of_people(label.origin),
                weight=weight,
                said_at=label.created_at,
                logits=comment.logits if comment else None,
                facts=comment.facts if comment else None,
                model=comment.model if comment else None,
            )
        )
    return sorted(lessons, key=lambda lesson: lesson.said_at)


def _body_of(one: _Said) -> str:
    return one.comment.body if one.comment else one.label.text or ""


def _bounded(weighed: Sequence[tuple[Label, float]]) -> dict[str, float]:
    """Weights by label, with API callers held below the moderators.

    Where no person has decided yet, callers are all there is: they are not bounded, and what is trained on
    them alone does not pass the gate.
    """
    people = sum(weight for label, weight in weighed if is_of_people(label.origin))
    others: dict[str, float] = {}
    for label, weight in weighed:
        if not is_of_people(label.origin):
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
        if is_of_people(label.origin)
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
    if row.status in ("champion", "gone"):
        raise TransitionRefused(row.status, "promote")
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
    before = next((session.get(ModelVersion, one) for one in earlier(session, site_id, left)), None)
    site.champion = before.version if before else None
    if before:
        before.status, before.retired_at, before.promoted_by = "champion", None, by
    session.flush()
    return before


def earlier(session: Session, site_id: str, version: str) -> list[str]:
    """Versions that decided for a site before this one, newest first; at most five."""
    since = select(ModelVersion.promoted_at).where(ModelVersion.version == version).scalar_subquery()
    return list(
        session.scalars(
            select(ModelVersion.version)
            .where(
                ModelVersion.site_id == site_id,
                ModelVersion.version != version,
                ModelVersion.promoted_at < since,
                ModelVersion.status != "gone",
            )
            .order_by(ModelVersion.promoted_at.desc())
            .limit(5)
        )
    )


def drop_retired(session: Session, *, now: datetime) -> list[str]:
    """Models that have not decided for ``KEPT_DAYS``: their files are to go, with what they still hold of
    people's words.

    :return: their versions.
    """
    rows = session.scalars(
        select(ModelVersion).where(
            ModelVersion.status == "retired", ModelVersion.retired_at < now - timedelta(days=KEPT_DAYS)
        )
    ).all()
    for row in rows:
        row.status = "gone"
    return [row.version for row in rows]


def _retire_champion(session: Session, site_id: str, now: datetime) -> None:
    session.execute(
        update(ModelVersion)
        .where(ModelVersion.site_id == site_id, ModelVersion.status == "champion")
        .values(status="retired", retired_at=now)
    )
    session.expire_all()

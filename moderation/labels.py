"""Labelled examples: a person's word on a text, with where it came from and what it weighs.

Learning reads these rows (moderation/learning.py). An origin is trusted as the people behind it are: our own
desk fully, another product's moderators less, a bare API call least. What one key can add in a day is
bounded, so that a stolen or careless key cannot turn a site's model.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from moderation.intake import clean, clean_line
from moderation.policy_schema import ATTRIBUTES
from moderation.tables import Comment, Decision, Label, Site
from moderation.vault import Vault

#: What a label may be about. ``likely_to_reject`` is the bare decision, without a why.
SUBJECTS = (*ATTRIBUTES, "likely_to_reject")
#: origin -> weight in training, against 1.0 for a decision at our own desk.
WEIGHTS = {
    "desk": 1.0,
    "appeal": 1.5,  # two people looked
    "undo": 1.0,
    "site": 0.7,
    "import": 0.5,
    "coral": 0.7,
    "submit-spam": 0.5,
    "submit-ham": 0.5,
    "suggestscore": 0.5,
}
#: Labels that one key may add within a day; a site's ``options["limits"]["labels_per_day"]`` says otherwise.
PER_KEY_AND_DAY = 2_000
LONGEST_TEXT = 20_000


def learn(
    session: Session,
    vault: Vault,
    *,
    site: Site,
    origin: str,
    attribute: str,
    value: float,
    now: datetime,
    text: str | None = None,
    comment_id: str | None = None,
    revision: int | None = None,
    name: str = "",
    url: str = "",
    email_hash: str | None = None,
    key_id: str | None = None,
    moderator_id: str | None = None,
) -> Label | None:
    """Keep a label; a later one about the same text or comment switches an earlier one off.

    :param origin: one of ``WEIGHTS``.
    :param attribute: one of ``SUBJECTS``.
    :param value: how much it is that, in [0, 1].
    :param text: for a text that is not one of our comments; without it ``comment_id`` names one.
    :return: None where the key's quota for the day is used up, or the same word was said before.
    :raises ValueError: for an unknown origin or attribute, a value outside [0, 1], or nothing to label.
    """
    if attribute not in SUBJECTS:
        raise ValueError(f"no such attribute: {attribute}")
    if not 0.0 <= value <= 1.0:  # false for NaN too
        raise ValueError(f"a label's value lies in [0, 1], not at {value!r}")
    weight = WEIGHTS.get(origin)
    if weight is None:
        raise ValueError(f"no such origin: {origin}")
    text = clean(text)[0][:LONGEST_TEXT] if text is not None else None
    if not text and comment_id is None:
        raise ValueError("a label needs a text or a comment")
    if key_id is not None and _of_today(session, key_id, now) >= quota_of(site):
        return None
    text_hash = vault.text_hash(text) if text else None
    same = Label.comment_id == comment_id if comment_id is not None else Label.text_hash == text_hash
    earlier = session.scalars(
        select(Label).where(
            Label.site_id == site.id, same, Label.attribute == attribute, Label.superseded_at.is_(None)
        )
    ).all()
    if any(one.value == value and one.origin == origin and one.revision == revision for one in earlier):
        return None
    for one in earlier:
        # a caller does not switch off what a person at the desk said
        if key_id is None or one.key_id is not None:
            one.superseded_at = now
    label = Label(
        site_id=site.id,
        comment_id=comment_id,
        revision=revision,
        text=text,
        text_hash=text_hash,
        name=clean_line(name)[0][:200],
        url=clean_line(url)[0][:2000],
        email_hash=email_hash,
        attribute=attribute,
        value=value,
        origin=origin,
        weight=weight,
        key_id=key_id,
        moderator_id=moderator_id,
        created_at=now,
    )
    session.add(label)
    session.flush()
    return label


def from_decision(session: Session, comment: Comment, decision: Decision) -> None:
    """A person's decision is a lesson: to be rejected or not, and for a rejection of what kind.

    Earlier words on the comment from here are switched off: the last one counts.
    """
    if not _is_lesson(decision):
        return
    forget_decision(session, comment, at=decision.created_at)
    origin = "appeal" if decision.reason_code == "APPEAL" else _ORIGINS[decision.by_kind]
    _keep(session, comment, decision, origin, decision.created_at)


def from_undo(session: Session, comment: Comment, undone: Decision, *, now: datetime) -> None:
    """What was taken back teaches nothing; where a person had decided before, their word stands again."""
    forget_decision(session, comment, at=now)
    before = session.scalar(
        select(Decision)
        .where(
            Decision.comment_id == comment.id,
            Decision.id < undone.id,
            Decision.revision == comment.revision,
            Decision.new_status != Decision.old_status,
        )
        .order_by(Decision.id.desc())
        .limit(1)
    )
    if before is not None and _is_lesson(before) and before.new_status == comment.status:
        _keep(session, comment, before, "undo", now)


def _is_lesson(decision: Decision) -> bool:
    return decision.by_kind in ("moderator", "site") and decision.new_status in ("approved", "rejected")


def _keep(session: Session, comment: Comment, decision: Decision, origin: str, at: datetime) -> None:
    rejected = decision.new_status == "rejected"
    subjects = {"likely_to_reject": float(rejected)}
    if rejected and decision.reason_code in _SUBJECT_OF:
        subjects[_SUBJECT_OF[decision.reason_code]] = 1.0
    for attribute, value in subjects.items():
        session.add(
            Label(
                site_id=comment.site_id,
                comment_id=comment.id,
                revision=comment.revision,
                email_hash=comment.email_hash or None,
                attribute=attribute,
                value=value,
                origin=origin,
                weight=WEIGHTS[origin],
                moderator_id=decision.by_id if decision.by_kind == "moderator" else None,
                created_at=at,
            )
        )


def forget_decision(session: Session, comment: Comment, *, at: datetime) -> None:
    """Switch off what was learned from decisions on a comment: it was undone, or decided anew."""
    session.execute(
        update(Label)
        .where(
            Label.comment_id == comment.id,
            Label.origin.in_(("desk", "appeal", "undo", "site")),
            Label.superseded_at.is_(None),
        )
        .values(superseded_at=at)
    )


_ORIGINS = {"moderator": "desk", "site": "site"}
#: A reason that speaks of one attribute -> that attribute.
_SUBJECT_OF = {
    "SPAM": "spam",
    "HATE_SPEECH": "identity_attack",
    "HARASSMENT_BULLYING": "threat",
    "ABUSIVE": "insult",
    "OFFENSIVE": "toxicity",
}


def quota_of(site: Site) -> int:
    """Labels that one of the site's keys may add within a day; 0 takes none."""
    found = (site.options.get("limits") or {}).get("labels_per_day")
    return found if isinstance(found, int) and found >= 0 else PER_KEY_AND_DAY


def _of_today(session: Session, key_id: str, now: datetime) -> int:
    """Labels of a key in the last 24 hours."""
    since = now - timedelta(days=1)
    count = session.scalar(
        select(func.count()).where(Label.key_id == key_id, Label.created_at > since).select_from(Label)
    )
    return int(count or 0)

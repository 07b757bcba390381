"""One comment with everything that a person needs to decide on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from moderation import people, reason_codes
from moderation.leases import is_busy
from moderation.policy_schema import SIGNALS
from moderation.queue import MOST_COUNTED
from moderation.tables import (
    Appeal,
    Author,
    AuthorNote,
    Comment,
    Decision,
    Moderator,
    Report,
    Revision,
    Site,
)

CODES = tuple(reason_codes.CODES)
_SIMILAR_SHOWN = 4
_DECISIONS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Similar:
    """A near-duplicate of the open comment."""

    id: str
    name: str
    start: str
    status: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """What the desk shows of an open comment.

    :param names: moderator id -> name, for every person named in it.
    :param similar: some of its near-duplicates; ``similar_waiting`` counts those that wait too.
    :param author_waiting: how many of the author's comments wait, this one included.
    :param busy_with: who else has it open, or ``""``.
    :param before: the revision that this one replaced, if any.
    """

    comment: Comment
    site: Site
    author: Author | None
    decisions: Sequence[Decision]
    names: dict[str, str]
    notes: Sequence[AuthorNote] = ()
    reports: Sequence[Report] = ()
    appeal: Appeal | None = None
    similar: Sequence[Similar] = ()
    similar_waiting: int = 0
    author_waiting: int = 0
    busy_with: str = ""
    before: Revision | None = None
    house_rules: Sequence[str] = field(default_factory=tuple)

    @property
    def suggested_code(self) -> str:
        """The reason code that fits what the machine or readers said; a person may take another."""
        for reason in self.comment.reasons or ():
            if reason.get("verdict") in ("hold", "reject"):
                code = reason_codes.OF_MACHINE.get(str(reason.get("name")))
                if code:
                    return code
        for report in self.reports:
            if report.reason in CODES:
                return report.reason
        scores = self.comment.scores or {}
        top = max(scores, key=lambda name: scores[name], default="")
        return reason_codes.OF_MACHINE.get(top, "OTHER") if scores.get(top, 0.0) >= 0.5 else "OTHER"

    @property
    def first_decider(self) -> str:
        """The person whose decision is appealed, or ``""``."""
        if self.appeal is None:
            return ""
        for decision in self.decisions:
            if decision.id == self.appeal.decision_id and decision.by_kind == "moderator":
                return decision.by_id
        return ""

    @property
    def domains(self) -> list[str]:
        """Hosts that the comment links to, each once."""
        links = (self.comment.facts or {}).get("links") or ()
        return list(dict.fromkeys(str(link.get("domain") or link.get("host") or "") for link in links))

    @property
    def other_signals(self) -> list[dict[str, object]]:
        """Signals that gave no reason: noted, and worth seeing all the same."""
        said = {reason.get("name") for reason in self.comment.reasons or ()}
        return [one for one in self.comment.signals or () if one.get("name") not in said | {""}]


def dossier_of(session: Session, comment: Comment, *, person_id: str, now: datetime) -> Dossier:
    """Gather it: about eight statements, none of which grows with the site."""
    site = session.get_one(Site, comment.site_id)
    here = (comment.site_id, comment.author_identity)
    author = session.get(Author, here)
    decisions = list(
        session.scalars(
            select(Decision)
            .where(Decision.comment_id == comment.id)
            .order_by(Decision.id.desc())
            .limit(_DECISIONS_SHOWN)
        )
    )[::-1]
    notes = list(
        session.scalars(
            select(AuthorNote)
            .where(AuthorNote.site_id == here[0], AuthorNote.identity == here[1])
            .order_by(AuthorNote.id.desc())
            .limit(10)
        )
    )
    reports: Sequence[Report] = ()
    if comment.open_reports:
        reports = list(
            session.scalars(
                select(Report)
                .where(Report.comment_id == comment.id, Report.status == "open")
                .order_by(Report.id.desc())
                .limit(10)
            )
        )
    appeal = None
    if any(decision.new_status == "rejected" for decision in decisions):
        appeal = session.scalar(
            select(Appeal).where(Appeal.comment_id == comment.id).order_by(Appeal.id.desc()).limit(1)
        )
    similar, similar_waiting = _similar(session, comment)
    before = session.get(Revision, (comment.id, comment.revision - 1)) if comment.revision > 1 else None
    busy = is_busy(comment, person_id, now)
    ids = {decision.by_id for decision in decisions if decision.by_kind == "moderator"}
    ids |= {note.moderator_id for note in notes} | (
        {comment.opened_by} if busy and comment.opened_by else set()
    )
    names = people.names_of(session, ids)
    return Dossier(
        comment=comment,
        site=site,
        author=author,
        decisions=decisions,
        names=names,
        notes=notes,
        reports=reports,
        appeal=appeal,
        similar=similar,
        similar_waiting=similar_waiting,
        author_waiting=_waiting(session, comment),
        busy_with=names.get(comment.opened_by or "", "") if busy else "",
        before=before,
        house_rules=house_rules_of(site),
    )


def house_rules_of(site: Site) -> tuple[str, ...]:
    return reason_codes.house_rules_of(site.options)


def templates_of(site: Site) -> dict[str, str]:
    """Ready-made notes to authors (site option ``message_templates``): title -> text."""
    found = (site.options or {}).get("message_templates") or {}
    return {str(title): str(text) for title, text in found.items()} if isinstance(found, dict) else {}


def signal_title(name: str) -> str:
    """A signal in words, in English."""
    return SIGNALS[name][0] if name in SIGNALS else name.replace("_", " ").capitalize()


def last_decision(session: Session, site_ids: Sequence[str]) -> tuple[Decision, str] | None:
    """The latest decision of a person on these sites, and the person's name."""
    by = aliased(Moderator)
    found = session.execute(
        select(Decision, by.name)
        .join(by, by.id == Decision.by_id)
        .where(Decision.site_id.in_(site_ids), Decision.by_kind == "moderator")
        .order_by(Decision.id.desc())
        .limit(1)
    ).first()
    return (found[0], found[1]) if found else None


def _similar(session: Session, comment: Comment) -> tuple[list[Similar], int]:
    if comment.cluster is None:
        return [], 0
    same = (Comment.site_id == comment.site_id, Comment.cluster == comment.cluster, Comment.id != comment.id)
    rows = session.execute(
        select(Comment.id, Comment.name, func.substr(Comment.body, 1, 120).label("start"), Comment.status)
        .where(*same, Comment.status.not_in(("erased", "withdrawn")))
        .order_by(Comment.id.desc())
        .limit(_SIMILAR_SHOWN)
    ).all()
    waiting = select(literal(1).label("one")).where(*same, Comment.status == "held").limit(MOST_COUNTED + 1)
    count = session.scalar(select(func.count()).select_from(waiting.subquery())) or 0
    return [Similar(row.id, row.name, row.start, row.status) for row in rows], count


def _waiting(session: Session, comment: Comment) -> int:
    some = (
        select(literal(1).label("one"))
        .where(
            Comment.site_id == comment.site_id,
            Comment.author_identity == comment.author_identity,
            or_(Comment.status == "held", Comment.open_reports > 0),
        )
        .limit(MOST_COUNTED + 1)
    )
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0

"""What waits for a person: views over comments, their filters, order, counts and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from moderation.tables import Appeal, Comment, Decision, SecondReview

VIEWS = ("held", "escalated", "reported", "appeals", "unsure", "second", "decided")
ORDERS = ("urgent", "newest", "oldest")
PAGE = 30
#: Counting stops here: "999+" is as good to a person as the true number, and costs a fraction of it.
MOST_COUNTED = 999
_LINE_CHARACTERS = 180
#: Words are looked for in this many comments, the first in the view's order once the other filters have
#: narrowed it: no index finds a word inside a text, and a search must not slow down as the archive grows.
SEARCHED = 5_000


@dataclass(frozen=True, slots=True)
class Question:
    """One view of the queue: what is asked for, in which order.

    :param person_id: who asks; appeals and second looks leave out what this person decided.
    :param low: and ``high``: range of the score of ``attribute``, in [0, 1].
    :param domain: a host that a link of the comment goes to.
    """

    view: str
    site_ids: tuple[str, ...]
    person_id: str
    order: str = "urgent"
    section: str = ""
    article: str = ""
    author: str = ""
    language: str = ""
    reason: str = ""
    attribute: str = ""
    low: float | None = None
    high: float | None = None
    text: str = ""
    domain: str = ""
    cluster: str = ""

    FILTERS = ("section", "article", "author", "language", "reason", "attribute", "low", "high", "text",
               "domain", "cluster")  # fmt: skip

    @classmethod
    def asked(
        cls, args: Mapping[str, str], *, view: str, site_ids: Sequence[str], person_id: str
    ) -> Question:
        """From a query string. What makes no sense is left out: a stale bookmark is no fault."""
        words = {
            name: args.get(name, "").strip()[:500] for name in cls.FILTERS if name not in ("low", "high")
        }
        return cls(
            view=view,
            site_ids=tuple(site_ids),
            person_id=person_id,
            order=args.get("order", "") if args.get("order") in ORDERS else "urgent",
            low=_share(args.get("low", "")),
            high=_share(args.get("high", "")),
            **words,
        )

    def args(self) -> dict[str, str]:
        """The query string that asks the same again."""
        said = {name: getattr(self, name) for name in self.FILTERS}
        found = {name: str(value) for name, value in said.items() if value not in ("", None)}
        return found if self.order == "urgent" else {**found, "order": self.order}

    @property
    def is_filtered(self) -> bool:
        return any(getattr(self, name) not in ("", None) for name in self.FILTERS)

    def like(self, **changes: Any) -> Question:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a view: rows of the columns in ``_ROW`` and the key that the next page starts after."""

    rows: Sequence[Any] = field(default_factory=tuple)
    next_key: str = ""


_ROW = (
    Comment.id,
    Comment.site_id,
    Comment.name,
    func.substr(Comment.body, 1, _LINE_CHARACTERS).label("start"),
    Comment.status,
    Comment.revision,
    Comment.reasons,
    Comment.top_attribute,
    Comment.top_score,
    Comment.received_at,
    Comment.decided_at,
    Comment.open_reports,
    Comment.escalated_at,
    Comment.article_title,
    Comment.urgency,
    Comment.unsure,
    Comment.opened_by,
    Comment.opened_until,
)


def page_of(session: Session, question: Question, *, after: str = "", limit: int = PAGE) -> Page:
    """One page. One statement, whose cost does not grow with the depth of the page.

    :param after: the key of the last row of the page before, ``""`` for the first page.
    """
    column, is_falling = _order_of(question)
    query = _from(question, *_ROW, column.label("key"))
    query = _after(query, column, is_falling, after)
    tie = Comment.id.desc() if is_falling else Comment.id
    query = query.order_by(column.desc() if is_falling else column, tie).limit(limit + 1)
    rows = session.execute(query).all()
    next_key = key_of(rows[limit - 1]) if len(rows) > limit else ""
    return Page(rows[:limit], next_key)


def next_of(session: Session, question: Question, *, after: str, now: datetime) -> Any | None:
    """The row that a person gets next: after this one, else from the top; nobody else has it open.

    One statement, or two when nothing is left after it.
    """
    free = or_(
        Comment.opened_by.is_(None), Comment.opened_by == question.person_id, Comment.opened_until < now
    )
    column, is_falling = _order_of(question)
    tie = Comment.id.desc() if is_falling else Comment.id
    for start in dict.fromkeys((after, "")):
        query = _from(question, *_ROW, column.label("key")).where(free)
        query = _after(query, column, is_falling, start)
        row = session.execute(query.order_by(column.desc() if is_falling else column, tie).limit(1)).first()
        if row is not None:
            return row
    return None


def key_of(row: Any) -> str:
    """Where a row stands in its order, as text for an address."""
    value = row.key.isoformat() if isinstance(row.key, datetime) else row.key
    return f"{value}~{row.id}"


def key_for(comment: Comment, question: Question) -> str:
    """The key that a comment has, or had, in a view: what comes after it is next."""
    column, _ = _order_of(question)
    value = getattr(comment, column.key)
    if value is None:
        return ""
    return f"{value.isoformat() if isinstance(value, datetime) else value}~{comment.id}"


def matches(session: Session, question: Question) -> int:
    """How many comments a view holds, counted to ``MOST_COUNTED`` + 1."""
    return session.scalar(select(func.count()).select_from(_some(question))) or 0


def counts_of(session: Session, question: Question) -> dict[str, int]:
    """view -> how many wait there on these sites, filters aside. One statement."""
    plain = Question(view="held", site_ids=question.site_ids, person_id=question.person_id)
    waiting = [view for view in VIEWS if view != "decided"]
    columns = [
        select(func.count()).select_from(_some(plain.like(view=view))).scalar_subquery().label(view)
        for view in waiting
    ]
    return dict(zip(waiting, session.execute(select(*columns)).one(), strict=True))


def ids_of(session: Session, question: Question, *, limit: int) -> list[str]:
    """The comments of a view, for acts on all of them."""
    return list(session.scalars(_from(question, Comment.id).order_by(Comment.id).limit(limit)))


def _some(question: Question) -> Any:
    return _from(question, literal(1).label("one")).limit(MOST_COUNTED + 1).subquery()


def _from(question: Question, *columns: Any) -> Select[Any]:
    """The view with its filters, and no order yet."""
    query = select(*columns).select_from(Comment)
    on_sites = Comment.site_id.in_(question.site_ids)
    me = question.person_id
    match question.view:
        case "held":
            query = query.where(on_sites, Comment.status == "held", Comment.escalated_at.is_(None))
        case "escalated":
            query = query.where(on_sites, Comment.status == "held", Comment.escalated_at.is_not(None))
        case "unsure":
            query = query.where(
                on_sites, Comment.status == "held", Comment.unsure > 0, Comment.escalated_at.is_(None)
            )
        case "reported":
            query = query.where(on_sites, Comment.open_reports > 0)
        case "decided":
            query = query.where(on_sites, Comment.decided_at.is_not(None))
        case "appeals":
            first = and_(Decision.id == Appeal.decision_id, Decision.by_kind == "moderator")
            query = (
                query.join(Appeal, Appeal.comment_id == Comment.id)
                .outerjoin(Decision, first)
                .where(
                    Appeal.site_id.in_(question.site_ids),
                    Appeal.status == "open",
                    # Someone else than the first time looks a second time.
                    or_(Decision.by_id.is_(None), Decision.by_id != me),
                )
            )
        case "second":
            query = query.join(SecondReview, SecondReview.comment_id == Comment.id).where(
                SecondReview.site_id.in_(question.site_ids),
                SecondReview.answered_at.is_(None),
                SecondReview.first_moderator_id != me,
                Comment.status.in_(("approved", "rejected")),
            )
        case _:
            raise ValueError(question.view)
    if question.text and question.view not in ("appeals", "second"):
        column, is_falling = _order_of(question)
        plain = _from(question.like(text=""), Comment.id)
        foremost = plain.order_by(column.desc() if is_falling else column).limit(SEARCHED).subquery()
        query = select(*columns).select_from(Comment).where(Comment.id.in_(select(foremost.c.id)))
    return query.where(*_filters(question))


def _filters(question: Question) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name, column in (
        ("section", Comment.section),
        ("article", Comment.article_id),
        ("author", Comment.author_identity),
        ("language", Comment.language),
        ("cluster", Comment.cluster),
    ):
        if getattr(question, name):
            found.append(column == getattr(question, name))
    if question.reason:
        # Both databases write a space after the colon, so one pattern finds the name in either.
        found.append(cast(Comment.reasons, Text).contains(f'"name": "{question.reason}"', autoescape=True))
    if question.domain:
        found.append(cast(Comment.facts, Text).contains(f'"domain": "{question.domain}"', autoescape=True))
    if question.attribute and (question.low is not None or question.high is not None):
        score = Comment.scores[question.attribute].as_float()
        found.append(score.between(question.low or 0.0, 1.0 if question.high is None else question.high))
    for word in question.text.split()[:8]:
        found.append(
            or_(Comment.body.icontains(word, autoescape=True), Comment.name.icontains(word, autoescape=True))
        )
    return found


def _order_of(question: Question) -> tuple[Any, bool]:
    """The column that a view is ordered by, and whether it falls."""
    if question.order == "newest":
        return (Comment.decided_at if question.view == "decided" else Comment.id), True
    if question.order == "oldest":
        return (Comment.decided_at if question.view == "decided" else Comment.id), False
    by_view = {"unsure": Comment.unsure, "decided": Comment.decided_at, "second": Comment.id}
    if question.view == "appeals":
        return Comment.id, False
    return by_view.get(question.view, Comment.urgency), True


def _after(query: Select[Any], column: Any, is_falling: bool, after: str) -> Select[Any]:
    text, tilde, last_id = after.rpartition("~")
    if not tilde:
        return query
    try:
        value: Any = text
        if column is Comment.decided_at:
            value = datetime.fromisoformat(text)
        elif column is not Comment.id:
            value = float(text)
    except ValueError:
        return query
    if column is Comment.id:
        return query.where(Comment.id < last_id if is_falling else Comment.id > last_id)
    here, there = tuple_(column, Comment.id), tuple_(literal(value, column.type), literal(last_id))
    return query.where(here < there if is_falling else here > there)


def _share(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 <= value <= 1.0 else None

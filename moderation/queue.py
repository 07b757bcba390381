"""What waits for a person: views over comments, their filters, order, counts and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from moderation import search
from moderation.asked import is_among
from moderation.tables import Appeal, Comment, Decision, SecondReview

VIEWS = ("held", "escalated", "reported", "appeals", "unsure", "second", "decided")
_WAITING = tuple(view for view in VIEWS if view != "decided")
#: Views that are short by their nature: a search reads all of them.
_SHORT = ("appeals", "second")
ORDERS = ("urgent", "newest", "oldest")
PAGE = 30
#: Counting stops here: "999+" is as good to a person as the true number, and costs a fraction of it.
MOST_COUNTED = 999
_LINE_CHARACTERS = 180


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
    """One page of a view.

    :param rows: rows of the columns in ``_ROW``.
    :param next_key: the key that the next page starts after, ``""`` for the last page.
    :param looked_at: comments that a search looked at when it stopped there, found or not; 0 for all of them.
    """

    rows: Sequence[Any] = field(default_factory=tuple)
    next_key: str = ""
    looked_at: int = 0


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


def page_of(
    session: Session, question: Question, *, now: datetime, after: str = "", limit: int = PAGE
) -> Page:
    """One page, whose cost does not grow with its depth. One statement; up to eight for a search.

    :param after: the key of the last row of the page before, ``""`` for the first page.
    """
    rows, stopped_at = _found(session, question, after=after, limit=limit + 1, now=now)
    if len(rows) > limit:
        return Page(rows[:limit], key_of(rows[limit - 1]))
    return Page(rows, stopped_at, search.STEP if stopped_at else 0)


def next_of(session: Session, question: Question, *, after: str, now: datetime) -> Any | None:
    """The row that a person gets next: after this one, else from the top; nobody else has it open.

    One statement, or two when nothing is left after it.
    """
    free = or_(
        Comment.opened_by.is_(None), Comment.opened_by == question.person_id, Comment.opened_until < now
    )
    for start in dict.fromkeys((after, "")):
        rows, _ = _found(session, question, free, after=start, limit=1, now=now)
        if rows:
            return rows[0]
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
    """How many comments a view holds, counted to ``MOST_COUNTED`` + 1; for a view without a search."""
    return session.scalar(select(func.count()).select_from(_some(question))) or 0


def counts_of(session: Session, question: Question) -> dict[str, int]:
    """view -> how many wait there on these sites, filters aside. One statement."""
    row = session.execute(_counting(question.site_ids, question.person_id)).one()
    return dict(zip(_WAITING, row, strict=True))


@lru_cache(maxsize=256)
def _counting(site_ids: tuple[str, ...], person_id: str) -> Select[Any]:
    """Kept, because putting it together takes as long as the database's answer."""
    plain = Question(view="held", site_ids=site_ids, person_id=person_id)
    return select(
        *(
            select(func.count()).select_from(_some(plain.like(view=view))).scalar_subquery().label(view)
            for view in _WAITING
        )
    )


def ids_of(session: Session, question: Question, *, limit: int) -> list[str]:
    """The comments of a view, for acts on all of them."""
    return list(session.scalars(_from(question, Comment.id).order_by(Comment.id).limit(limit)))


def _found(
    session: Session,
    question: Question,
    *more: ColumnElement[bool],
    after: str,
    limit: int,
    now: datetime,
) -> tuple[Sequence[Any], str]:
    """The first rows after a key, and the key at which a search stopped before the end of the view."""
    key = _order_of(question)[0].label("key")
    words = search.words_of(question.text)
    if not words or question.view in _SHORT:
        return session.execute(
            _ordered(_from(question, *_ROW, key).where(*more), question, after, limit)
        ).all(), ""
    rows, reached = _read(session, question, words, more, after, limit, search.NEAR)
    if not reached:
        return rows, ""
    size, rest = search.size_of_index(session, words), limit - len(rows)
    # A word as common as in what was read: would the index name more than it may? Then read on first.
    asks_first = size is not None and size * len(rows) / search.NEAR <= search.MOST_HITS
    ids = search.hits(session, words, question.site_ids, now) if asks_first else None
    if ids is None:
        further, reached = _read(session, question, words, more, reached, rest, search.STEP - search.NEAR)
        rows, rest = [*rows, *further], rest - len(further)
        if reached and size is not None and not asks_first:
            ids = search.hits(session, words, question.site_ids, now)
        if not reached or ids is None:
            return rows, reached
    return [*rows, *_among(session, question, ids, words, more, reached, rest)], ""


def _read(
    session: Session,
    question: Question,
    words: Sequence[str],
    more: Sequence[ColumnElement[bool]],
    after: str,
    limit: int,
    size: int,
) -> tuple[Sequence[Any], str]:
    """What has the words among the next comments of a view.

    :param size: how many are read.
    :return: with the key of the last one read; ``""`` when the limit or the end of the view came first.
    """
    key = _order_of(question)[0].label("key")
    plain = question.like(text="")
    # The words are looked for outside of the step: within it, or by a join, a planner reads the whole table.
    step = _ordered(_from(plain, *_ROW, Comment.body, key).where(*more), plain, after, size).subquery()
    fitting = select(*(column for column in step.c if column.key != "body")).where(
        *search.has_words(words, step.c)
    )
    rows = session.execute(_in_order(fitting, question, step.c.key, step.c.id).limit(limit)).all()
    if len(rows) == limit:
        return rows, ""
    last = session.execute(
        _ordered(_from(plain, Comment.id, key).where(*more), plain, after, 1).offset(size - 1)
    ).first()
    return rows, key_of(last) if last is not None else ""


def _among(
    session: Session,
    question: Question,
    ids: Sequence[str],
    words: Sequence[str],
    more: Sequence[ColumnElement[bool]],
    after: str,
    limit: int,
) -> Sequence[Any]:
    """The next comments of a view that the index named."""
    column, is_falling = _order_of(question)
    view = _from(question.like(text=""), *_ROW, column.label("key")).where(
        is_among(session, Comment.id, ids), *search.has_words(search.too_short(words), Comment), *more
    )
    # Materialised: the planner would else now and then walk the whole view and look for each in the ids.
    found = _after(view, column, is_falling, after).cte("found").prefix_with("MATERIALIZED")
    return session.execute(_in_order(select(found), question, found.c.key, found.c.id).limit(limit)).all()


def _ordered(query: Select[Any], question: Question, after: str, limit: int) -> Select[Any]:
    column, is_falling = _order_of(question)
    query = _after(query, column, is_falling, after)
    return _in_order(query, question, column, Comment.id).limit(limit)


def _in_order(query: Select[Any], question: Question, key: Any, tie: Any) -> Select[Any]:
    _, is_falling = _order_of(question)
    return query.order_by(key.desc(), tie.desc()) if is_falling else query.order_by(key, tie)


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
    found += search.has_words(search.words_of(question.text), Comment)
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

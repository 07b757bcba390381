"""Cases for a backtest that are scored now: a file of comments, or what is stored, with the present model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

from sqlalchemy.orm import Session

from moderation import backtest, list_store
from moderation.backtest import EXCERPT, Case
from moderation.errors import Fault, Invalid
from moderation.lists import Matcher
from moderation.policy import DEFAULT, Policy
from moderation.signals import NO_HISTORY, Subject, circumstances_of, find
from moderation.tables import Comment, Site
from moderation.vault import Vault

if TYPE_CHECKING:
    from models.scorer import Scorer

BATCH = 64
_PERSON = {"approved": "approve", "approve": "approve", "rejected": "reject", "reject": "reject"}
#: Signals that come from the text and the lists; the others need the history of their time, and are kept.
_HISTORY = frozenset(
    {"duplicate", "near_duplicate", "like_rejected", "akin_to_rejected", "contact_rejected",
     "flooding_author", "flooding_ip", "flooding_thread", "first_comment", "stranger_with_contact",
     "trusted_author", "poor_reputation", "author_strikes", "banned_author", "honeypot", "form_too_fast",
     "form_token_faulty"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """A comment to be scored, and the case it becomes."""

    subject: Subject
    case: Case


def file_cases(
    source: TextIO, *, scorer: Scorer, policy: Policy, matcher: Matcher, site: Site, now: datetime
) -> Iterator[Case]:
    """Score a file of comments, one JSON object a line: ``text`` (or ``body``), and where they are known
    ``name``, ``email``, ``section``, ``submitted_at`` and ``decision`` (``approved`` or ``rejected``).

    :raises Invalid: for a line that is none; with its number.
    """
    asked = (_of_line(number, line, now) for number, line in enumerate(source, 1) if line.strip())
    yield from _scored(asked, scorer=scorer, policy=policy, matcher=matcher, site=site, now=now)


def stored_cases(
    session: Session,
    *,
    scorer: Scorer,
    policy: Policy,
    vault: Vault,
    site: Site,
    since: datetime,
    now: datetime,
) -> tuple[int, Iterator[Case]]:
    """Score stored comments anew, with the lists as they are now; what history said then is kept."""
    count, cases = backtest.stored(session, site.id, since=since)
    matcher = list_store.matcher_of(session, site.id, now=now)

    def asked() -> Iterator[_Asked]:
        while chunk := list(islice(cases, BATCH)):
            rows = {
                row.id: row for row in session.query(Comment).where(Comment.id.in_([c.id for c in chunk]))
            }
            for case in chunk:
                row = rows[case.id]
                email = vault.decrypt(row.email_encrypted)
                yield _Asked(
                    Subject(row.body, row.name, email, row.email_hash, email.rpartition("@")[2], row.ip), case
                )
            session.expunge_all()

    return count, _scored(asked(), scorer=scorer, policy=policy, matcher=matcher, site=site, now=now)


def _of_line(number: int, line: str, now: datetime) -> _Asked:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Invalid([Fault("", f"Line {number} is not JSON: {error}.", number)]) from None
    text = said.get("text", said.get("body")) if isinstance(said, dict) else None
    if not isinstance(text, str):
        raise Invalid([Fault("/text", f'Line {number} needs {{"text": "…"}}.', number)])
    at = now
    if said.get("submitted_at"):
        try:
            at = datetime.fromisoformat(str(said["submitted_at"]))
            at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
        except ValueError:
            raise Invalid([Fault("/submitted_at", f"Line {number} has no time there.", number)]) from None
    email = str(said.get("email", ""))
    subject = Subject(
        body=text,
        name=str(said.get("name", "")),
        email=email,
        email_domain=email.rpartition("@")[2],
        section=str(said.get("section", "")),
        submitted_at=at,
    )
    person = _PERSON.get(str(said.get("decision", "")), "")
    at_that_time = circumstances_of(subject, replace(NO_HISTORY, known=True), DEFAULT, now)
    case = Case(str(said.get("id", number)), {}, (), at_that_time, "", person, text[:EXCERPT])
    return _Asked(subject, case)


def _scored(
    asked: Iterable[_Asked], *, scorer: Scorer, policy: Policy, matcher: Matcher, site: Site, now: datetime
) -> Iterator[Case]:
    from models.scorer import Text

    left = iter(asked)
    known = replace(NO_HISTORY, known=True)
    while batch := list(islice(left, BATCH)):
        texts = [
            Text(
                body=one.subject.body, name=one.subject.name, email=one.subject.email, language=site.language
            )
            for one in batch
        ]
        answers: Sequence[Any] = scorer.score(texts, lines=policy.lines)
        for one, found in zip(batch, answers, strict=True):
            fresh = find(one.subject, found.facts, matcher, known, policy, now, site.language)
            kept = [signal for signal in one.case.signals if signal.name in _HISTORY]
            yield replace(
                one.case,
                scores=found.scores,
                signals=[*fresh, *kept],
                circumstances=replace(
                    one.case.circumstances,
                    language=found.language,
                    language_supported=found.language_supported,
                ),
            )

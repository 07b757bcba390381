"""From claimed comments and their scores to judgements: policy, signals and history put together.

The door scores between :func:`prepare` and :func:`judge_all`: this room does not know the
model, only what it answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from moderation.lifecycle import Judgement
from moderation.policy import DEFAULT, Circumstances, Policy, judge
from moderation.store import newest_policy, site_of
from moderation.tables import Comment, SitePolicy
from moderation.vault import Vault


class Scored(Protocol):
    """What the model answers for one text (models.scorer.Scored)."""

    @property
    def scores(self) -> dict[str, float]: ...
    @property
    def facts(self) -> dict[str, Any]: ...
    @property
    def model(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def language_supported(self) -> bool: ...
    @property
    def fast(self) -> dict[str, float]: ...
    @property
    def deep(self) -> dict[str, float] | None: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed comment with everything that its judgement needs from the database.

    :param policy: in force where the comment stands (site, section, article).
    :param email: in clear for the time of judging: the model compares it with the text.
    """

    comment: Comment
    policy: Policy
    policy_id: str | None
    language: str
    email: str


_policies: dict[str, tuple[str, Policy]] = {}


def policy_of(session: Session, site_id: str) -> tuple[Policy, str | None]:
    """The site's policy in force and its id; parsed once for each version in a process."""
    row: SitePolicy | None = newest_policy(session, site_id)
    if row is None:
        return DEFAULT, None
    known = _policies.get(site_id)
    if known is None or known[0] != row.id:
        _policies[site_id] = (row.id, Policy.from_document(row.document, version=row.version))
    return _policies[site_id][1], row.id


def policy_for(session: Session, comment: Comment) -> Policy:
    """The policy under which one comment is judged: the site's, its section's, its article's."""
    return policy_of(session, comment.site_id)[0].at(comment.section, comment.article_id)


def prepare(session: Session, comments: Sequence[Comment], *, vault: Vault, now: datetime) -> list[Ready]:
    """Read what the judgements need: a few statements for the whole batch."""
    policies = {site_id: policy_of(session, site_id) for site_id in {c.site_id for c in comments}}
    languages = {site_id: site_of(session, site_id).language for site_id in policies}
    return [
        Ready(
            comment=comment,
            policy=policies[comment.site_id][0].at(comment.section, comment.article_id),
            policy_id=policies[comment.site_id][1],
            language=comment.declared_language or languages[comment.site_id],
            email=vault.decrypt(comment.email_encrypted),
        )
        for comment in comments
    ]


def judge_all(ready: Sequence[Ready], scored: Sequence[Scored], *, now: datetime) -> list[Judgement]:
    """A judgement for each comment; pure."""
    return [_judge(one, found, now) for one, found in zip(ready, scored, strict=True)]


def _judge(one: Ready, found: Scored, now: datetime) -> Judgement:
    comment = one.comment
    circumstances = Circumstances(
        now=now,
        section=comment.section,
        article=comment.article_id,
        article_published_at=comment.article_published_at,
        language=found.language,
        language_supported=found.language_supported,
    )
    verdict = judge(found.scores, one.policy, (), circumstances)
    return Judgement(
        comment=comment,
        outcome=verdict.outcome,
        reasons=[asdict(reason) for reason in verdict.reasons],
        scores=found.scores,
        logits={"fast": found.fast, "deep": found.deep},
        facts=found.facts,
        signals=[],
        shadow={"policies": [asdict(shadow) for shadow in verdict.shadow]} if verdict.shadow else None,
        model=found.model,
        policy_id=one.policy_id,
        language=found.language,
        unsure=unsure_of(found.scores, one.policy),
    )


def unsure_of(scores: dict[str, float], policy: Policy) -> float:
    """How near the closest score lies to the line where the verdict turns, in [0, 1].

    Uncertainty sampling (Lewis & Gale, SIGIR 1994) against the site's own lines, not 0.5.
    """
    nearest = 1.0
    for name, line in policy.thresholds.items():
        if name in scores:
            nearest = min(nearest, abs(scores[name] - line.hold_at), abs(scores[name] - line.reject_at))
    return round(1.0 - min(1.0, nearest), 6)

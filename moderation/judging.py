"""From claimed comments and their scores to judgements: policy, signals and history put together.

The door scores between :func:`prepare` and :func:`recall`: this room does not know the model, only
what it answers. What was recalled is handed on to :func:`judge_all`, and to :func:`remember` once settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from moderation import copies, history, list_store, policies, signals
from moderation.backtest import around_of
from moderation.copies import Recalled
from moderation.lists import Matcher
from moderation.opinion import Judgement
from moderation.policy import Policy, judge
from moderation.policy_schema import LIKELY
from moderation.signals import Subject
from moderation.store import site_of
from moderation.tables import Comment
from moderation.teaching import worth_asking
from moderation.vault import Vault
from moderation.verdict import Learned

NOTHING_LEARNED: Mapping[str, Learned] = {}


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
    :param champion: the version of the site's own model that decides with the shipped one, if it has one.
    :param challenger: the version that only says what it would, beside it.
    """

    comment: Comment
    policy: Policy
    policy_id: str | None
    language: str
    email: str
    champion: str | None = None
    challenger: str | None = None


def prepare(session: Session, comments: Sequence[Comment], *, vault: Vault, now: datetime) -> list[Ready]:
    """Read what the judgements need: a few statements for the whole batch."""
    found = {site_id: policies.in_force(session, site_id) for site_id in {c.site_id for c in comments}}
    sites = {site_id: site_of(session, site_id) for site_id in found}
    return [
        Ready(
            comment=comment,
            policy=found[comment.site_id][0].at(comment.section, comment.article_id),
            policy_id=found[comment.site_id][1],
            language=comment.declared_language or sites[comment.site_id].language,
            email=vault.decrypt(comment.email_encrypted),
            champion=sites[comment.site_id].champion,
            challenger=sites[comment.site_id].challenger,
        )
        for comment in comments
    ]


@dataclass(frozen=True, slots=True)
class Context:
    """What the store knows around a batch: histories, fingerprints to keep, and each site's lists."""

    recalled: Recalled
    matchers: dict[str, Matcher]


def recall(session: Session, ready: Sequence[Ready], scored: Sequence[Scored], *, now: datetime) -> Context:
    """Read what is known around the comments: a few statements for the whole batch."""
    facts = {one.comment.id: found.facts for one, found in zip(ready, scored, strict=True)}
    batch = sorted(((one.comment, one.policy) for one in ready), key=lambda pair: pair[0].id)
    return Context(
        recalled=history.recall(session, batch, facts, sure=_surely_rejected(ready, scored), now=now),
        matchers={
            site_id: list_store.matcher_of(session, site_id, now=now)
            for site_id in {one.comment.site_id for one in ready}
        },
    )


def _surely_rejected(ready: Sequence[Ready], scored: Sequence[Scored]) -> set[str]:
    return {
        one.comment.id
        for one, found in zip(ready, scored, strict=True)
        for name, line in one.policy.at(one.comment.section, one.comment.article_id).thresholds.items()
        if found.scores.get(name, 0.0) >= max(line.reject_at, copies.SURE)
    }


def remember(session: Session, context: Context, settled: Sequence[Judgement]) -> None:
    """Keep what finds copies of the settled comments later; in the transaction that settled them."""
    copies.remember(session, context.recalled, [judgement.comment for judgement in settled])


def judge_all(
    ready: Sequence[Ready],
    scored: Sequence[Scored],
    context: Context,
    *,
    now: datetime,
    learned: Mapping[str, Learned] = NOTHING_LEARNED,
    challenging: Mapping[str, Learned] = NOTHING_LEARNED,
) -> list[Judgement]:
    """A judgement for each comment; pure.

    :param learned: comment id -> what its site's own model says; ``challenging``: what the challenger would.
    """
    return [
        _judge(one, found, context, now, learned.get(one.comment.id), challenging.get(one.comment.id))
        for one, found in zip(ready, scored, strict=True)
    ]


def subject_of(one: Ready) -> Subject:
    """The comment as the signals see it."""
    comment = one.comment
    kept = comment.context or {}
    return Subject(
        body=comment.body,
        name=comment.name,
        email=one.email,
        email_hash=comment.email_hash,
        email_domain=one.email.rpartition("@")[2].lower(),
        ip=comment.ip,
        article=comment.article_id,
        section=comment.section,
        article_published_at=comment.article_published_at,
        submitted_at=comment.submitted_at,
        honeypot=str(kept.get("honeypot", "")),
        form_seconds=kept.get("form_seconds"),
        form_token_faulty=bool(kept.get("form_token_faulty")),
        removed=tuple(kept.get("removed", ())),
    )


def judge_unscored(session: Session, one: Ready, *, now: datetime) -> Judgement:
    """The judgement of a comment that no worker could score: lists, rules and history speak without scores.

    What they reject stays rejected; the policy's ``on_error`` says whether people or readers get the rest.
    """
    comment, subject = one.comment, subject_of(one)
    known = history.recall(session, [(comment, one.policy)], {comment.id: {}}, now=now).histories[comment.id]
    matcher = list_store.matcher_of(session, comment.site_id, now=now)
    fired = signals.find(subject, {}, matcher, known, one.policy, now, one.language)
    failed = f"{comment.attempts - 1} tries"  # this one is no try at scoring
    circumstances = signals.circumstances_of(subject, known, one.policy, now, scoring_failed=failed)
    verdict = judge({}, one.policy, fired, circumstances)
    return Judgement(
        comment=comment,
        outcome=verdict.outcome,
        reasons=[reason.as_json() for reason in verdict.reasons],
        signals=[signal.as_json() for signal in fired],
        policy_id=one.policy_id,
    )


def _judge(
    one: Ready,
    found: Scored,
    context: Context,
    now: datetime,
    learned: Learned | None,
    challenging: Learned | None,
) -> Judgement:
    comment, subject = one.comment, subject_of(one)
    known = context.recalled.histories[comment.id]
    fired = signals.find(
        subject, found.facts, context.matchers[comment.site_id], known, one.policy, now, one.language
    )
    circumstances = signals.circumstances_of(
        subject,
        known,
        one.policy,
        now,
        language=found.language,
        language_supported=found.language_supported,
    )
    circumstances = replace(circumstances, learned=learned)
    verdict = judge(found.scores, one.policy, fired, circumstances)
    shadow: dict[str, Any] = {}
    if verdict.shadow:
        shadow["policies"] = [asdict(one) for one in verdict.shadow]
    if challenging is not None:
        would = judge(found.scores, one.policy, fired, replace(circumstances, learned=challenging))
        shadow["challenger"] = {
            "version": challenging.version,
            LIKELY: round(challenging.likely, 6),
            "outcome": would.outcome,
        }
    scores = found.scores if learned is None else {**found.scores, LIKELY: round(learned.likely, 6)}
    return Judgement(
        comment=comment,
        outcome=verdict.outcome,
        reasons=[reason.as_json() for reason in verdict.reasons],
        scores=scores,
        logits={"fast": found.fast, "deep": found.deep},
        facts={**found.facts, "around": around_of(circumstances)},
        signals=[signal.as_json() for signal in fired],
        shadow=shadow or None,
        model=found.model if learned is None else f"{found.model}+{learned.version}",
        policy_id=one.policy_id,
        language=found.language,
        unsure=worth_asking(
            found.scores,
            one.policy,
            likely=None if learned is None else learned.likely,
            fast=found.fast,
            deep=found.deep,
            alike=known.alike,
        ),
        # the first of a cluster learns its own name when the second one comes
        cluster=known.cluster or (comment.id if comment.id in context.recalled.founders else None),
    )

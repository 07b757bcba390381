"""Perspective's attributes from our scores, on Perspective's scale.

What we model answers; what can be read off a model score is derived, and docs/migrating.md says how; every
other attribute is refused, never made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.scale import to_perspective
from moderation.policy import LANGUAGE_BOUND, Policy

if TYPE_CHECKING:
    from models.scorer import Scored

#: Perspective's name -> our attribute. PROFANITY and the New York Times' OBSCENE are both our ``obscene``.
OURS = {
    "TOXICITY": "toxicity",
    "SEVERE_TOXICITY": "severe_toxicity",
    "IDENTITY_ATTACK": "identity_attack",
    "INSULT": "insult",
    "PROFANITY": "obscene",
    "THREAT": "threat",
    "OBSCENE": "obscene",
    "SPAM": "spam",
    "TOXICITY_EXPERIMENTAL": "toxicity",
    "SEVERE_TOXICITY_EXPERIMENTAL": "severe_toxicity",
    "IDENTITY_ATTACK_EXPERIMENTAL": "identity_attack",
    "INSULT_EXPERIMENTAL": "insult",
    "PROFANITY_EXPERIMENTAL": "obscene",
    "THREAT_EXPERIMENTAL": "threat",
}
#: The fast tier alone, as Perspective's TOXICITY_FAST was its smaller model.
FAST = "TOXICITY_FAST"
#: What the site's own model says; without one, the greatest chance of what its policy has a line for.
REJECT = "LIKELY_TO_REJECT"
NAMES = (*OURS, FAST, REJECT)

#: Answered by Perspective but by no model of ours.
NOT_MODELLED = (
    "SEXUALLY_EXPLICIT", "FLIRTATION", "ATTACK_ON_AUTHOR", "ATTACK_ON_COMMENTER", "INCOHERENT",
    "INFLAMMATORY", "UNSUBSTANTIAL", "AFFINITY_EXPERIMENTAL", "COMPASSION_EXPERIMENTAL",
    "CURIOSITY_EXPERIMENTAL", "NUANCE_EXPERIMENTAL", "PERSONAL_STORY_EXPERIMENTAL",
    "REASONING_EXPERIMENTAL", "RESPECT_EXPERIMENTAL",
)  # fmt: skip


def plain(name: str) -> str:
    """Without the version that callers may pin: ``TOXICITY@6`` is ``TOXICITY``."""
    return name.partition("@")[0]


def is_language_bound(name: str) -> bool:
    """Whether the attribute is known only in the languages that the model speaks."""
    return OURS.get(plain(name), "toxicity") in LANGUAGE_BOUND


def label_of(name: str) -> str | None:
    """What a person's word on this attribute is a label for; None where we learn nothing from it."""
    name = plain(name)
    if name == FAST:
        return "toxicity"
    return "likely_to_reject" if name == REJECT else OURS.get(name)


def value_of(
    name: str, scored: Scored, fast: Scored | None, policy: Policy, likely: float | None = None
) -> float:
    """One attribute of one text, in [0, 1] on Perspective's scale.

    :param fast: the same text by the fast tier alone, where FAST was asked for.
    :param likely: the chance of a rejection by the site's own model; None without one.
    """
    name = plain(name)
    if name == FAST:
        return to_perspective((fast or scored).scores["toxicity"])
    if name == REJECT:
        return likely_to_reject(scored.scores, policy) if likely is None else likely
    attribute = OURS[name]
    score = scored.scores[attribute]
    # no public fractions of raters exist for spam: our probability is given as it is
    return score if attribute == "spam" else to_perspective(score)


def likely_to_reject(scores: Mapping[str, float], policy: Policy) -> float:
    """A lower bound of the chance that something is present that the policy has a line for."""
    watched = [scores[name] for name in policy.thresholds if name in scores]
    return max(watched, default=0.0)

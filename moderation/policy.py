"""Scores, signals and a site's policy in; a verdict with its reasons out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from zoneinfo import ZoneInfo

from moderation.errors import Fault, PolicyRefused
from moderation.policy_document import fault, faults_of, merged, pointer_of, read
from moderation.policy_reasons import (
    by_circumstances,
    by_learning,
    by_scores,
    by_signals,
    by_strangers,
    nothing_fired,
)
from moderation.policy_rules import Rule, rule_from
from moderation.policy_schema import ATTRIBUTES, BASE, LANGUAGE_BOUND, LIKELY, PRESET_CHANGES, SIGNALS
from moderation.verdict import (
    STRICTNESS,
    Author,
    Circumstances,
    Line,
    Outcome,
    Reason,
    Scores,
    Shadow,
    Signal,
    Verdict,
)


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A site's versioned rule from scores and signals to a verdict.

    Make one with :meth:`from_document` or :meth:`from_text`; :meth:`at` gives the one in force for a section
    and an article.
    """

    document: dict[str, Any]
    whole: dict[str, Any]
    version: int
    thresholds: dict[str, Line]
    effects: dict[str, str]
    weights: dict[str, float]
    weight: Line
    limits: dict[str, float]
    rules: tuple[Rule, ...]
    moderation: str
    languages: tuple[str, ...]
    unsupported_language: Outcome
    on_error: Outcome
    learned: str
    timezone: ZoneInfo
    settings: dict[str, Any]
    sections: dict[str, Policy]
    articles: dict[str, dict[str, Any]]
    shadow: Policy | None
    built: dict[tuple[str, str], Policy]

    @classmethod
    def from_document(
        cls, document: Any, *, version: int = 0, lines: Mapping[str, int] | None = None
    ) -> Policy:
        """Build a policy, or say everything that is wrong with the document.

        :param lines: pointer -> line, as :func:`moderation.policy_document.read` gives it.
        :raises PolicyRefused: with every fault.
        """
        faults = faults_of(document, lines)
        if faults:
            raise PolicyRefused(faults)
        policy = _built(full(document), version, (), faults, document=document)
        if faults:
            known = lines or {}
            raise PolicyRefused([replace(f, line=f.line or known.get(f.pointer)) for f in faults])
        return policy

    @classmethod
    def from_text(cls, text: str, *, version: int = 0) -> Policy:
        """The same from YAML or JSON text; faults carry their line."""
        document, lines, faults = read(text)
        if document is None:
            raise PolicyRefused(faults)
        faults = [*faults, *faults_of(document, lines)]
        if faults:
            raise PolicyRefused(faults)
        return cls.from_document(document, version=version, lines=lines)

    @property
    def lines(self) -> dict[str, tuple[float, float]]:
        """attribute -> (hold_at, reject_at), for a scorer that asks its deep tier only where it matters."""
        return {name: (line.hold_at, line.reject_at) for name, line in self.thresholds.items()}

    def at(self, section: str = "", article: str = "") -> Policy:
        """The policy in force under an article: the site's, then its section's, then its own."""
        here = self.sections.get(section, self)
        override = self.articles.get(article)
        if override is None:
            return here
        built = self.built.get((section, article))
        if built is None:
            if len(self.built) >= _MOST_BUILT_ARTICLES:
                self.built.clear()
            built = _built(merged(here.whole, override), self.version, ("articles",), [])
            built = replace(built, shadow=self.shadow)
            self.built[(section, article)] = built
        return built

    def effect_of(self, signal: str) -> str:
        """What a signal does here: ``ignore``, ``note``, ``hold`` or ``reject``."""
        return self.effects.get(signal, "note")


NO_CIRCUMSTANCES = Circumstances()
# Articles with rules of their own are few at any moment; the bound keeps a worker's memory flat.
_MOST_BUILT_ARTICLES = 256


def full(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with its preset and the base written out; what it does not say is inherited."""
    preset = PRESET_CHANGES[document.get("preset", "balanced")]
    return merged(merged(BASE, preset), document)


def _built(
    whole: Mapping[str, Any],
    version: int,
    path: tuple[str, ...],
    faults: list[Fault],
    document: Mapping[str, Any] | None = None,
) -> Policy:
    for name, line in [*whole.get("thresholds", {}).items(), ("weight", whole.get("weight"))]:
        lines = Line.of(line)
        if lines.hold_at > lines.reject_at:
            step = ("weight",) if name == "weight" else ("thresholds", name)
            faults.append(
                fault(
                    pointer_of((*path, *step)),
                    f"hold_at {lines.hold_at} lies above the inherited reject_at {lines.reject_at}.",
                    "Set both lines.",
                )
            )
    effects: dict[str, str] = {}
    weights = {name: weight for name, (_, weight) in SIGNALS.items()}
    for name, said in whole.get("signals", {}).items():
        said = {"effect": said} if isinstance(said, str) else said
        effects[name] = said.get("effect", "note")
        weights[name] = 0.0 if effects[name] == "ignore" else float(said.get("weight", weights[name]))
    plain = {k: v for k, v in whole.items() if k not in ("sections", "articles", "shadow", "preset", "name")}
    shadow = None
    if whole.get("shadow") is not None:
        said = whole["shadow"]
        base = full(said) if "preset" in said else merged(plain, said)
        shadow = _built(base, version, (*path, "shadow"), faults)
    sections: dict[str, Policy] = {}
    for name, over in whole.get("sections", {}).items():
        section = _built(merged(plain, over), version, (*path, "sections", name), faults)
        # a shadow policy is the whole site's, with sections of its own
        sections[name] = replace(section, shadow=shadow)
    for name, over in whole.get("articles", {}).items():
        # built once here for its faults alone: thousands of articles are kept as their few words
        _built(merged(plain, over), version, (*path, "articles", name), faults)
    return Policy(
        document=dict(whole if document is None else document),
        whole=plain,
        built={},
        version=version,
        thresholds={name: Line.of(line) for name, line in whole.get("thresholds", {}).items()},
        effects=effects,
        weights=weights,
        weight=Line.of(whole.get("weight")),
        limits={name: float(limit) for name, limit in whole["limits"].items()},
        rules=tuple(rule_from(rule) for rule in whole["rules"]),
        moderation=whole["moderation"],
        languages=tuple(whole["languages"]),
        unsupported_language=whole["unsupported_language"],
        on_error=whole["on_error"],
        learned=whole["learned"],
        timezone=ZoneInfo(whole["timezone"]),
        settings={
            k: whole[k] for k in ("opening_hours", "close_after_days", "slow_mode", "siege") if k in whole
        },
        sections=sections,
        articles=dict(whole.get("articles", {})),
        shadow=shadow,
    )


def judge(
    scores: Scores,
    policy: Policy,
    signals: Sequence[Signal] = (),
    circumstances: Circumstances = NO_CIRCUMSTANCES,
) -> Verdict:
    """Turn scores, signals and circumstances into a verdict.

    Between the two thresholds the machine abstains and a person decides. A score on a line takes the
    stricter side; the strictest of all that fired decides. Rules are read from the top: a hold or reject rule
    can only be stricter; the first approve rule that fires lifts what would only be held, never a rejection.
    In a language that the model does not speak only spam is judged by its score.

    :param scores: attribute -> calibrated probability in [0, 1]; empty where scoring failed.
    :raises ValueError: for a score outside [0, 1]; a NaN never passes as approval.

    Source: C. K. Chow, IEEE Trans. Inf. Theory 16 (1970) 41-46 (reject option).
    """
    here = policy.at(circumstances.section, circumstances.article)
    reasons, lifted, would = _fired(scores, here, signals, circumstances)
    outcome = _strictest(reasons, lifted)
    learned = by_learning(outcome, reasons, lifted, here, circumstances)
    if learned is not None:
        reasons.append(learned)
        outcome = cast(Outcome, learned.verdict) if learned.verdict != "note" else outcome
    if outcome == "hold" and here.moderation == "after":
        text = "Would be held; this site publishes first and looks after."
        reasons.append(Reason("circumstance", "moderated_after", "approve", None, None, text))
        outcome = "approve"
    if outcome == "approve" and not any(reason.verdict == "approve" for reason in reasons):
        reasons.append(nothing_fired(scores, here))
    reasons.sort(key=lambda reason: ("reject", "hold", "approve", "note").index(reason.verdict))
    shadow = [Shadow(rule.name, _with(outcome, rule), (_shadow_reason(rule),)) for rule in would]
    if policy.shadow is not None:
        other = judge(scores, policy.shadow, signals, circumstances)
        name = policy.shadow.document.get("name", "shadow policy")
        shadow.append(Shadow(name, other.outcome, other.reasons))
    return Verdict(outcome, tuple(reasons), tuple(shadow), policy.version)


def outcome_of(
    scores: Scores, policy: Policy, signals: Sequence[Signal], circumstances: Circumstances
) -> Outcome:
    """The outcome of :func:`judge` alone, for judging a million comments again."""
    here = policy.at(circumstances.section, circumstances.article)
    reasons, lifted, _ = _fired(scores, here, signals, circumstances)
    outcome = _strictest(reasons, lifted)
    if circumstances.learned is not None:
        learned = by_learning(outcome, reasons, lifted, here, circumstances)
        outcome = cast(Outcome, learned.verdict) if learned and learned.verdict != "note" else outcome
    return "approve" if outcome == "hold" and here.moderation == "after" else outcome


def _fired(
    scores: Scores, here: Policy, signals: Sequence[Signal], at: Circumstances
) -> tuple[list[Reason], bool, list[Rule]]:
    """All that fired, whether an approve rule lifts the holds, and the shadow rules that apply."""
    for name, score in scores.items():
        if not 0.0 <= score <= 1.0:  # false for NaN too
            raise ValueError(f"the score of {name} is {score!r}, not a probability in [0, 1]")
    reasons = by_scores(scores, here, at)
    if signals:
        reasons += by_signals(signals, here)
        reasons += by_strangers(scores, signals, here)
    if here.settings or here.moderation == "before":
        reasons += by_circumstances(here, at)
    would: list[Rule] = []
    if not here.rules:
        return reasons, False, would
    known = {k: v for k, v in scores.items() if at.language_supported or k not in LANGUAGE_BOUND}
    if at.learned is not None:
        known[LIKELY] = at.learned.likely
    named = {signal.name: signal for signal in signals if here.effect_of(signal.name) != "ignore"}
    for rule in here.rules:
        if rule.applies(known, named, at, here.timezone) is not True:
            continue
        if rule.shadow:
            would.append(rule)
            continue
        reasons.append(Reason("rule", rule.name, rule.then, None, None, _rule_text(rule)))
        if rule.then == "approve":
            return reasons, True, would
    return reasons, False, would


def _strictest(reasons: Sequence[Reason], lifted: bool) -> Outcome:
    found = 0
    for reason in reasons:
        strictness = STRICTNESS[reason.verdict]
        if not (lifted and strictness == 1 and reason.kind != "rule"):
            found = max(found, strictness)
    return cast(Outcome, ("approve", "hold", "reject")[found])


def _with(outcome: Outcome, rule: Rule) -> Outcome:
    if rule.then == "approve":
        return "reject" if outcome == "reject" else "approve"
    return cast(Outcome, max(str(outcome), rule.then, key=STRICTNESS.__getitem__))


def _rule_text(rule: Rule) -> str:
    return f"Rule “{rule.name}”: {rule.reason}" if rule.reason else f"Rule “{rule.name}” applies"


def _shadow_reason(rule: Rule) -> Reason:
    return Reason("rule", rule.name, rule.then, None, None, _rule_text(rule) + " (tried, not acting)")


#: preset -> document.
PRESETS: dict[str, dict[str, Any]] = {name: {"preset": name} for name in PRESET_CHANGES}
#: The policy of a site that has none of its own.
DEFAULT = Policy.from_document(PRESETS["balanced"])

__all__ = ["ATTRIBUTES", "DEFAULT", "PRESETS", "SIGNALS", "Author", "Circumstances", "Line", "Policy",
           "PolicyRefused", "Reason", "Scores", "Shadow", "Signal", "Verdict", "full", "judge",
           "outcome_of"]  # fmt: skip

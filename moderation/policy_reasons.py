"""What speaks for or against a comment, one reason at a time, in words a moderator reads. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from moderation.policy_rules import is_within
from moderation.policy_schema import LANGUAGE_BOUND, LIKELY, SIGNALS, stricter
from moderation.verdict import Circumstances, Outcome, Reason, Scores, Signal

if TYPE_CHECKING:
    from moderation.policy import Policy


def _title(attribute: str) -> str:
    return attribute.replace("_", " ").capitalize()


def _figures(value: float, line: float) -> tuple[str, str]:
    """Both numbers with as many decimals as it takes to tell them apart: never "0.50, below 0.50"."""
    for decimals in (2, 3, 4):
        if value == line or f"{value:.{decimals}f}" != f"{line:.{decimals}f}":
            return f"{value:.{decimals}f}", f"{line:.{decimals}f}"
    return repr(value), repr(line)


def by_scores(scores: Scores, policy: Policy, at: Circumstances) -> list[Reason]:
    reasons = []
    missing = []
    for name, line in policy.thresholds.items():
        if not at.language_supported and name in LANGUAGE_BOUND:
            continue
        value = scores.get(name)
        if value is None:
            missing.append(name)
            continue
        met = line.met_by(value)
        if met is not None:
            shown, drawn = _figures(value, met[1])
            place = "on" if value == met[1] else "above"
            text = f"{_title(name)} {shown}, {place} this site's {met[0]} line of {drawn}"
            reasons.append(Reason("score", name, met[0], value, met[1], text))
    if not at.language_supported:
        text = f"Written in a language that the model does not speak ({at.language or 'not recognised'})"
        reasons.append(
            Reason("language", "unsupported_language", policy.unsupported_language, None, None, text)
        )
    if missing or at.scoring_failed:
        why = at.scoring_failed or "no score for " + ", ".join(missing)
        text = f"The comment could not be scored: {why}"
        reasons.append(Reason("error", "could_not_be_scored", policy.on_error, None, None, text))
    return reasons


def by_strangers(scores: Scores, signals: Sequence[Signal], policy: Policy) -> list[Reason]:
    """Look sooner at a stranger who wants to be reached elsewhere: most advertisements do, few readers."""
    name = "stranger_with_contact"
    line, value = policy.thresholds.get("spam"), scores.get("spam")
    if line is None or value is None or not 0.0 < line.hold_at < 1.0 or policy.effect_of(name) == "ignore":
        return []
    sooner = stricter(line.hold_at)
    if not sooner <= value < line.hold_at or not any(signal.name == name for signal in signals):
        return []
    shown, drawn = _figures(value, sooner)
    text = f"Spam {shown}, above the line of {drawn} for strangers who want to be reached elsewhere"
    return [Reason("score", "spam", "hold", value, sooner, text)]


def by_signals(signals: Sequence[Signal], policy: Policy) -> list[Reason]:
    reasons = []
    total = 0.0
    for signal in signals:
        effect = policy.effect_of(signal.name)
        if effect == "ignore":
            continue
        weight = policy.weights.get(signal.name, signal.weight)
        total += weight
        words = SIGNALS.get(signal.name, (_title(signal.name), 0.0))[0]
        detail = signal.evidence.get("text")
        text = f"{words}: {detail}" if detail else words
        count = signal.evidence.get("count")
        value = float(count) if isinstance(count, int | float) else None
        reasons.append(Reason("signal", signal.name, effect, value, None, text, weight))
    met = policy.weight.met_by(total) if reasons else None
    if met is not None:
        shown, drawn = _figures(total, met[1])
        place = "on" if total == met[1] else "above"
        text = f"All signals together weigh {shown}, {place} this site's {met[0]} line of {drawn}"
        reasons.append(Reason("weight", "weight", met[0], total, met[1], text))
    return reasons


def by_circumstances(policy: Policy, at: Circumstances) -> list[Reason]:
    reasons = []

    def because(
        name: str, verdict: str, text: str, value: float | None = None, line: float | None = None
    ) -> None:
        reasons.append(Reason("circumstance", name, verdict, value, line, text))

    if policy.moderation == "before":
        because("moderated_before", "hold", "This site looks at every comment before it is published")
    settings = policy.settings
    days = settings.get("close_after_days")
    age = at.article_age_days if days is not None else None
    if days is not None and age is not None and age >= days:
        because("closed", "reject", f"Comments under this article closed after {days} days", age, days)
    hours = settings.get("opening_hours")
    if hours and at.now is not None and not any(is_within(at.now, o, policy.timezone) for o in hours["open"]):
        because("outside_opening_hours", hours.get("outside", "hold"), "Sent outside the opening hours")
    slow = settings.get("slow_mode")
    if slow and at.seconds_since_last is not None and at.seconds_since_last < slow["seconds"]:
        text = f"Slow mode: {at.seconds_since_last:.0f} s after the author's last comment here, less than"
        text += f" {slow['seconds']} s"
        because("slow_mode", slow.get("then", "hold"), text, at.seconds_since_last, slow["seconds"])
    siege = settings.get("siege") or {}
    for what, count in (("reports", at.article_reports), ("rejections", at.article_rejections)):
        if count and what in siege and count >= siege[what]:
            text = f"Article under siege: {count} {what} in the last hour, {siege[what]} are enough"
            because("siege", "hold", text, count, siege[what])
    return reasons


def by_learning(
    outcome: Outcome, reasons: Sequence[Reason], lifted: bool, policy: Policy, at: Circumstances
) -> Reason | None:
    """Let the site's own decisions settle what only the scores would hold, and stop what they would miss.

    What a list, a rule, a language or the hour holds stays held: a person wanted to see that. What a rule
    approves stays approved.
    """
    learned = at.learned
    if learned is None or policy.learned == "ignore" or outcome == "reject" or lifted:
        return None
    likely, verdict, line = learned.likely, "", None
    if outcome == "approve":
        if policy.moderation == "automatic" and learned.hold_above is not None:
            verdict, line = "hold", learned.hold_above if likely >= learned.hold_above else None
    elif all(reason.kind in ("score", "signal", "weight") for reason in reasons if reason.verdict == "hold"):
        by_scores = all(reason.kind == "score" for reason in reasons if reason.verdict == "hold")
        if by_scores and learned.approve_below is not None and likely < learned.approve_below:
            verdict, line = "approve", learned.approve_below
        elif learned.reject_above is not None and likely >= learned.reject_above:
            verdict, line = "reject", learned.reject_above
    if line is None:
        return None
    place = "below" if verdict == "approve" else "above"
    text = (
        f"By this newsroom's own decisions {likely:.2f} likely to be rejected, {place} the line of {line:.2f}"
    )
    return Reason("learned", LIKELY, verdict if policy.learned == "act" else "note", likely, line, text)


def nothing_fired(scores: Scores, policy: Policy) -> Reason:
    """Why nothing fired: the score that came nearest to its line."""
    nearest = max(
        ((scores[n] - line.hold_at, n, line.hold_at) for n, line in policy.thresholds.items() if n in scores),
        default=None,
    )
    if nearest is None or not math.isfinite(nearest[2]):
        return Reason("score", "none", "approve", None, None, "Nothing crossed a line")
    _, name, line = nearest
    shown, drawn = _figures(scores[name], line)
    text = f"Nothing crossed a line. Nearest: {_title(name)} {shown}, hold line {drawn}"
    return Reason("score", name, "approve", scores[name], line, text)

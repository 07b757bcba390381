"""Turn the settings of other systems into a policy document: WordPress, Akismet, Coral, Perspective. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.errors import Fault, Invalid

#: Perspective's attribute -> ours. Those without one of ours are said to be left out.
PERSPECTIVE = {
    "TOXICITY": "toxicity",
    "SEVERE_TOXICITY": "severe_toxicity",
    "PROFANITY": "obscene",
    "OBSCENE": "obscene",
    "SEXUALLY_EXPLICIT": "obscene",
    "THREAT": "threat",
    "INSULT": "insult",
    "IDENTITY_ATTACK": "identity_attack",
    "SPAM": "spam",
}
#: The likeliest line of Coral where its settings name none (Talk's default of 80 %).
CORAL_THRESHOLD = 0.8
SOURCES = ("perspective", "coral", "wordpress", "akismet")


def document_from(source: str, settings: Any) -> tuple[dict[str, Any], list[str]]:
    """A policy document out of another system's settings, and what could not be taken over.

    :param source: one of :data:`SOURCES`.
    :param settings: its settings, read from JSON. Perspective: ``{"TOXICITY": 0.8}`` or
        ``{"TOXICITY": {"hold": 0.6, "reject": 0.9}}``; Coral: its settings; WordPress and Akismet: the
        options as ``wp option list --format=json`` prints them.
    :raises Invalid: where they are nothing of that kind.
    """
    readers = {"perspective": _perspective, "coral": _coral, "wordpress": _wordpress, "akismet": _akismet}
    if source not in readers:
        raise Invalid([Fault("", f"{source!r} is not one of {', '.join(SOURCES)}.")])
    if isinstance(settings, list):
        settings = {
            one.get("option_name"): one.get("option_value") for one in settings if isinstance(one, Mapping)
        }
    if not isinstance(settings, Mapping):
        raise Invalid([Fault("", "The settings are a JSON object.")])
    return readers[source](settings)


def _probability(value: Any, pointer: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Invalid([Fault(pointer, f"{value!r} is no number.")]) from None
    # Coral keeps per cent in its pages and shares in its API
    number = number / 100 if 1 < number <= 100 else number
    if not 0 <= number <= 1:
        raise Invalid([Fault(pointer, f"{value!r} is no probability.")])
    return number


def _perspective(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    thresholds: dict[str, dict[str, float]] = {}
    left: list[str] = []
    for name, said in settings.items():
        plain = str(name).upper().partition("@")[0].removesuffix("_EXPERIMENTAL")
        attribute = PERSPECTIVE.get(plain)
        if attribute is None:
            left.append(f"{name}: there is no such attribute here")
            continue
        if isinstance(said, Mapping):
            lines = {
                ours: _probability(said[theirs], f"/{name}/{theirs}")
                for theirs, ours in (
                    ("hold", "hold_at"),
                    ("hold_at", "hold_at"),
                    ("reject", "reject_at"),
                    ("reject_at", "reject_at"),
                )
                if theirs in said
            }
        else:
            # one line: what lay above it was kept from readers until someone looked
            lines = {"hold_at": _probability(said, f"/{name}")}
        # two of theirs for one of ours: the stricter line holds
        for which, line in lines.items():
            kept = thresholds.setdefault(attribute, {})
            kept[which] = min(line, kept.get(which, 1.0))
    for lines in thresholds.values():
        if "hold_at" in lines:
            lines.setdefault("reject_at", max(0.95, lines["hold_at"]))
    return {"preset": "balanced", "thresholds": thresholds}, left


def _coral(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    for step in ("data", "settings"):
        inner = settings.get(step)
        settings = inner if isinstance(inner, Mapping) else settings
    document: dict[str, Any] = {"preset": "balanced"}
    left: list[str] = []
    if settings.get("moderation") == "PRE":
        document["moderation"] = "before"
    integrations = settings.get("integrations")
    perspective = (integrations if isinstance(integrations, Mapping) else settings).get("perspective")
    if isinstance(perspective, Mapping) and perspective.get("enabled", True):
        threshold = perspective.get("threshold")
        model = str(perspective.get("model") or "TOXICITY")
        line = CORAL_THRESHOLD if threshold is None else threshold
        found, left = _perspective({model: line})
        document["thresholds"] = found["thresholds"]
    if settings.get("premodLinksEnable"):
        document.setdefault("limits", {})["links"] = 1
    newcomers = settings.get("newCommenters")
    if isinstance(newcomers, Mapping) and newcomers.get("premodEnabled"):
        most = int(newcomers.get("approvedCommentsThreshold") or 1)
        document["rules"] = [_newcomers(most)]
    closing = settings.get("closeCommenting")
    if isinstance(closing, Mapping) and closing.get("auto") and closing.get("timeout"):
        document["close_after_days"] = max(1, round(float(closing["timeout"]) / 86400))
    if "wordList" in settings:
        left.append("wordList: import it with `btl lists import`")
    return document, left


def _newcomers(most: int) -> dict[str, Any]:
    return {
        "name": "newcomers",
        "when": {"author": "approved", "below": most},
        "then": "hold",
        "reason": f"fewer than {most} approved comments under a name that the site vouches for",
    }


def _wordpress(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    document: dict[str, Any] = {"preset": "balanced"}
    left: list[str] = []
    if _on(settings.get("comment_moderation")):
        document["moderation"] = "before"
    if _on(settings.get("comment_previously_approved", settings.get("comment_whitelist"))):
        document["rules"] = [_newcomers(1)]
    links = str(settings.get("comment_max_links") or "")
    if links.isdigit() and int(links) > 0:
        document["limits"] = {"links": int(links)}
    days = str(settings.get("close_comments_days_old") or "")
    if _on(settings.get("close_comments_for_old_posts")) and days.isdigit() and int(days) > 0:
        document["close_after_days"] = int(days)
    for name in ("moderation_keys", "disallowed_keys", "blacklist_keys"):
        if settings.get(name):
            which = "suspect" if name == "moderation_keys" else "blocked"
            left.append(f"{name}: import it with `btl lists import --format wordpress --list {which}`")
    spam, _ = _akismet(settings)
    if "akismet_strictness" in settings:
        document["thresholds"] = spam["thresholds"]
    return document, left


def _akismet(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    # "1" throws the worst and most pervasive spam away unseen; "0" keeps all of it in the spam folder
    discards = _on(settings.get("akismet_strictness", settings.get("strictness")))
    spam = {"hold_at": 0.5, "reject_at": 0.95} if discards else {"hold_at": 0.5, "reject_at": None}
    return {"preset": "balanced", "thresholds": {"spam": spam}}, []


def _on(value: Any) -> bool:
    return str(value).strip().lower() in ("1", "true", "yes", "on")

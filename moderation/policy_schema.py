"""What a policy document may say: the words, and the published JSON Schema (2020-12)."""

from __future__ import annotations

from typing import Any

ATTRIBUTES = ("spam", "toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")

#: What a site's own model adds once it has one; a rule may ask for it.
LIKELY = "likely_to_reject"
#: Attributes that are only known in the languages the model speaks. Spam is judged in every language.
LANGUAGE_BOUND = frozenset(ATTRIBUTES) - {"spam"}

#: signal -> (what a moderator reads, its weight). Weights add up; `weight` lines in a policy act on the sum.
SIGNALS: dict[str, tuple[str, float]] = {
    "blocked_word": ("A blocked word", 3.0),
    "suspect_word": ("A suspect word", 1.0),
    "blocked_domain": ("A link to a blocked domain", 3.0),
    "suspect_domain": ("A link to a suspect domain", 1.0),
    "blocked_email": ("A blocked e-mail address", 2.0),
    "suspect_email": ("A suspect e-mail address", 1.0),
    "blocked_ip": ("A blocked network address", 2.0),
    "suspect_ip": ("A suspect network address", 1.0),
    "many_links": ("Many links", 0.8),
    "link_shortener": ("A link behind a shortener", 0.6),
    "punycode_link": ("A link with an encoded host name", 0.5),
    "lookalike_link": ("A link whose host imitates another", 1.5),
    "link_in_name": ("A link in the name", 1.2),
    "disguise": ("Disguised letters or hidden characters", 0.4),
    "shouting": ("Mostly capital letters", 0.3),
    "personal_data": ("Personal data in the text", 0.8),
    "street_address": ("What looks like a street address", 0.3),
    "other_language": ("Not in the site's language", 0.2),
    "duplicate": ("The same text was sent before", 0.7),
    "near_duplicate": ("Almost the same text was sent before", 0.7),
    "like_rejected": ("Almost the same text was rejected before", 2.0),
    "akin_to_rejected": ("Much of its wording was rejected before", 1.0),
    "contact_rejected": ("A link or contact that was only ever rejected", 1.5),
    "disposable_email": ("A throw-away e-mail address", 0.6),
    "honeypot": ("The hidden field was filled in", 2.0),
    "form_too_fast": ("Sent faster than a person types", 1.0),
    "form_token_faulty": ("The form's token is missing or forged", 0.5),
    "flooding_author": ("Many comments by this author in a short time", 0.8),
    "flooding_ip": ("Many comments from this address in a short time", 0.8),
    "flooding_thread": ("Many comments under this article in a short time", 0.3),
    "first_comment": ("The author's first comment", 0.3),
    "stranger_with_contact": ("A stranger who wants to be reached elsewhere", 0.0),
    "trusted_author": ("An author this site vouches for, with a good record", -1.0),
    "poor_reputation": ("An author whose comments are often rejected", 1.0),
    "author_strikes": ("An author with strikes", 1.2),
    "banned_author": ("A banned author", 3.0),
}

CONDITION_SUBJECTS = ("all", "any", "not", "score", "signal", "author", "section", "article", "language",
                      "time", "article_age_days")  # fmt: skip
AUTHOR_NUMBERS = ("approved", "rejected", "strikes", "reputation", "rejected_share")
AUTHOR_FACTS = ("first_comment", "verified", "trusted", "banned")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1, "description": "A number between 0 and 1."}
_CLOCK = {
    "type": "string",
    "pattern": r"^([01][0-9]|2[0-4]):[0-5][0-9]$",
    "description": "A time of day like '07:30', in quotes.",
}
_WORDS = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "minItems": 1, "maxItems": 500, "items": {"type": "string", "minLength": 1}},
    ],
    "description": "One name, or a list of names.",
}
_EFFECT = {"enum": ["ignore", "note", "hold", "reject"]}
#: null takes an inherited line away: never held, or never rejected, for this attribute's score.
_THRESHOLD = {**_PROBABILITY, "type": ["number", "null"]}
_LINE = {
    "type": ["object", "null"],
    "description": "Two lines like {hold_at: 0.5, reject_at: 0.95}.",
    "properties": {"hold_at": _THRESHOLD, "reject_at": _THRESHOLD},
    "minProperties": 1,
    "additionalProperties": False,
}
_DAYS = {
    "type": "array",
    "minItems": 1,
    "items": {"enum": list(DAYS)},
    "description": "Days like [mon, sat].",
}
_SPAN = {
    "type": "object",
    "description": "Hours like {from: '07:00', until: '22:00', days: [mon, tue]}.",
    "properties": {"from": _CLOCK, "until": _CLOCK, "days": _DAYS},
    "minProperties": 1,
    "dependentRequired": {"from": ["until"], "until": ["from"]},
    "additionalProperties": False,
}
_CONDITION = {
    "title": "condition",
    "type": "object",
    "description": "A condition like {score: insult, at_least: 0.6} or {signal: many_links}.",
    "properties": {
        "all": {"$ref": "#/$defs/conditions"},
        "any": {"$ref": "#/$defs/conditions"},
        "not": {"$ref": "#/$defs/condition"},
        "score": {"enum": [*ATTRIBUTES, LIKELY]},
        "signal": {"enum": list(SIGNALS)},
        "author": {"enum": [*AUTHOR_FACTS, *AUTHOR_NUMBERS]},
        "section": _WORDS,
        "article": _WORDS,
        "language": _WORDS,
        "time": _SPAN,
        "article_age_days": {"const": True, "description": "Write `article_age_days: true` with a number."},
        "at_least": {"type": "number"},
        "below": {"type": "number"},
    },
    "additionalProperties": False,
    "oneOf": [{"required": [subject]} for subject in CONDITION_SUBJECTS],
}
_RULE = {
    "type": "object",
    "description": "A rule like {name: …, when: …, then: hold}.",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 120, "description": "A short name."},
        "when": {"$ref": "#/$defs/condition"},
        "then": {"enum": ["approve", "hold", "reject"]},
        "reason": {"type": "string", "maxLength": 500, "description": "What a moderator will read."},
        "shadow": {"type": "boolean", "description": "true: say what it would do, and do nothing."},
    },
    "required": ["name", "when", "then"],
    "additionalProperties": False,
}
_SETTINGS: dict[str, Any] = {
    "moderation": {
        "enum": ["automatic", "before", "after"],
        "description": "before: a person sees everything first. after: nothing is held, people look later.",
    },
    "thresholds": {
        "type": "object",
        "description": "Lines for each attribute.",
        "properties": dict.fromkeys(ATTRIBUTES, _LINE),
        "additionalProperties": False,
    },
    "signals": {
        "type": "object",
        "description": "What each signal does.",
        "properties": {
            name: {
                "anyOf": [
                    _EFFECT,
                    {
                        "type": "object",
                        "properties": {"effect": _EFFECT, "weight": {"type": "number"}},
                        "minProperties": 1,
                        "additionalProperties": False,
                    },
                ],
                "description": "Say ignore, note, hold or reject, or {effect: hold, weight: 0.5}.",
            }
            for name in SIGNALS
        },
        "additionalProperties": False,
    },
    "weight": {
        "type": ["object", "null"],
        "description": "Lines on the sum of the weights of all signals that fired.",
        "properties": {"hold_at": {"type": "number"}, "reject_at": {"type": "number"}},
        "minProperties": 1,
        "additionalProperties": False,
    },
    "limits": {
        "type": "object",
        "description": "From where on a signal fires.",
        "properties": {
            "links": {"type": "integer", "minimum": 1, "maximum": 100},
            "duplicates": {"type": "integer", "minimum": 1, "maximum": 1000},
            "author_per_10_minutes": {"type": "integer", "minimum": 1, "maximum": 10000},
            "ip_per_10_minutes": {"type": "integer", "minimum": 1, "maximum": 10000},
            "thread_per_10_minutes": {"type": "integer", "minimum": 1, "maximum": 100000},
            "form_seconds": {"type": "number", "minimum": 0, "maximum": 3600},
            "trusted_after": {"type": "integer", "minimum": 1, "maximum": 10000},
        },
        "additionalProperties": False,
    },
    "rules": {
        "type": "array",
        "maxItems": 200,
        "items": _RULE,
        "description": "A list of rules, read from the top.",
    },
    "languages": {
        "type": "array",
        "items": {"type": "string", "pattern": "^[a-z]{2,3}$", "description": "A code like 'en'."},
        "description": "Languages this site expects; [] means any.",
    },
    "unsupported_language": {"enum": ["hold", "reject"]},
    "on_error": {"enum": ["hold", "approve"]},
    "learned": {
        "enum": ["act", "note", "ignore"],
        "description": "What the site's own model may do with a comment that only its scores would hold.",
    },
    "timezone": {"type": "string", "description": "A name like 'Europe/Berlin'."},
    "opening_hours": {
        "type": ["object", "null"],
        "description": "Hours like {open: [{from: '07:00', until: '22:00'}], outside: hold}.",
        "properties": {
            "open": {"type": "array", "minItems": 1, "maxItems": 50, "items": _SPAN},
            "outside": {"enum": ["hold", "reject"]},
        },
        "required": ["open"],
        "additionalProperties": False,
    },
    "close_after_days": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 36500,
        "description": "Days after which an article takes no more comments.",
    },
    "slow_mode": {
        "type": ["object", "null"],
        "description": "A pause for each author under an article, like {seconds: 60, then: hold}.",
        "properties": {
            "seconds": {"type": "integer", "minimum": 1, "maximum": 86400},
            "then": {"enum": ["hold", "reject"]},
        },
        "required": ["seconds"],
        "additionalProperties": False,
    },
    "siege": {
        "type": ["object", "null"],
        "description": "Hold everything under an article with this many {reports, rejections} in an hour.",
        "properties": {
            "reports": {"type": "integer", "minimum": 1, "maximum": 100000},
            "rejections": {"type": "integer", "minimum": 1, "maximum": 100000},
        },
        "minProperties": 1,
        "additionalProperties": False,
    },
}
_PRESET = {"enum": ["balanced", "strict", "pre-moderate", "post-moderate"]}


def _object(**more: Any) -> dict[str, Any]:
    properties = {**_SETTINGS, **more}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _children(description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "maxProperties": 1000,
        "additionalProperties": {"$ref": "#/$defs/override"},
    }


#: The published schema of a policy document.
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A site's policy",
    **_object(
        preset=_PRESET,
        name={"type": "string", "maxLength": 120},
        shadow={"$ref": "#/$defs/shadow", "description": "A whole policy that only says what it would do."},
        sections=_children("section -> what differs there"),
        articles=_children("the site's article id -> what differs there"),
    ),
    "$defs": {
        "condition": _CONDITION,
        "conditions": {
            "type": "array",
            "minItems": 1,
            "maxItems": 200,
            "items": {"$ref": "#/$defs/condition"},
            "description": "A list of conditions.",
        },
        "override": _object(),
        "shadow": _object(
            preset=_PRESET,
            name={"type": "string", "maxLength": 120},
            sections=_children("section -> what differs there"),
            articles=_children("the site's article id -> what differs there"),
        ),
    },
}

#: What every policy starts from, before its preset.
BASE: dict[str, Any] = {
    "moderation": "automatic",
    # the lines that come with the shipped model (its card says what they hold and reject); a test compares
    "thresholds": {
        "spam": {"hold_at": 0.65, "reject_at": 0.8},
        "toxicity": {"hold_at": 0.25, "reject_at": 0.85},
        "severe_toxicity": {"hold_at": 0.3, "reject_at": 0.8},
        "obscene": {"hold_at": 0.8, "reject_at": 0.97},
        "threat": {"hold_at": 0.3, "reject_at": 0.95},
        "insult": {"hold_at": 0.6, "reject_at": 0.95},
        "identity_attack": {"hold_at": 0.6, "reject_at": 0.95},
    },
    "signals": {
        "blocked_word": "reject",
        "suspect_word": "hold",
        "blocked_domain": "reject",
        "suspect_domain": "hold",
        "blocked_email": "reject",
        "suspect_email": "hold",
        # many people can share one address: a person looks
        "blocked_ip": "hold",
        "suspect_ip": "note",
        "many_links": "hold",
        "lookalike_link": "hold",
        "link_in_name": "hold",
        "personal_data": "hold",
        "like_rejected": "reject",
        "akin_to_rejected": "hold",
        "contact_rejected": "hold",
        "honeypot": "hold",
        "flooding_author": "hold",
        "flooding_ip": "hold",
        "poor_reputation": "hold",
        "author_strikes": "hold",
        "banned_author": "reject",
    },
    "weight": {"hold_at": 1.5, "reject_at": 5.0},
    "limits": {
        "links": 3,
        "duplicates": 2,
        "author_per_10_minutes": 5,
        "ip_per_10_minutes": 15,
        "thread_per_10_minutes": 200,
        "form_seconds": 3,
        "trusted_after": 5,
    },
    "rules": [],
    "languages": [],
    "unsupported_language": "hold",
    "on_error": "hold",
    "learned": "act",
    "timezone": "UTC",
    "siege": {"reports": 10, "rejections": 100},
}


def stricter(line: float) -> float:
    """A threshold of the strict preset: it stands where the odds are a third of the balanced one's.

    For spam, strangers who want to be reached elsewhere are held from there in any preset.
    """
    odds = line / (1 - line) / 3
    return round(odds / (1 + odds), 2)


#: preset -> what it changes of :data:`BASE`.
PRESET_CHANGES: dict[str, dict[str, Any]] = {
    "balanced": {},
    "strict": {
        "thresholds": {
            name: {which: stricter(line) for which, line in lines.items()}
            for name, lines in BASE["thresholds"].items()
        },
        "signals": {
            "link_shortener": "hold",
            "punycode_link": "hold",
            "disposable_email": "hold",
            "near_duplicate": "hold",
            "duplicate": "hold",
            "honeypot": "reject",
            "first_comment": "hold",
        },
        "weight": {"hold_at": 1.0, "reject_at": 4.0},
    },
    "pre-moderate": {"moderation": "before"},
    "post-moderate": {"moderation": "after"},
}

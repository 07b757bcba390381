"""Why a comment is rejected or reported: one list for the API, the desk, statements of reasons and Coral.

The codes are Coral's (GraphQL ``REJECTION_REASON_CODE``), which many moderators know; each has its words
for the author and its category in the EU Transparency Database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ground:
    """What a code stands for.

    :param words: as they follow "because of", for the comment's author.
    :param category: of the EU Transparency Database.
    """

    words: str
    category: str


#: Code -> what it stands for, in the order of the desk's menu.
CODES: dict[str, Ground] = {
    "OFFENSIVE": Ground("offensive language", "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH"),
    "ABUSIVE": Ground("abuse of other people", "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH"),
    "SPAM": Ground("advertising or spam", "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"),
    "BANNED_WORD": Ground(
        "a word that this site does not publish", "STATEMENT_CATEGORY_SCOPE_OF_PLATFORM_SERVICE"
    ),
    "AD": Ground("advertising or spam", "STATEMENT_CATEGORY_SCOPE_OF_PLATFORM_SERVICE"),
    "ILLEGAL_CONTENT": Ground("content that may be illegal", "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH"),
    "HARASSMENT_BULLYING": Ground("threats or harassment", "STATEMENT_CATEGORY_VIOLENCE"),
    "MISINFORMATION": Ground(
        "misleading statements", "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS"
    ),
    "HATE_SPEECH": Ground("hatred against a group of people", "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH"),
    "IRRELEVANT_CONTENT": Ground(
        "a subject other than the article's", "STATEMENT_CATEGORY_SCOPE_OF_PLATFORM_SERVICE"
    ),
    "OTHER": Ground("the site's rules for comments", "STATEMENT_CATEGORY_SCOPE_OF_PLATFORM_SERVICE"),
}

#: What the machine rejects for -> its code.
OF_MACHINE = {
    "spam": "SPAM",
    "toxicity": "OFFENSIVE",
    "severe_toxicity": "ABUSIVE",
    "obscene": "OFFENSIVE",
    "threat": "HARASSMENT_BULLYING",
    "insult": "ABUSIVE",
    "identity_attack": "HATE_SPEECH",
    "blocked_word": "BANNED_WORD",
    "blocked_domain": "SPAM",
    "honeypot": "SPAM",
    "near_duplicate": "SPAM",
}


def ground_of(code: str) -> Ground:
    """What a code stands for; what is no code is a rule of the site's own, by its name."""
    if code and code not in CODES:
        return Ground(f"the site's rule “{code}”", CODES["OTHER"].category)
    return CODES[code or "OTHER"]


def house_rules_of(options: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The newsroom's own reasons, beside the codes (site option ``house_rules``)."""
    rules = (options or {}).get("house_rules") or ()
    return tuple(str(rule)[:80] for rule in rules if isinstance(rule, str) and rule.strip())

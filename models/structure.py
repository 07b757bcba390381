"""The shape of a comment as numbers: links against words, contacts, capitals, foreign letters in Latin words.

Spam is told by its shape as much as by its words; the other heads are given only tone (capitals, exclamation
marks, length).
"""

from __future__ import annotations

import math
import re
from typing import Any

from models.text import Text

NAMES = (
    "capitals", "exclamations", "length", "few_words", "links", "link_density", "link_only", "url_field",
    "link_in_name", "shortener", "disguised_link", "e_mails", "phones", "wallet", "digits", "foreign_letters",
    "emoji", "disguised_letters", "leetspeak", "mixed_scripts", "repeated_words", "praise_with_link",
    "handles",
    "money", "contact_app",
)  # fmt: skip
TONE = NAMES[:3]
_WALLET = re.compile(
    r"\b(?:bc1[a-z0-9]{20,60}|0x[0-9a-fA-F]{40}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}|T[A-Za-z1-9]{33})\b"
)
_PRAISE = re.compile(
    r"\b(?:nice|great|awesome|excellent|amazing|wonderful|helpful|thanks|good (?:post|job|article))\b"
)
_HANDLE = re.compile(r"(?<!\w)@\w{4,}")
_MONEY = re.compile(r"[$€£₽₿]\s?\d|\d\s?[$€£₽₿%]|\busdt?\b|\bbtc\b")
_MONEY_SIGNS = ("$", "%", "€", "£", "₽", "₿", "usd", "btc")
_APPS = (
    "whatsapp", "whats app", "telegram", "signal group", "icq", "skype", "wechat", "viber", "inbox me",
    "text me",
)  # fmt: skip
_DIGITS = b"0123456789"


def measured(
    text: Text, facts: dict[str, Any], model_text: str, *, may_hold_wallet: bool = True
) -> list[float]:
    """The numbers of one comment, each about 0 to 4, in the order of ``NAMES``."""
    body = text.body
    length, words = max(facts["length"], 1), facts["words"]
    links = facts["links"]
    in_body = sum(1 for link in links if link["where"] == "body")
    raw = body.encode("utf-8", "replace")
    row = [0.0] * len(NAMES)
    digits = len(raw) - len(raw.translate(None, _DIGITS))
    row[0] = min(facts["upper_share"], 1.0) if facts["letters"] > 8 else 0.0
    row[1] = min(3.0, body.count("!") / 2.0)
    row[2] = math.log1p(length) / 4.0
    row[3] = words < 4
    row[14] = min(1.0, 4.0 * digits / length)
    if not body.isascii():
        foreign = sum(1 for char in body if char > "ɏ")
        row[15] = min(1.0, foreign / length)
        row[16] = min(2.0, sum(1 for char in body if char >= "\U0001f000") / 4.0)
        row[19] = len(facts["scripts"]) > 1
    if facts["disguises"]:
        names = facts["disguises"]
        row[17] = any(n in names for n in ("hidden_characters", "fancy_letters", "lookalike_letters"))
        row[18] = any(n in names for n in ("leetspeak", "spaced_letters"))
    if words > 8:
        pieces = model_text.split(" ")
        row[20] = max(0.0, 0.7 - len(set(pieces)) / len(pieces)) * 4.0
    if links:
        row[4] = math.log1p(in_body)
        row[5] = min(2.0, 8.0 * in_body / (words + 1))
        row[6] = in_body > 0 and words < 6 + 4 * in_body
        row[7] = any(link["where"] == "url" for link in links)
        row[8] = any(link["where"] == "name" for link in links)
        row[9] = any(link["shortener"] for link in links)
        row[10] = any(link["punycode"] or link["lookalike"] for link in links)
        row[21] = in_body > 0 and _PRAISE.search(model_text) is not None
    row[11] = min(2.0, facts["emails"])
    row[12] = min(2.0, facts["phones"])
    if length > 26 and may_hold_wallet and _WALLET.search(body):
        row[13] = 1.0
    if "@" in body:
        row[22] = min(2.0, len(_HANDLE.findall(body)) / 2.0)
    if (digits or "btc" in model_text or "usdt" in model_text) and any(
        sign in model_text for sign in _MONEY_SIGNS
    ):
        row[23] = min(2.0, len(_MONEY.findall(model_text)) / 2.0)
    row[24] = any(app in model_text for app in _APPS)
    return row

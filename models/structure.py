"""The shape of a comment as numbers: links against words, contacts, capitals, foreign letters in Latin words.

Spam is told by its shape as much as by its words; the other heads are given only tone (capitals, exclamation
marks, length).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from models import glance
from models.features import Array
from models.glance import Glance
from models.text import Reading, Text

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
_AMOUNT = re.compile(r"[$€£₽₿]\s?\d|\d\s?[$€£₽₿%]")
_COIN = re.compile(r"\b(?:usdt?|btc)\b")
_APPS = (
    "whatsapp", "whats app", "telegram", "signal group", "icq", "skype", "wechat", "viber", "inbox me",
    "text me",
)  # fmt: skip
_DIGITS = b"0123456789"
#: The numbers of a text without links, contacts and disguises: capitals to few_words, digits, repeated_words.
_QUICK = [0, 1, 2, 3, 14, 20]


def measured_all(texts: Sequence[Text], readings: Sequence[Reading]) -> Array:
    """The numbers of a batch: :func:`measured` of each, but quicker where a glance says that few can be other
    than zero."""
    shapes = np.zeros((len(texts), len(NAMES)), np.float32)
    quick, foremost = [], []
    # One search in all of them for the words that few hold.
    together = "\n".join([read.model_text for read in readings])
    rare = [word for word in (*_APPS, "usd", "btc") if word in together]
    for at, (text, read) in enumerate(zip(texts, readings, strict=True)):
        facts, seen, model_text = read.facts, read.seen, read.model_text
        if (
            seen is None
            or facts["links"]
            or facts["disguises"]
            or facts["phones"]
            or not text.body.isascii()
            or seen.suspects & glance.WALLET
            or (seen.suspects & glance.LINK and "@" in text.body)
            or (seen.digits and ("$" in model_text or "%" in model_text))
            or (rare and any(word in model_text for word in rare))
        ):
            shapes[at] = measured(text, facts, model_text, may_hold_wallet=_may_hold_wallet(seen))
            continue
        length, words = facts["length"], facts["words"]
        quick.append(at)
        foremost.append(
            (
                facts["upper_share"] if seen.letters > 8 else 0.0,
                min(3.0, seen.exclamations / 2.0),
                math.log1p(max(length, 1)) / 4.0,
                words < 4,
                min(1.0, 4.0 * seen.digits / max(length, 1)),
                _repeats(read.distinct, model_text.count(" ") + 1) if words > 8 else 0.0,
            )
        )
    if quick:
        shapes[np.array(quick)[:, None], _QUICK] = foremost
    return shapes


def _repeats(distinct: int, words: int) -> float:
    return max(0.0, 0.7 - distinct / words) * 4.0


def _may_hold_wallet(seen: Glance | None) -> bool:
    return seen is None or bool(seen.suspects & glance.WALLET)


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
        points = np.frombuffer(body.encode("utf-32-le", "surrogatepass"), np.uint32)
        row[15] = min(1.0, np.count_nonzero(points > ord("ɏ")) / length)
        row[16] = min(2.0, np.count_nonzero(points >= 0x1F000) / 4.0)
        row[19] = len(facts["scripts"]) > 1
    if facts["disguises"]:
        names = facts["disguises"]
        row[17] = any(n in names for n in ("hidden_characters", "fancy_letters", "lookalike_letters"))
        row[18] = any(n in names for n in ("leetspeak", "spaced_letters"))
    if words > 8:
        pieces = model_text.split(" ")
        row[20] = _repeats(len(set(pieces)), len(pieces))
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
    has_coin = "btc" in model_text or "usdt" in model_text
    if digits or has_coin:
        money = 0
        if any(sign in model_text for sign in "$%€£₽₿"):
            money += len(_AMOUNT.findall(model_text))
        if has_coin or "usd" in model_text:
            money += len(_COIN.findall(model_text))
        row[23] = min(2.0, money / 2.0)
    row[24] = any(app in model_text for app in _APPS)
    return row

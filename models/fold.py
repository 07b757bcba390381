"""One character at a time: what the model reads instead of it."""

from __future__ import annotations

import re
import unicodedata

_PUNCTUATION = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"',
    "«": '"', "»": '"', "–": "-", "—": "-", "―": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "•": " ",
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ſ": "s",
    "€": "€", "£": "£", "\u0640": "", "\u00ad": "", "\u034f": "", "\u115f": "", "\u1160": "", "\u3164": "",
    "\u2800": " ", "¡": "!", "¿": "?",
}  # fmt: skip
_LATIN_NAME = re.compile(
    r"(?:MODIFIER LETTER |LATIN )(?:SMALL |CAPITAL )?(?:LETTER )?(?:SMALL )?(?:CAPITAL )?"
    r"(?:TURNED |OPEN |REVERSED |SCRIPT |DOTLESS |BARRED |SIDEWAYS )?([A-Z])(?: WITH .*| BAR)?"
)


class _Fold(dict[int, str]):
    """Code point -> what the model reads; filled as code points are met, each worked out once."""

    def __missing__(self, point: int) -> str:
        folded = _fold(chr(point))
        # A flood of rare code points must not grow the process: past this size nothing is remembered.
        if len(self) < 20_000:
            self[point] = folded
        return folded


def _fold(char: str) -> str:
    point = ord(char)
    if point < 128:
        return char.lower() if char.isprintable() or char in "\n\t\r" else " "
    if char in _PUNCTUATION:
        return _PUNCTUATION[char]
    if 0x1F1E6 <= point <= 0x1F1FF:
        return chr(point - 0x1F1E6 + 97)
    for first in (0x1F150, 0x1F170):
        if first <= point < first + 26:
            return chr(point - first + 97)
    category = unicodedata.category(char)
    if category in ("Cf", "Cs", "Cn", "Co", "Cc") or 0xFE00 <= point <= 0xFE0F or 0x1F3FB <= point <= 0x1F3FF:
        return "\n" if point in (0x85,) else ""
    if category[0] == "Z":
        return " "
    if category in ("Mn", "Me") and (
        0x300 <= point <= 0x36F
        or 0x483 <= point <= 0x489
        or 0x1AB0 <= point <= 0x1AFF
        or 0x1DC0 <= point <= 0x1DFF
        or 0x20D0 <= point <= 0x20FF
        or 0xFE20 <= point <= 0xFE2F
    ):
        return ""
    if category == "So" and (point >= 0x1F300 or 0x2600 <= point <= 0x27BF):
        return f" {unicodedata.name(char, '').lower().replace('-', ' ')} "
    decomposed = unicodedata.normalize("NFKD", char)
    if decomposed[0].isascii():
        return "".join(c for c in decomposed if unicodedata.category(c)[0] != "M").lower()
    named = _LATIN_NAME.fullmatch(unicodedata.name(char, ""))
    if named:
        return named[1].lower()
    lowered = unicodedata.normalize("NFKC", char).lower()
    if lowered in _PUNCTUATION:
        return _PUNCTUATION[lowered]
    return "".join(c for c in lowered if not 0x300 <= ord(c) <= 0x36F)


FOLD = _Fold({point: _fold(chr(point)) for point in range(128)})

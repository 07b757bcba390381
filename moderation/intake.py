"""Clean what a stranger typed without changing what they wrote.

Kept: every letter, accent, emoji with its joiners (U+200D, U+FE0F), Persian and Indic
joiners (U+200C, U+200D), right-to-left marks. Removed, and said so: what a database cannot hold or
what makes a text look like another one to the eye (Unicode TR36 §2, TR39): NUL and control
characters, lone surrogates, noncharacters, bidirectional overrides, tag characters, and floods
of combining marks beyond what any script uses. Composed to NFC, as browsers send it.
"""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: England's, Scotland's and Wales's flags end in U+E007F: tags are kept after the black flag only.
_TAGS = re.compile("(?<!\U0001f3f4)(?<![\U000e0020-\U000e007e])[\U000e0000-\U000e007f]+")
#: Vietnamese and Hebrew cantillation stack up to 3 or 4 marks on a letter; zalgo stacks dozens.
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{5})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_RULES = (
    ("control_characters", _CONTROL, ""),
    ("lone_surrogates", _SURROGATE, "\ufffd"),
    ("noncharacters", _NONCHARACTER, ""),
    ("bidi_overrides", _BIDI, ""),
    ("tag_characters", _TAGS, ""),
    ("stacked_marks", _MARKS, r"\1"),
)


def clean(value: str) -> tuple[str, list[str]]:
    """:return: the text as it is kept, and the names of what was removed. Linear in the length."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if value.isascii() and value.replace("\n", "").isprintable():
        return value.strip(), []  # nothing of what follows could find anything
    removed = []
    for name, pattern, replacement in _RULES:
        value, count = pattern.subn(replacement, value)
        if count:
            removed.append(name)
    return unicodedata.normalize("NFC", value).strip(), removed


def clean_line(value: str) -> tuple[str, list[str]]:
    """As :func:`clean`, for what stands on one line: a name, a title."""
    value, removed = clean(value)
    return " ".join(value.split()), removed


def is_blank(value: str) -> bool:
    """Whether nothing of it would be seen: spaces, joiners and format characters alone."""
    return not any(unicodedata.category(char)[0] in "LNPSM" for char in value)

"""What the model reads instead of what a person wrote.

Disguises (look-alike letters, leetspeak, spaced or repeated letters, masked swear words, emoji between
letters, HTML entities) are undone here for the model only; the comment itself is never changed. Every step is
a substitution that can be traced, so that an explanation points into the original text.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources

from models import glance
from models.fold import FOLD

Replacement = str | Callable[[re.Match[str]], str]

_EMOJI = "\u2600-\u27bf\U0001f000-\U0001faff"
_EMOJI_INSIDE = re.compile(rf"(?<=[^\W\d_])[{_EMOJI}\ufe0f\u200d]+(?=[^\W\d_])")
# Zero-width and bidi characters where no script needs them: between two Latin letters or digits.
_HIDDEN = re.compile(
    "(?<=[A-Za-z0-9])[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u034f]+(?=[A-Za-z0-9])"
)
_FANCY = re.compile("[\U0001d400-\U0001d7ff\uff21-\uff5a\u24b6-\u24e9\U0001f130-\U0001f189\u1d00-\u1d2b]{2}")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8}\d?);")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>|<!--")
_FOREIGN = "а-џѐ-ԯα-ωϲա-և"
_MIXED_WORD = re.compile(rf"[a-z0-9{_FOREIGN}]*(?:[a-z][{_FOREIGN}]|[{_FOREIGN}][a-z])[a-z0-9{_FOREIGN}]*")
_FOREIGN_WORD = re.compile(rf"(?<!\w)[{_FOREIGN}]+(?!\w)")
_LATIN_LETTER = re.compile(r"[a-z]")
_FOREIGN_LETTER = re.compile(rf"[{_FOREIGN}]")
# Each search tells whether its disguise is possible at all: most comments need none of the costly steps.
_SPACED_MAYBE = re.compile(r"(?<![a-z0-9])[a-z]([ ._*,/|-]{1,2})[a-z]\1[a-z](?![a-z])")
_MASKED_MAYBE = re.compile(r"[a-z][*#~%^(+|]+[a-z*]|(?<![a-z])[a-z]{1,2}[_-]+[a-z]|[a-z]\*")
_LEET_MAYBE = re.compile(r"[0-9@$!€][a-z]|[a-z][0-9@$€](?!\w)")
_REPEATED_MAYBE = re.compile(r"([a-z])\1\1")
_MASKS, _DIGITS, _MARKED = "*#~%^(+|_-", "013456789@$!€", tuple(mark * 4 for mark in ".!?-*=_~+#$,…")
_LEET_TOKEN = re.compile(r"(?<![\w@$#&/.])[a-z0-9@$!€]*(?:[a-z][0-9@$!€]|[0-9@$!€][a-z])[a-z0-9@$!€]*")
_LEET = str.maketrans("0345789@$!€", "oeastbgasie")
_ORDINARY_NUMBER = re.compile(r"[$€]*\d+[a-z]{1,3}|[$€]*\d{2,}[a-z]+|[a-z]+\d{2,}|\d+[x@$]\d*")
_MASKED = re.compile(r"(?<![\w*])[a-z]+(?:[*#~%^(+|]+|[_-]{1,4}(?=[a-z]))[a-z*]*")
_SPACED = re.compile(r"(?<![^\W_])[a-z0-9@$!]([ ._*,/|-]{1,2})[a-z0-9@$!](?:\1[a-z0-9@$!])+(?![^\W_])")
_REPEATED_WORD = re.compile(r"[a-z]*([a-z])\1\1[a-z]*")
_REPEATS = re.compile(r"([a-z])\1+")
_LONG_REPEATS = re.compile(r"([a-z])\1\1+")
_MARKS = re.compile(r"([^\w\s])\1{3,}")
_BLANK = re.compile(r"\s+")


class Plain:
    """A text under substitution."""

    __slots__ = ("disguises", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.disguises: list[str] = []

    def sub(self, pattern: re.Pattern[str], replacement: Replacement, disguise: str = "") -> None:
        """Substitute; ``disguise`` names what was undone, if anything was."""
        before = self.text
        self._sub(pattern, replacement)
        if disguise and self.text != before:
            self.disguises.append(disguise)

    def _sub(self, pattern: re.Pattern[str], replacement: Replacement) -> None:
        self.text = pattern.sub(replacement, self.text)

    def fold(self) -> None:
        self.text = self.text.translate(FOLD)

    def close_up(self) -> None:
        """One space for any white space, none at the ends."""
        self.text = " ".join(self.text.split())

    def cut(self, spans: Iterable[tuple[int, int, str]]) -> None:
        """Replace spans (begin, end, word), which are sorted and do not overlap."""
        pieces: list[str] = []
        done = 0
        for begin, end, word in spans:
            pieces += (self.text[done:begin], f" {word} ")
            done = end
        self.text = "".join((*pieces, self.text[done:]))


def _places(old: str, new: str) -> list[int]:
    """For each character of a replacement, the place in what it replaces: its own where only some were left
    out ("s t u p i d"), else spread evenly."""
    found: list[int] = []
    at = -1
    for char in new:
        at = old.find(char, at + 1)
        if at < 0:
            width = max(len(old), 1)
            return [i * width // len(new) for i in range(len(new))]
        found.append(at)
    return found


class Traced(Plain):
    """A text under substitution that remembers, for each character, where in the original it came from."""

    __slots__ = ("origins",)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.origins = list(range(len(text)))

    def _put(self, edits: list[tuple[int, int, str]]) -> None:
        pieces: list[str] = []
        origins: list[int] = []
        done = 0
        for begin, end, new in edits:
            pieces += (self.text[done:begin], new)
            origins += self.origins[done:begin]
            last = len(self.origins) - 1
            origins += [self.origins[min(begin + at, last)] for at in _places(self.text[begin:end], new)]
            done = end
        self.text = "".join((*pieces, self.text[done:]))
        self.origins = origins + self.origins[done:]

    def _sub(self, pattern: re.Pattern[str], replacement: Replacement) -> None:
        self._put(
            [
                (
                    m.start(),
                    m.end(),
                    m.expand(replacement) if isinstance(replacement, str) else replacement(m),
                )
                for m in pattern.finditer(self.text)
            ]
        )

    def fold(self) -> None:
        self._put([(i, i + 1, new) for i, char in enumerate(self.text) if (new := FOLD[ord(char)]) != char])

    def close_up(self) -> None:
        self._sub(_BLANK, " ")
        begin = len(self.text) - len(self.text.lstrip(" "))
        end = len(self.text.rstrip(" "))
        self.text, self.origins = self.text[begin:end], self.origins[begin:end]

    def cut(self, spans: Iterable[tuple[int, int, str]]) -> None:
        self._put([(begin, end, f" {word} ") for begin, end, word in spans])


def normalise(body: str, cuts: Iterable[tuple[int, int, str]] = ()) -> tuple[str, list[str]]:
    """What the model reads, and the names of the disguises undone. ``cuts`` are spans (begin, end, word) of
    links and addresses, named by a word.

    Time is linear in the length of the text.
    """
    text = Plain(body)
    _undo(text, cuts)
    return text.text, text.disguises


def glanced(body: str, suspects: int) -> tuple[list[str], list[str]]:
    """As :func:`normalise` of a body without links of which a glance (models.glance) was not ``STRANGE``, but
    cut at the blanks."""
    body = body.lower()
    if suspects & glance.DISGUISED:
        text = Plain(body)
        _undo_letters(text, suspects)
        return text.text.split(), text.disguises
    if suspects & glance.MARKED and _is_marked(body):
        body = _MARKS.sub(r"\1\1\1", body)
    return body.split(), []


def traced(body: str, cuts: Iterable[tuple[int, int, str]] = ()) -> tuple[str, list[int]]:
    """As :func:`normalise`, with the original code point that each character came from."""
    text = Traced(body)
    _undo(text, cuts)
    return text.text, text.origins


def _undo(text: Plain, cuts: Iterable[tuple[int, int, str]]) -> None:
    cuts = list(cuts)
    if cuts:
        text.cut(cuts)
    if "&" in text.text:
        text.sub(_ENTITY, lambda m: html.unescape(m[0]), "entities")
    if "<" in text.text:
        text.sub(_TAG, " ")
    if not text.text.isascii():
        if _HIDDEN.search(text.text):
            text.sub(_HIDDEN, "", "hidden_characters")
        text.sub(_EMOJI_INSIDE, "", "emoji_inside_words")
        if _FANCY.search(text.text):
            text.disguises.append("fancy_letters")
        text.fold()
        if not text.text.isascii() and _FOREIGN_LETTER.search(text.text):
            text.sub(_MIXED_WORD, _latin, "lookalike_letters")
            if len(_LATIN_LETTER.findall(text.text)) > 2 * len(_FOREIGN_LETTER.findall(text.text)):
                text.sub(_FOREIGN_WORD, _latin, "lookalike_letters")
    elif text.text.replace("\n", " ").isprintable():
        text.text = text.text.lower()
    else:
        text.fold()
    _undo_letters(text)
    text.close_up()


def _undo_letters(text: Plain, suspects: int = glance.DISGUISED | glance.MARKED) -> None:
    """The steps that need small letters; only those that are suspected."""
    for suspect, may_be, pattern, replacement, disguise in _STEPS:
        if suspects & suspect and may_be(text.text):
            before = text.text
            text.sub(pattern, replacement, disguise)
            if text.text != before:  # nobody has glanced at this
                suspects = glance.DISGUISED | glance.MARKED


def _latin(match: re.Match[str]) -> str:
    word = match[0].translate(_lookalikes())
    return word if word.isascii() or _LATIN_LETTER.search(match[0]) else match[0]


def _plain_letters(match: re.Match[str]) -> str:
    token = match[0]
    body = token.rstrip("!")
    if len(body) < 3 or body.isalpha() or _ORDINARY_NUMBER.fullmatch(body):
        return token
    if body[0] == "@" and not body.startswith(("@ss", "@$$", "@n", "@r")):
        return token  # a mention
    known = words()
    plain = body.replace("6", "g").translate(_LEET)
    readings = [plain.replace("1", letter) for letter in ("il" if "1" in plain else "i")]
    best = min(readings, key=lambda word: known.get(word, 99.0))
    if best in known or (len(body) > 4 and sum(not c.isalpha() for c in body) > 1):
        return best + token[len(body) :]
    return token


def _unmasked(match: re.Match[str]) -> str:
    token = match[0]
    if token.isalpha():
        return token
    return _lift(token) or token


@cache
def _swears_by_length() -> dict[int, list[str]]:
    by_length: dict[int, list[str]] = {}
    for word in masked_words():
        by_length.setdefault(len(word), []).append(word)
    return by_length


def _lift(token: str) -> str | None:
    """The first swear word that fits the letters left standing, each mask being one letter."""
    for word in _swears_by_length().get(len(token), ()):
        if all(c == w or not c.isalpha() for c, w in zip(token, word, strict=True)):
            return word
    return None


def _joined(match: re.Match[str]) -> str:
    letters = match[0].replace(match[1], "") if match[1].strip() else match[0].replace(" ", "")
    if letters.isdigit() or (match[1] == "." and len(letters) < 5 and letters not in masked_words()):
        return match[0]  # "u.s.a."
    letters = letters.replace("1", "i").translate(_LEET)
    return " ".join(segment(letters[i : i + 120]) for i in range(0, len(letters), 120))


def _squeezed(match: re.Match[str]) -> str:
    word = match[0]
    if len(word) < 4 and len(set(word)) == 1:
        return word  # an abbreviation or a Roman numeral
    known = words()
    readings = [_REPEATS.sub(r"\1", word), _LONG_REPEATS.sub(r"\1", word), _LONG_REPEATS.sub(r"\1\1", word)]
    return min(readings, key=lambda w: known.get(w, 99.0))


@cache
def masked_words() -> tuple[str, ...]:
    """The words that writers mask, likeliest first; only an exact fit with one of them lifts a mask."""
    return tuple(resources.files("models.lists").joinpath("masked_words.txt").read_text("utf-8").split())


@cache
def _lookalikes() -> dict[int, str]:
    """Cyrillic, Greek and Armenian letters that look like a Latin one."""
    pairs = resources.files("models.lists").joinpath("lookalikes.txt").read_text("utf-8").split()
    return str.maketrans(dict(zip(pairs[::2], pairs[1::2], strict=True)))


@cache
def words() -> dict[str, float]:
    """Common English words -> cost (Zipf), most common first; made by ``python -m models.train --words``."""
    lines = resources.files("models.lists").joinpath("words.txt").read_text("utf-8").split()
    total = math.log(len(lines) + 1)
    return {word: math.log((rank + 2) * total) for rank, word in enumerate(lines)}


def segment(letters: str) -> str:
    """Cut letters without spaces into the likeliest words (Viterbi over word ranks)."""
    known = words()
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(letters) + 1):
        choices = []
        for begin in range(max(0, end - 16), end):
            piece = letters[begin:end]
            cost = known.get(piece, 16.0 + 6.0 * len(piece) if len(piece) > 1 else 14.0)
            choices.append((best[begin][0] + cost, begin))
        best.append(min(choices))
    pieces, end = [], len(letters)
    while end:
        begin = best[end][1]
        pieces.append(letters[begin:end])
        end = begin
    return " ".join(reversed(pieces))


def _is_masked(text: str) -> bool:
    return any(mark in text for mark in _MASKS) and _MASKED_MAYBE.search(text) is not None


def _is_leet(text: str) -> bool:
    return any(digit in text for digit in _DIGITS) and _LEET_MAYBE.search(text) is not None


def _is_marked(text: str) -> bool:
    return any(marks in text for marks in _MARKED)


_STEPS: tuple[tuple[int, Callable[[str], object], re.Pattern[str], Replacement, str], ...] = (
    (glance.SPACED, _SPACED_MAYBE.search, _SPACED, _joined, "spaced_letters"),
    (glance.MASKED, _is_masked, _MASKED, _unmasked, "masked_letters"),
    (glance.LEETED, _is_leet, _LEET_TOKEN, _plain_letters, "leetspeak"),
    (glance.REPEATED, _REPEATED_MAYBE.search, _REPEATED_WORD, _squeezed, "repeated_letters"),
    (glance.MARKED, _is_marked, _MARKS, r"\1\1\1", ""),
)

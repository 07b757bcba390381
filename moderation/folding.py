"""Fold text so that an entry of a word list meets the spellings people hide it behind. Pure, linear time."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

# 0-9 and signs as letters; `1` and `!` are read as i here and once more as l
_LEET = str.maketrans("0134578@$!|+€£¡", "oieastbasiiteli")
# Greek and Cyrillic letters by their look (Unicode TR39 confusables), not by their sound
_LOOKS = str.maketrans(
    "авгеикмнопрстухьіјѕԁԛԝһӏαβγεηικνορτυχωϲѵօոսհ",
    "abreukmhonpctyxbijsdqwhlabyenikvoptuxwcvonuh",
)
_LETTER = "A-Za-zÀ-ɏΑ-ωА-ӿԀ-ԯ"
# looked for inside one word at a time: no part of it can run over the text twice
_TRAIT = re.compile(
    rf"[{_LETTER}][0-9@$|€£¡]|[0-9@$|€£¡][{_LETTER}]|[{_LETTER}][!+*][{_LETTER}]"
    r"|[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]|(.)\1\1"
)
# 3rd, 90th, 5pm, 20kg: a number with its unit hides nothing
_MEASURE = re.compile(r"\W*\d+[^\W\d_]{1,3}\W*")
_SPACED = re.compile(r"(?<![^\W_])([^\W_](?:[ .\-_*·,/\\]{1,2}[^\W_]){2,})(?![^\W_])")
_SEPARATORS = re.compile(r"[ .\-_*·,/\\]")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_RUN = re.compile(r"(.)\1{2,}")
_SPACE = re.compile(r"\s+")
_TOKEN = re.compile(r"[^\W_]+")
#: Beyond this a comment is folded in its beginning only: nobody hides a word behind a novel.
MOST_CHARACTERS = 200_000


@lru_cache(maxsize=20_000)
def _folded(letter: str) -> str:
    if unicodedata.category(letter) in ("Cf", "Cc", "Mn", "Me", "Cs") and letter not in "\t\n\r":
        return ""  # zero-width, bidi, accents, stacked marks
    parts = unicodedata.normalize("NFKD", letter.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def fold(text: str) -> str:
    """Case, accents, widths, hidden letters and runs of space folded away; letters keep their script."""
    text = text[:MOST_CHARACTERS]
    folded = text.lower() if text.isascii() else "".join(map(_folded, text))
    return _SPACE.sub(" ", folded).strip()


def spellings(text: str) -> tuple[str, ...]:
    """The folded text, and what it says once its disguises are taken off.

    Look-alike letters, digits for letters, spaced-out and drawn-out words and one starred letter are undone
    only in words that show such a trait, so that ordinary words are never respelled.

    :returns: one to six texts, the plainly folded one first.
    """
    plain = fold(text)
    found = [plain]
    joined = _SPACED.sub(lambda match: _SEPARATORS.sub("", match[1]), plain)
    words = [word for word in joined.split(" ") if _is_suspicious(word)] if _TRAIT.search(joined) else []
    if joined == plain and not words:
        return (plain,)
    found.append(joined)
    if words:
        undone = [_RUN.sub(r"\1", _undisguised(word)) for word in words]
        found.append(" ".join(undone))
        # boook and book both read fuck-like words right: a run may stand for one letter or for two
        if any(_RUN.search(word) for word in words):
            found.append(" ".join(_RUN.sub(r"\1\1", _undisguised(word)) for word in words))
        if any(sign in word for word in words for sign in "1!|"):
            as_l = str.maketrans("1!|", "lll")
            found.append(" ".join(_RUN.sub(r"\1", _undisguised(word.translate(as_l))) for word in words))
        starred = [word for word in words if word.strip("*").count("*") == 1]
        found.extend(
            " ".join(_undisguised(word.strip("*").replace("*", vowel)) for word in starred)
            for vowel in ("aeiou" if starred else "")
        )
    return tuple(dict.fromkeys(spelling for spelling in found if spelling))


def _is_suspicious(word: str) -> bool:
    return _TRAIT.search(word) is not None and _MEASURE.fullmatch(word) is None


def _undisguised(word: str) -> str:
    word = word.strip("!|+*¡?.,;:")
    has_latin = any("a" <= letter <= "z" for letter in word)
    if has_latin and not word.isascii():
        # mixed scripts in one word: read by look
        word = word.translate(_LOOKS)
        word = word if word.isascii() else anyascii(word).lower()
    return word.translate(_LEET)


def tokens(folded: str) -> list[str]:
    """Runs of letters and digits of a folded text."""
    return _TOKEN.findall(folded)


def is_spaced(text: str) -> bool:
    """Whether spaces stand between its words; Chinese, Japanese, Thai, Lao, Khmer and Burmese have none."""
    return text.isascii() or _UNSPACED.search(text) is None


def canonical(text: str) -> list[str]:
    """The words of a text with its disguises off, addresses and numbers left out: for telling copies apart.

    A campaign changes its links, amounts and letter forms first, and its sentences last.
    """
    plain = fold(_ADDRESS.sub(" ", text) if "://" in text or "www." in text.lower() else text)
    joined = _SPACED.sub(lambda match: _SEPARATORS.sub("", match[1]), plain)
    # one look at the whole first: most texts hide nothing
    if _TRAIT.search(joined):
        joined = " ".join(
            _RUN.sub(r"\1", _undisguised(word)) if _is_suspicious(word) else word
            for word in joined.split(" ")
        )
    return [word for word in tokens(joined) if not word.isdigit()]

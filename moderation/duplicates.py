"""Tell copies and near-copies of a text apart from what merely resembles it. Pure.

MinHash over pairs of words, in bands: texts that share one band are candidates, and their Jaccard index
decides. Source: A. Broder, On the resemblance and containment of documents (1997); banding: Leskovec,
Rajaraman, Ullman, Mining of Massive Datasets, ch. 3. MinHash itself by rensa.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rensa import RMinHash

from moderation.folding import canonical

#: Eight bands of three: of two texts with index 0.8, 99.8 % meet in a band; with 0.6, 86 %; with 0.5, 66 %.
#: Among 20,000 unrelated news comments one pair in 430,000 does: two false candidates in a million texts.
BANDS = 8
ROWS = 3
#: From here on two texts count as almost the same.
ALIKE_AT = 0.5
#: A shorter text is compared whole: everyone writes "I agree".
FEWEST_WORDS = 8
SHORTEST_EXACT = 12
EXACT = 0
#: Fingerprint numbers from here on are links and contacts.
CONTACTS = 10
MOST_CONTACTS = 8
_SEED = 20_261
_HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z0-9_]{5,32}\b")
_NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[ ()./-]{0,2}\d){7,14}(?!\w)")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a text to find its copies again; no text can be had back from it.

    :param keys: number -> band, 16 hexadecimal digits; a short text has number 0 alone, the whole of it.
    :param shingles: pairs of words, for the Jaccard index.
    :param whole: the same for two texts with the same words.
    """

    keys: dict[int, str]
    shingles: frozenset[str]
    whole: str

    def jaccard(self, other: Fingerprint) -> float:
        """Shared pairs of words over all of them, in [0, 1]."""
        if self.whole and self.whole == other.whole:
            return 1.0
        union = len(self.shingles | other.shingles)
        return len(self.shingles & other.shingles) / union if union else 0.0


def fingerprints(texts: Sequence[str]) -> list[Fingerprint]:
    """A fingerprint for each text; a text too short to tell gets one without keys."""
    words = [canonical(text) for text in texts]
    shingles = [frozenset(map(" ".join, pairwise(w if len(w) >= FEWEST_WORDS else ()))) for w in words]
    long = [i for i, found in enumerate(shingles) if found]
    sets = [list(shingles[i]) for i in long]
    rows = RMinHash.digests_from_token_sets(sets, BANDS * ROWS, _SEED) if sets else []
    digests = dict(zip(long, rows, strict=True))
    found = []
    for i, w in enumerate(words):
        text = " ".join(w)
        whole = _key("whole", text) if len(text) >= SHORTEST_EXACT and len(w) > 1 else ""
        digest = digests.get(i)
        if digest is not None:
            keys = {
                band + 1: _key(f"band{band}", ",".join(map(str, digest[band * ROWS : (band + 1) * ROWS])))
                for band in range(BANDS)
            }
        else:
            keys = {EXACT: whole} if whole else {}
        found.append(Fingerprint(keys, shingles[i], whole))
    return found


def contacts(body: str, facts: Mapping[str, Any]) -> dict[int, str]:
    """Keys of the links, handles and numbers by which a comment wants to be reached.

    A link counts by its address and by its domain: a campaign keeps one of the two.

    :param facts: the text's facts, with its links already found.
    """
    wanted: dict[str, None] = {}
    for link in facts.get("links", ()):
        wanted[f"url:{link['url'].lower().partition('://')[2].rstrip('/') or link['url'].lower()}"] = None
        wanted[f"domain:{link['domain'] or link['host']}"] = None
    for one in handles_and_numbers(body):
        wanted[f"handle:{one}" if one.startswith("@") else f"number:{one}"] = None
    return {CONTACTS + i: _key("contact", one) for i, one in enumerate(list(wanted)[:MOST_CONTACTS])}


def handles_and_numbers(body: str) -> list[str]:
    """``@handles`` in lower case, and the digits of what may be phone numbers."""
    handles = [handle.lower() for handle in _HANDLE.findall(body[:20_000])]
    return handles + [re.sub(r"[^0-9]", "", number) for number in _NUMBER.findall(body[:20_000])]


def _key(kind: str, value: str) -> str:
    return hashlib.blake2b(f"{kind}\0{value}".encode("utf-8", "replace"), digest_size=8).hexdigest()

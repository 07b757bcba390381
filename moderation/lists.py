"""A site's lists of words, patterns, domains, e-mail addresses and networks, and their matcher. Pure.

Words are looked up as hashed runs of words, domains and addresses as hashes: a list of a million entries
takes 8 bytes an entry. Patterns and entries with ``*`` go to RE2 (google-re2), which is linear in the text
whatever the pattern, behind its filter of required literals: no entry can stall a worker.
"""

from __future__ import annotations

import ipaddress
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import re2

from moderation.folding import fold, is_spaced, spellings, tokens

Kind = Literal["word", "regex", "domain", "email", "ip"]
KINDS: tuple[Kind, ...] = ("word", "regex", "domain", "email", "ip")
LISTS = ("blocked", "suspect", "allowed")
#: Which lists an entry of a kind may stand on: "allowed" words would let anything through that quotes them.
ALLOWED_KINDS = ("domain", "email", "ip")
MOST_PATTERNS = 20_000
#: Patterns behind one filter: with 10,000 the filter itself runs out of its memory and refuses.
_OF_A_FILTER = 2_000
LONGEST_ENTRY = 500
_LONGEST_PHRASE = 8
_DOMAIN = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})$")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_AFTER_HOST = re.compile(r"[/?#:]")
_HASHED = re.compile(r"^#[0-9a-f]{64}$")


class EntryRefused(ValueError):
    """An entry that can match nothing, or that no matcher could bear."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is kept.

    :param pattern: in the form that :func:`cleaned` gives it.
    """

    list: str
    kind: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Hit:
    """What a list says about a comment: one entry that met it."""

    list: str
    kind: str
    pattern: str


def re2_options() -> Any:
    """No capture, no case, a bound on memory, and nothing on stderr about a bad pattern."""
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.log_errors = False
    options.max_mem = 1 << 22
    return options


def cleaned(kind: str, pattern: str, email_hash: Callable[[str], str] | None = None) -> str:
    """The form in which an entry is kept and looked up.

    :param email_hash: hashes one e-mail address; a whole address is never kept in the clear.
    :raises EntryRefused: with a sentence that says why.
    """
    pattern = pattern.strip().strip("\ufeff")
    if not pattern or "\x00" in pattern:
        raise EntryRefused("the entry is empty")
    if len(pattern) > LONGEST_ENTRY:
        raise EntryRefused(f"the entry is longer than {LONGEST_ENTRY} characters")
    match kind:
        case "word":
            return _cleaned_word(pattern)
        case "regex":
            return _cleaned_regex(pattern)
        case "domain":
            return _cleaned_domain(pattern)
        case "email":
            return _cleaned_email(pattern, email_hash)
        case "ip":
            return _cleaned_ip(pattern)
    raise EntryRefused(f"there is no kind {kind!r}; known: {', '.join(KINDS)}")


def _cleaned_word(pattern: str) -> str:
    folded = fold(pattern)
    if len(folded) > LONGEST_ENTRY:
        # one ligature may unfold to eighteen letters
        raise EntryRefused(f"the entry is longer than {LONGEST_ENTRY} characters once it is unfolded")
    letters = "".join(tokens(folded.replace("*", "")))
    if not letters:
        raise EntryRefused("the entry holds no letter or digit")
    if len(letters) == 1 and is_spaced(letters):
        raise EntryRefused("a single letter would match everywhere")
    return folded


def _cleaned_regex(pattern: str) -> str:
    try:
        compiled = re2.compile(pattern, re2_options())
    except re2.error as error:
        said = str(error).removeprefix("b'").rstrip("'")
        if "perl operator" in said or "escape sequence" in said:
            said += " (look-around and back-references are not read: they cannot be matched in linear time)"
        raise EntryRefused(f"the pattern cannot be used: {said}") from None
    if compiled.search("") is not None:
        raise EntryRefused("the pattern matches empty text, so it would match every comment")
    return pattern


def ascii_host(host: str) -> str:
    """A host name in its encoded form (RFC 5891), lower case, without a final dot."""
    host = host.strip().strip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _cleaned_domain(pattern: str) -> str:
    host = _SCHEME.sub("", pattern.lower())
    host = _AFTER_HOST.split(host, maxsplit=1)[0].removeprefix("*.").removeprefix("*")
    is_ending = host.startswith(".") and "." not in host.strip(".")
    name = ascii_host(host)
    if is_ending and re.fullmatch(r"[a-z]{2,63}|xn--[a-z0-9-]{2,59}", name):
        return name
    if not _DOMAIN.match(name) or len(name) > 253:
        raise EntryRefused("this is not a domain; write it like example.org, *.example.org or .top")
    return name.removeprefix("www.")


def _cleaned_email(pattern: str, email_hash: Callable[[str], str] | None) -> str:
    address = pattern.strip().casefold()
    if _HASHED.match(address):
        return address
    local, at, domain = address.rpartition("@")
    if local in ("", "*") and "." in domain:
        return "@" + _cleaned_domain(domain)
    if not local or not at or not (_DOMAIN.match(ascii_host(domain)) or "*" in domain):
        raise EntryRefused("this is not an e-mail address, nor a domain like @example.org")
    if "*" in address:
        if len(address.replace("*", "")) < 4:
            raise EntryRefused("with a wildcard more of the address must stand fast")
        return address
    return "#" + email_hash(address) if email_hash else address


def _cleaned_ip(pattern: str) -> str:
    pattern = pattern.strip("[]")
    if re.fullmatch(r"(\d{1,3}\.){1,3}\*?", pattern):
        parts = [part for part in pattern.rstrip("*").split(".") if part]
        pattern = ".".join(parts + ["0"] * (4 - len(parts))) + f"/{8 * len(parts)}"
    try:
        network = ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        raise EntryRefused("this is not an IP address or range; write it like 192.0.2.0/24") from None
    if network.prefixlen < (8 if network.version == 4 else 16):
        raise EntryRefused("the range covers more than a /8 (IPv6: /16)")
    return network.compressed


@dataclass(slots=True)
class _Hashes:
    """A set of strings as sorted 64-bit hashes: 8 bytes each, whatever their number.

    Two strings share a hash once in 10^13 look-ups at a million entries.
    """

    sorted: np.ndarray[Any, Any]

    def found(self, strings: Sequence[str]) -> list[str]:
        if not len(self.sorted) or not strings:
            return []
        wanted = np.fromiter((hash(string) for string in strings), dtype=np.int64, count=len(strings))
        at = np.minimum(np.searchsorted(self.sorted, wanted), len(self.sorted) - 1)
        return [strings[int(i)] for i in np.flatnonzero(self.sorted[at] == wanted)]


@dataclass(slots=True)
class _One:
    """All entries of one list (blocked, suspect or allowed)."""

    phrases: _Hashes
    phrase_lengths: tuple[int, ...]
    filters: list[tuple[Any, Sequence[Entry]]]
    domains: _Hashes
    emails: _Hashes
    email_patterns: list[tuple[Any, str]]
    networks: dict[tuple[int, int], set[int]] = field(default_factory=dict)


class Matcher:
    """A site's lists, ready to be held against comments.

    :param entries: as kept (see :func:`cleaned`); read once, so it may stream from the database.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        gathered: dict[str, dict[str, Any]] = {}
        counts: dict[str, set[int]] = {}
        for entry in entries:
            of = gathered.setdefault(entry.list, {})
            where, value = _place(entry)
            if where == "phrases":
                counts.setdefault(entry.list, set()).add(value.count(" ") + 1)
            if where in ("phrases", "domains", "emails"):
                # hashed at once, 8 bytes each: a streamed million is never held as a million strings
                of.setdefault(where, array("q")).append(hash(value))
            else:
                of.setdefault(where, []).append(value)
        self._lists = {name: _one(of, counts.get(name, set())) for name, of in gathered.items()}

    def __bool__(self) -> bool:
        return bool(self._lists)

    def words(self, *texts: str) -> list[Hit]:
        """Word and pattern entries met by any of the texts, each entry once."""
        if not self._lists:
            return []
        folded = [spelling for text in texts if text for spelling in spellings(text)]
        read = [tokens(spelling) for spelling in folded]
        raw = "\n".join([*texts, *folded]).encode("utf-8", "replace")
        hits: dict[Hit, None] = {}
        for name, one in self._lists.items():
            runs = {
                " ".join(words[i : i + length])
                for words in read
                for length in one.phrase_lengths
                for i in range(len(words) - length + 1)
            }
            for phrase in sorted(one.phrases.found(list(runs))):
                hits[Hit(name, "word", phrase)] = None
            for patterns, entries in one.filters:
                for index in patterns.Match(raw) or ():
                    hits[Hit(name, entries[index].kind, entries[index].pattern)] = None
        return list(hits)

    def domains(self, hosts: Iterable[str]) -> list[Hit]:
        """Domain entries met by link hosts: an entry covers its subdomains."""
        wanted = list(dict.fromkeys(ending for host in hosts for ending in endings(host)))
        return [Hit(n, "domain", d) for n, one in self._lists.items() for d in one.domains.found(wanted)]

    def email(self, address: str, address_hash: str) -> list[Hit]:
        """E-mail entries met by an address; ``address`` may be ``""`` where only its hash is known."""
        address = address.strip().casefold()
        wanted = ["#" + address_hash] if address_hash else []
        wanted += ["@" + ending for ending in endings(address.rpartition("@")[2])] if address else []
        wanted += [address] if address else []
        hits = []
        for name, one in self._lists.items():
            # an address is shown by its kind, never itself
            hits += [
                Hit(name, "email", found if found[0] == "@" else "this address")
                for found in one.emails.found(wanted)
            ]
            hits += [
                Hit(name, "email", shown)
                for compiled, shown in one.email_patterns
                if address and compiled.fullmatch(address)
            ]
        return hits

    def ip(self, address: str | None) -> list[Hit]:
        """Network entries that hold an address; none for what is not an address."""
        try:
            ip = ipaddress.ip_address(address or "")
        except ValueError:
            return []
        if ip.version == 6 and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        hits = []
        for name, one in self._lists.items():
            for (version, length), networks in one.networks.items():
                shift = ip.max_prefixlen - length
                if version == ip.version and (int(ip) >> shift) in networks:
                    network = ipaddress.ip_network((int(ip) >> shift << shift, length))
                    hits.append(Hit(name, "ip", network.compressed))
        return hits


def endings(host: str) -> Iterator[str]:
    """A host and every domain above it: a.b.example, b.example, example."""
    labels = ascii_host(host).split(".")[-10:]
    for i in range(len(labels)):
        if labels[i]:
            yield ".".join(labels[i:])


def is_pattern(entry: Entry) -> bool:
    """Whether an entry takes a pattern, of which a list may hold :data:`MOST_PATTERNS`."""
    return _place(entry)[0] in ("patterns", "email_patterns")


def _place(entry: Entry) -> tuple[str, Any]:
    pattern = entry.pattern
    if entry.kind == "domain":
        return "domains", pattern
    if entry.kind == "email":
        return ("email_patterns", entry) if "*" in pattern else ("emails", pattern)
    if entry.kind == "ip":
        return "networks", pattern
    if entry.kind == "word":
        words = tokens(pattern)
        plain = pattern[0].isalnum() and pattern[-1].isalnum() and "*" not in pattern
        if plain and len(words) <= _LONGEST_PHRASE and is_spaced(pattern):
            return "phrases", " ".join(words)
    return "patterns", entry


def _one(of: dict[str, Any], lengths: set[int]) -> _One:
    def hashes(name: str) -> _Hashes:
        return _Hashes(np.unique(np.array(of.get(name, array("q")), dtype=np.int64)))

    entries: list[Entry] = of.get("patterns", [])[:MOST_PATTERNS]
    one = _One(
        phrases=hashes("phrases"),
        phrase_lengths=tuple(sorted(lengths)),
        filters=[
            found
            for at in range(0, len(entries), _OF_A_FILTER)
            for found in _filters(entries[at : at + _OF_A_FILTER])
        ],
        domains=hashes("domains"),
        emails=hashes("emails"),
        email_patterns=[
            (re2.compile(re2.escape(entry.pattern).replace(r"\*", ".*"), re2_options()), entry.pattern)
            for entry in of.get("email_patterns", [])[:MOST_PATTERNS]
        ],
    )
    for pattern in of.get("networks", []):
        network = ipaddress.ip_network(pattern)
        shift = network.max_prefixlen - network.prefixlen
        key = (network.version, network.prefixlen)
        one.networks.setdefault(key, set()).add(int(network.network_address) >> shift)
    return one


def _filters(entries: Sequence[Entry]) -> list[tuple[Any, Sequence[Entry]]]:
    """Patterns behind as few filters as bear them; one that none can bear is left out, never the others."""
    patterns, options = re2.Filter(), re2_options()
    try:
        for entry in entries:
            patterns.Add(entry.pattern if entry.kind == "regex" else word_pattern(entry.pattern), options)
        patterns.Compile()
    except re2.error:
        if len(entries) == 1:
            return []
        half = len(entries) // 2
        return [*_filters(entries[:half]), *_filters(entries[half:])]
    return [(patterns, entries)]


def word_pattern(entry: str) -> str:
    """A word entry as an RE2 pattern: whole words, ``*`` for any letters and digits of the same word."""
    core = entry.strip("*")
    inner = f"[{_LETTERS}]*".join(re2.escape(part) for part in core.split("*")).replace(r"\ ", r"\s+")
    if not is_spaced(core):
        return inner
    # (?m): every spelling stands on a line of its own
    before = "" if entry.startswith("*") else _edge(core[0], f"(?:^|[^{_LETTERS}])")
    after = "" if entry.endswith("*") else _edge(core[-1], f"(?:$|[^{_LETTERS}])")
    return f"(?m){before}{inner}{after}"


# Letters and digits by a few ranges: \pL takes a millisecond to compile, and a list may hold thousands of it.
_LETTERS = (
    r"0-9a-z\x{AA}\x{B5}\x{BA}\x{C0}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3040}-\x{D7FF}"
    r"\x{F900}-\x{FEFE}\x{10000}-\x{1EFFF}"
)


def _edge(letter: str, pattern: str) -> str:
    if not letter.isalnum():
        return ""
    # \b knows ASCII alone, and is far cheaper to compile where that is enough
    return r"\b" if letter.isascii() else pattern

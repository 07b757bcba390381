"""What is not the model: links, lists, duplicates, timing, author history. Pure.

The facts of the text (links, language, disguises) come with the scores from ``models/text.py``; here they are
combined with a site's lists and with what the store knows. Nothing is parsed twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from moderation.duplicates import handles_and_numbers
from moderation.lists import Hit, Matcher, endings
from moderation.personal_data import personal_data_in, street_addresses_in
from moderation.policy import Policy
from moderation.policy_schema import SIGNALS
from moderation.verdict import Author, Circumstances, Signal

SHOUTING_SHARE = 0.7
SHOUTING_LETTERS = 20
#: Most entries that a signal's evidence names.
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """One comment as the signals see it.

    :param email: the address, ``""`` where only its hash is at hand.
    :param honeypot: what came in the hidden field; people leave it empty.
    :param form_seconds: from the form's signed token to the submission; None without a token.
    :param form_token_faulty: a token was expected, and it is missing, forged or stale.
    :param removed: names of what was cleaned away when the comment was received.
    """

    body: str
    name: str = ""
    email: str = ""
    email_hash: str = ""
    email_domain: str = ""
    ip: str | None = None
    article: str = ""
    section: str = ""
    article_published_at: datetime | None = None
    submitted_at: datetime | None = None
    honeypot: str = ""
    form_seconds: float | None = None
    form_token_faulty: bool = False
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What the store knows around a comment; the numbers of last ten minutes count the comment itself.

    :param known: whether the author wrote here before.
    :param verified: the site vouches for the author's identity; a bare e-mail address never counts.
    :param balance: decayed record: +1 for an approval, -1 for the machine's rejection, -3 for a person's;
        halves every 30 days.
    :param seconds_since_last: since the author's last comment under the same article.
    :param alike: earlier comments with almost the same text, of which ``alike_exact`` have the very same,
        ``alike_rejected`` were rejected and ``alike_names`` is the number of different names.
    :param akin_rejected: rejected comments whose text is akin, where none is almost the same.
    :param contact_rejected: comments with the same link or contact that were rejected.
    :param article_reports: within the last hour, as ``article_rejections``.
    """

    known: bool = False
    verified: bool = False
    approved: int = 0
    rejected: int = 0
    strikes: int = 0
    balance: float = 0.0
    trusted_at: datetime | None = None
    banned_until: datetime | None = None
    author_recent: int = 0
    ip_recent: int = 0
    thread_recent: int = 0
    seconds_since_last: float | None = None
    alike: int = 0
    alike_exact: int = 0
    alike_rejected: int = 0
    alike_names: int = 0
    akin_rejected: int = 0
    cluster: str | None = None
    contact_rejected: int = 0
    contact_approved: int = 0
    article_reports: int = 0
    article_rejections: int = 0


NO_HISTORY = History()


def find(
    subject: Subject,
    facts: Mapping[str, Any],
    matcher: Matcher,
    history: History,
    policy: Policy,
    now: datetime,
    language: str = "",
) -> list[Signal]:
    """Every signal that fires, each with evidence in words; at most one of each name.

    :param facts: as in ``models.scorer.Scored.facts``; empty where the model did not answer, and then what
        needs no model still fires.
    :param language: the site's own.
    """
    found = [
        *_lists(subject, facts, matcher),
        *_links(facts, matcher, policy.limits),
        *_text(subject, facts, policy, language),
        *_form(subject, policy.limits),
        *_alike(history, policy.limits),
        *_flood(history, policy.limits),
        *_author(history, author_of(history, policy, now)),
        *_elsewhere(subject, facts, matcher, history),
    ]
    return found


def author_of(history: History, policy: Policy, now: datetime) -> Author:
    """The author as rules may ask about them. Trust needs an identity that the site vouches for."""
    earned = history.approved >= policy.limits["trusted_after"] and history.balance > 0
    return Author(
        verified=history.verified,
        trusted=history.verified and (history.trusted_at is not None or earned),
        banned=history.banned_until is not None and history.banned_until > now,
        first_comment=not history.known,
        # anyone can type anyone's address: without the site's word there is no good record to lean on
        approved=history.approved if history.verified else 0,
        rejected=history.rejected,
        strikes=history.strikes,
        reputation=history.balance if history.verified else min(history.balance, 0.0),
    )


def circumstances_of(
    subject: Subject,
    history: History,
    policy: Policy,
    now: datetime,
    *,
    language: str = "",
    language_supported: bool = True,
    scoring_failed: str = "",
) -> Circumstances:
    """Where and when the comment stands, for :func:`moderation.policy.judge`."""
    return Circumstances(
        now=subject.submitted_at or now,
        section=subject.section,
        article=subject.article,
        article_published_at=subject.article_published_at,
        language=language,
        language_supported=language_supported,
        scoring_failed=scoring_failed,
        author=author_of(history, policy, now),
        seconds_since_last=history.seconds_since_last,
        article_reports=history.article_reports,
        article_rejections=history.article_rejections,
    )


def _signal(name: str, text: str = "", count: float | None = None, **evidence: Any) -> Signal:
    if text:
        evidence["text"] = text
    if count is not None:
        evidence["count"] = count
    return Signal(name, evidence, SIGNALS[name][1])


def _named(entries: list[str]) -> str:
    shown = ", ".join(entries[:MOST_NAMED])
    return shown + (f" and {len(entries) - MOST_NAMED} more" if len(entries) > MOST_NAMED else "")


def _lists(subject: Subject, facts: Mapping[str, Any], matcher: Matcher) -> list[Signal]:
    if not matcher:
        return []
    hits: list[Hit] = matcher.words(subject.body, subject.name)
    hits += matcher.domains(link["host"] for link in facts.get("links", ()))
    if subject.email or subject.email_hash:
        address = subject.email or (f"@{subject.email_domain}" if subject.email_domain else "")
        hits += matcher.email(address, subject.email_hash)
    hits += matcher.ip(subject.ip)
    kinds = {"regex": "word"}
    by_signal: dict[tuple[str, str], list[str]] = {}
    for hit in hits:
        by_signal.setdefault((hit.list, kinds.get(hit.kind, hit.kind)), []).append(hit.pattern)
    allowed = {kind for name, kind in by_signal if name == "allowed"}
    return [
        _signal(f"{name}_{kind}", _named(entries), len(entries), entries=entries[:MOST_NAMED])
        for (name, kind), entries in by_signal.items()
        # an address or network that the site lets in is not stopped by a wider entry
        if name != "allowed" and not (kind in ("email", "ip") and kind in allowed)
    ]


def _links(facts: Mapping[str, Any], matcher: Matcher, limits: Mapping[str, float]) -> list[Signal]:
    links = list(facts.get("links", ()))
    if not links:
        return []
    # links to hosts that the site allows do not count
    free = {
        host
        for host in {link["host"] for link in links}
        if any(hit.list == "allowed" for hit in matcher.domains([host]))
    }
    links = [link for link in links if link["host"] not in free]
    found = []
    in_body = [link for link in links if link.get("where") == "body"]
    if len(in_body) >= limits["links"]:
        domains = list(dict.fromkeys(link["domain"] or link["host"] for link in in_body))
        text = f"{len(in_body)} links to {_named(domains)}"
        found.append(_signal("many_links", text, len(in_body), domains=domains[:MOST_NAMED]))
    for name, flag in (
        ("link_shortener", "shortener"),
        ("punycode_link", "punycode"),
        ("lookalike_link", "lookalike"),
    ):
        hosts = list(dict.fromkeys(link["host"] for link in links if link.get(flag)))
        if hosts:
            found.append(_signal(name, _named(hosts), len(hosts)))
    in_name = [link["host"] for link in links if link.get("where") == "name"]
    if in_name:
        found.append(_signal("link_in_name", _named(in_name), len(in_name)))
    return found


def _text(subject: Subject, facts: Mapping[str, Any], policy: Policy, language: str) -> list[Signal]:
    found = []
    disguises = sorted({*facts.get("disguises", ()), *subject.removed})
    if disguises:
        found.append(
            _signal("disguise", _named([name.replace("_", " ") for name in disguises]), len(disguises))
        )
    share, letters = facts.get("upper_share", 0.0), facts.get("letters", 0)
    if share >= SHOUTING_SHARE and letters >= SHOUTING_LETTERS:
        found.append(_signal("shouting", f"{share:.0%} of {letters} letters are capitals", share=share))
    kinds = personal_data_in(subject.body, emails=facts.get("emails", 0), language=language)
    if kinds:
        text = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        found.append(_signal("personal_data", text, sum(kinds.values()), kinds=kinds))
    streets = street_addresses_in(subject.body)
    if streets:
        found.append(_signal("street_address", f"{streets} that look like one", streets))
    expected = policy.languages or ((language.split("-")[0].split("_")[0],) if language else ())
    written = facts.get("language", "")
    if expected and written and facts.get("language_certain") and written not in expected:
        found.append(_signal("other_language", f"{written}, not {' or '.join(expected)}", language=written))
    if subject.email_domain and is_disposable(subject.email_domain):
        found.append(_signal("disposable_email", subject.email_domain, domain=subject.email_domain))
    return found


def _elsewhere(
    subject: Subject, facts: Mapping[str, Any], matcher: Matcher, history: History
) -> list[Signal]:
    """A stranger's first comment that says where to go or whom to write to."""
    if history.known or history.verified:
        return []
    hosts = {link["host"] for link in facts.get("links", ())}
    hosts -= {host for host in hosts if any(hit.list == "allowed" for hit in matcher.domains([host]))}
    ways = [*sorted(hosts), *handles_and_numbers(subject.body)]
    return [_signal("stranger_with_contact", _named(ways), len(ways))] if ways else []


def _form(subject: Subject, limits: Mapping[str, float]) -> list[Signal]:
    found = []
    if subject.honeypot.strip():
        found.append(_signal("honeypot", f"{len(subject.honeypot)} characters in it"))
    seconds = subject.form_seconds
    if seconds is not None and seconds < limits["form_seconds"]:
        text = f"{seconds:.1f} s after the form was shown, less than {limits['form_seconds']:g} s"
        found.append(_signal("form_too_fast", text, seconds=seconds))
    if subject.form_token_faulty:
        found.append(_signal("form_token_faulty"))
    return found


def _alike(history: History, limits: Mapping[str, float]) -> list[Signal]:
    found = []
    names = f" under {history.alike_names} names" if history.alike_names > 1 else ""
    if history.alike_exact >= limits["duplicates"]:
        found.append(
            _signal("duplicate", f"seen {history.alike_exact} times before{names}", history.alike_exact)
        )
    elif history.alike >= limits["duplicates"]:
        found.append(_signal("near_duplicate", f"seen {history.alike} times before{names}", history.alike))
    if history.alike_rejected:
        text = f"{history.alike_rejected} of {max(history.alike, history.alike_rejected)} were rejected"
        found.append(_signal("like_rejected", text, history.alike_rejected))
    if history.akin_rejected and not history.known:
        text = f"shares much of its wording with {history.akin_rejected} rejected before"
        found.append(_signal("akin_to_rejected", text, history.akin_rejected))
    if history.contact_rejected >= 2 and not history.contact_approved:
        text = f"its link or contact was rejected {history.contact_rejected} times"
        found.append(_signal("contact_rejected", text, history.contact_rejected))
    return found


def _flood(history: History, limits: Mapping[str, float]) -> list[Signal]:
    return [
        _signal(f"flooding_{whose}", f"{count} or more in ten minutes", count)
        for whose, count in (
            ("author", history.author_recent),
            ("ip", history.ip_recent),
            ("thread", history.thread_recent),
        )
        if count > limits[f"{whose}_per_10_minutes"]
    ]


def _author(history: History, author: Author) -> list[Signal]:
    found = []
    if author.banned and history.banned_until is not None:
        found.append(_signal("banned_author", f"until {history.banned_until:%Y-%m-%d %H:%M} UTC"))
    if author.first_comment:
        found.append(_signal("first_comment"))
    record = f"{history.approved} approved, {history.rejected} rejected"
    if author.trusted:
        found.append(_signal("trusted_author", record))
    # both fade: what a person wrote badly a year ago does not hold them today
    if history.strikes >= 2 and history.balance < 0:
        text = f"{history.strikes} comments rejected by people"
        found.append(_signal("author_strikes", text, history.strikes))
    elif history.balance <= -3:
        found.append(_signal("poor_reputation", record, history.rejected))
    return found


@lru_cache(maxsize=1)
def _disposable_domains() -> frozenset[str]:
    # 10,000 domains: read when the first comment is judged, not when a command starts
    from disposable_email_domains import blocklist

    return frozenset(blocklist)


def is_disposable(domain: str) -> bool:
    """Whether an e-mail domain, or one above it, hands out throw-away addresses."""
    return any(ending in _disposable_domains() for ending in endings(domain))

"""The model in the web process, and a site's policy beside it: an answer within the request.

The callers of the compatible endpoints wait 200 ms (Coral) to a second (Akismet), so these are scored
here and not by the background door. The artifact is memory-mapped: the processes share its pages.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from moderation import learning, list_store, policies
from moderation.lists import Matcher
from moderation.logs import log_of
from moderation.policy import Policy, judge
from moderation.signals import NO_HISTORY, Subject, circumstances_of, find
from moderation.tables import Site
from moderation.verdict import Learned, Verdict
from service.door import database, settings

if TYPE_CHECKING:
    from models.scorer import Scored, Scorer, Text
    from models.shelf import Shelf

#: Of a longer text the beginning and the end are read: scoring must end within the caller's patience.
LONGEST_READ = 20_000
#: A changed policy or list holds in every process after this at the latest.
CACHE_SECONDS = 5.0

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_PATIENCE_SECONDS = 0.05

_lock = threading.Lock()
_deep = threading.Lock()
_loaded: Scorer | None = None


def scorer() -> Scorer:
    """The shipped champion, loaded once in each process.

    :raises models.artifact.ArtifactRefused: a file is missing or was changed.
    """
    global _loaded
    if _loaded is None:
        from models.scorer import Scorer

        with _lock:
            if _loaded is None:
                _loaded = Scorer.load()
    return _loaded


def warm() -> None:
    """Load the model aside, so that the first caller does not wait for it; the web server calls this."""

    def load() -> None:
        from models.scorer import Text

        try:
            scorer().score([Text(body="A first comment, so that every page is read once.")], deep=True)
        except Exception as error:
            log_of(__name__).error("model_not_loaded", error=type(error).__name__)

    threading.Thread(target=load, name="warm", daemon=True).start()


def _begin_again() -> None:
    """In a forked child the parent's inference threads are not there."""
    global _loaded, _lock, _deep
    _loaded, _lock, _deep = None, threading.Lock(), threading.Lock()


os.register_at_fork(after_in_child=_begin_again)


def text_of(body: str, *, name: str = "", email: str = "", url: str = "", language: str = "") -> Text:
    """What is scored; any string will do."""
    from models.scorer import Text

    if len(body) > LONGEST_READ:
        body = f"{body[: LONGEST_READ * 3 // 4]}\n{body[-LONGEST_READ // 4 :]}"
    return Text(body=readable(body), name=readable(name), email=email, url=url, language=language)


def readable(text: str) -> str:
    """Without lone surrogates, which no encoder takes; as long as before, so that offsets stay right."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def language_of(body: str, usual: str) -> str:
    """The language of a text, by the reading that the model uses; ``usual`` where it does not show."""
    from models import text as reading

    language: str = reading.read(text_of(body, language=usual)).facts["language"]
    return language


def scores_of(
    texts: Sequence[Text],
    *,
    lines: Mapping[str, tuple[float, float]] | None = None,
    deep: bool | None = None,
) -> list[Scored]:
    """:param deep: None asks the deep tier where it could cross one of ``lines``."""
    return scorer().score(texts, lines=lines, deep=deep)


def scored_deeply(text: Text) -> Scored:
    """One text with the deep tier's word, whatever the fast one says.

    One at a time in each process: under a flood the others wait a moment and then make do with the fast
    tier (``Scored.model`` says so), instead of all waiting for ever longer.
    """
    if not _deep.acquire(timeout=_PATIENCE_SECONDS):
        return scores_of([text], deep=False)[0]
    try:
        return scores_of([text], deep=True)[0]
    finally:
        _deep.release()


@dataclass(frozen=True, slots=True)
class House:
    """What a site decided, as this process knows it.

    :param matcher: its lists.
    """

    policy: Policy
    policy_id: str | None
    matcher: Matcher
    until: float


_houses: dict[str, House] = {}
_MOST_HOUSES = 500


def house_of(site: Site, now: datetime) -> House:
    """The site's policy and lists, at most CACHE_SECONDS old; while the database is away, the last known."""
    found = _houses.get(site.id)
    if found is not None and found.until > time.monotonic():
        return found
    try:
        read = _read_house(site.id, now)
    except DBAPIError as error:
        if found is None:
            raise
        log_of(__name__).warning("policy_not_read", site=site.id, error=type(error).__name__)
        return found
    if len(_houses) >= _MOST_HOUSES:
        _houses.clear()
    _houses[site.id] = read
    return read


def _read_house(site_id: str, now: datetime) -> House:
    with database().reading() as session:
        policy, policy_id = policies.in_force(session, site_id)
        matcher = list_store.matcher_of(session, site_id, now=now)
    return House(policy, policy_id, matcher, time.monotonic() + CACHE_SECONDS)


def learned_of(site: Site, body: str, found: Scored) -> Learned | None:
    """What the site's own model says of a text that was scored; None where the site has none."""
    if not site.champion:
        return None
    shelf = _shelf(settings().data_dir / "models", scorer().version)
    model = shelf.deciding(site.id, site.champion, lambda: _earlier(site))
    if model is None:
        return None
    own = model.likely(body, found.fast, found.deep, found.facts)
    return Learned(own.likely, own.approve_below, own.reject_above, own.hold_above, own.version)


@lru_cache(maxsize=2)
def _shelf(folder: Path, base: str) -> Shelf:
    from models.shelf import Shelf

    def refused(version: str, reason: str) -> None:
        log_of(__name__).error("site_model_refused", version=version, reason=reason)

    return Shelf(folder, base, refused)


def _earlier(site: Site) -> list[str]:
    with database().reading() as session:
        return learning.earlier(session, site.id, site.champion or "")


@dataclass(frozen=True, slots=True)
class Judged:
    """One text with its scores and what the site's policy says.

    :param model: everything that spoke, e.g. ``2026.11.1+daily-line.3``.
    """

    scored: Scored
    verdict: Verdict
    policy: Policy
    model: str


def judged(site: Site, text: Text, subject: Subject, now: datetime) -> Judged:
    """Score a text and judge it by the site's policy, lists included; history is not asked here."""
    house = house_of(site, now)
    policy = house.policy.at(subject.section, subject.article)
    found = scores_of([text], lines=policy.lines)[0]
    signals = find(subject, found.facts, house.matcher, NO_HISTORY, policy, now, site.language)
    # nobody looked up whether the author wrote before: that is no first comment
    signals = [signal for signal in signals if signal.name != "first_comment"]
    circumstances = circumstances_of(
        subject,
        NO_HISTORY,
        policy,
        now,
        language=found.language,
        language_supported=found.language_supported,
    )
    learned = learned_of(site, text.body, found)
    verdict = judge(found.scores, policy, signals, replace(circumstances, learned=learned))
    return Judged(
        found, verdict, policy, found.model if learned is None else f"{found.model}+{learned.version}"
    )


class _Words(HTMLParser):
    """Collects what a reader sees, and where links lead: spam lives in ``href``."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self.hidden += 1
        elif tag in ("p", "br", "div", "li", "blockquote", "tr"):
            self.parts.append("\n")
        elif tag == "a":
            address = dict(attrs).get("href") or ""
            if "://" in address:
                self.parts.append(f" {address} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.hidden = max(0, self.hidden - 1)

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def words_of(html: str) -> str:
    """The text of an HTML comment. Plain text passes unchanged but for its entities."""
    if "<" not in html and "&" not in html:
        return html
    parser = _Words()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts).strip()

"""How often one key, one reader or one address may ask, counted over all processes.

Each process counts for itself and settles with Redis before a limit comes near: an ordinary request
costs no round trip. With Redis away the process's own count goes on, so the door fails open and is never
without any limit. Windows are fixed minutes, so that the rest of one is known without asking.

Source of the headers: draft-ietf-httpapi-ratelimit-headers-11.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import TooManyRequests

from moderation.logs import log_of
from moderation.redis_address import for_limits
from moderation.tables import Site

WINDOW_SECONDS = 60
#: Requests a minute; a site's options may say otherwise, see docs/settings.md. A key: ten times the burst of
#: a large newspaper, and less than one small machine takes, so that a client in a loop leaves some to others.
#: An e-mail address: one comment a second, which nobody writes. Readers' own addresses are not counted here:
#: a school or a mobile network stands behind one, so that is for a signal and a person to judge.
DEFAULTS = {"per_key": 12_000, "per_email": 60, "per_ip": 120, "wrong_keys_per_ip": 30}
#: Redis is left alone for this long after it failed.
PAUSE_SECONDS = 15.0
_PATIENCE_SECONDS = 0.1
_MOST_COUNTED = 200_000
_NAME = "below-the-line-limits"


@dataclass(slots=True)
class _Count:
    """Hits in one window: those known of all processes, ours that Redis is just being told of, the rest."""

    known: int = 0
    telling: int = 0
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """:param rest: how many more are open in this window; ``resets_in`` its end, in seconds."""

    name: str
    limit: int
    rest: int
    resets_in: int
    passed: bool


class Limits:
    """The counters of one process.

    :param redis_url: as the settings spell it.
    :param master: the one that Sentinel watches, where the address names sentinels.
    """

    def __init__(
        self, redis_url: str, clock: Callable[[], float] = time.time, master: str = "mymaster"
    ) -> None:
        self._redis_url = redis_url
        self._master = master
        self._clock = clock
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[str, _Count] = {}
        self._storage: Any = None
        self._closed_until = 0.0

    def hit(self, name: str, who: str, limit: int, amount: int = 1) -> Standing:
        """Count requests of somebody.

        :param name: which limit, as its header names it.
        :param who: never an address or key in the clear: it becomes a key in Redis.
        :param limit: requests in a window.
        """
        now = self._clock()
        window = int(now // WINDOW_SECONDS)
        at = f"btl:limit:{name}:{who}:{window}"
        with self._lock:
            if window != self._window or len(self._counts) > _MOST_COUNTED:
                self._window, self._counts = window, {}
            count = self._counts.setdefault(at, _Count())
            count.untold += amount
            untold, seen = count.untold, count.known + count.telling + count.untold
            # Far from the limit nobody needs to know; near it, steps of half a per cent.
            settles = seen >= limit // 4 and untold >= max(1, limit // 200) and now >= self._closed_until
            if settles:
                count.untold, count.telling = 0, count.telling + untold
        if settles:
            total = self._tell(at, untold, now)
            with self._lock:
                count.telling -= untold
                if total is None:
                    count.untold += untold
                else:
                    # Redis's own order is the order of all processes: the hundredth of a hundred passes.
                    count.known, seen = max(count.known, total), total
        rest = max(0, limit - seen)
        resets_in = WINDOW_SECONDS - int(now % WINDOW_SECONDS)
        return Standing(name, limit, rest, resets_in, passed=seen <= limit)

    def _tell(self, at: str, amount: int, now: float) -> int | None:
        try:
            if self._storage is None:
                self._storage = _storage_at(self._redis_url, self._master)
            total: int = self._storage.incr(at, WINDOW_SECONDS, amount=amount)
            return total
        except Exception as error:
            self._closed_until, self._storage = now + PAUSE_SECONDS, None
            log_of(__name__).warning("limits_without_redis", error=type(error).__name__)
            return None


def _storage_at(redis_url: str, master: str) -> Any:
    from limits.storage import storage_from_string
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    url, options = for_limits(redis_url, master)
    return storage_from_string(
        url,
        **options,
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
        # The library's own retries would sleep in the request.
        retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # passed on to redis-py as it is
    )


def register(app: Flask, redis_url: str, master: str) -> None:
    app.extensions[_NAME] = Limits(redis_url, master=master)
    app.after_request(_say)


def check(name: str, who: str, limit: int, *, amount: int = 1) -> None:
    """Count a request against a limit.

    :raises TooManyRequests: with Retry-After.
    """
    standing = current_app.extensions[_NAME].hit(name, who, limit, amount)
    if "standings" not in g:
        g.standings = {}
    g.standings[name] = standing
    if not standing.passed:
        raise TooManyRequests(
            f"More than {limit} requests a minute ({name}). Try again in {standing.resets_in} s.",
            retry_after=standing.resets_in,
        )


def check_key() -> None:
    """After the key is known: the key's own limit."""
    if "key" in g:
        check("key", g.key.id, limit_of(g.site, "per_key"))


def limit_of(site: Site, name: str) -> int:
    """:param name: one of DEFAULTS."""
    found = (site.options.get("limits") or {}).get(name)
    return found if isinstance(found, int) and found > 0 else DEFAULTS[name]


def caller_hash() -> str:
    """The caller's address, keyed and hashed; IPv6 by its /64, which one household or machine owns."""
    from ipaddress import IPv6Address, ip_address

    from service.door import vault

    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        address = IPv6Address(int(address) >> 64 << 64)
    return vault().ip_hash(str(address))[:32]


def _say(response: Response) -> Response:
    standings: list[Standing] = list(g.get("standings", {}).values())
    if standings:
        policy = ", ".join(f'"{one.name}";q={one.limit};w={WINDOW_SECONDS}' for one in standings)
        rest = ", ".join(f'"{one.name}";r={one.rest};t={one.resets_in}' for one in standings)
        # Added, not set: to set one is to look through all that are there.
        response.headers.add("RateLimit-Policy", policy)
        response.headers.add("RateLimit", rest)
    return response

"""One Redis address, spelt for each library that wants it: kombu, redis-py and limits.

Sentinels are written as kombu does, ``sentinel://:password@one:26379;sentinel://two:26379/0``. The password
is the servers'; the sentinels themselves have none. Which master they watch is a setting of its own.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

SENTINEL = "sentinel://"


def transport_options(url: str, master: str, **of_redis: Any) -> dict[str, Any]:
    """What kombu must be told besides a broker's address.

    :param of_redis: options that only its Redis transport knows; RabbitMQ's refuses to start with them.
    """
    if url.startswith(("amqp://", "amqps://")):
        return {}
    return of_redis | ({"master_name": master} if url.startswith(SENTINEL) else {})


def client_of(url: str, master: str, *, timeout: float) -> Any:
    """A redis-py client that asks once and does not wait.

    :param timeout: seconds, for connecting and for each answer.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    patience: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    if not url.startswith(SENTINEL):
        return Redis.from_url(for_redis_py(url), **patience)
    from redis.sentinel import Sentinel

    hosts, password, database = _sentinels(url)
    watching = Sentinel(hosts, sentinel_kwargs=patience)
    return watching.master_for(master, password=password, db=database, **patience)


def for_redis_py(url: str) -> str:
    """The address as redis-py spells it; only a socket differs."""
    if url.startswith("redis+socket://"):
        return "unix://" + url.removeprefix("redis+socket://")
    return url


def for_limits(url: str, master: str) -> tuple[str, dict[str, Any]]:
    """The address as limits spells it, and what it must be told besides."""
    if url.startswith("redis+socket://"):
        return "redis+unix://" + unquote(url.removeprefix("redis+socket://")), {}
    if url.startswith(SENTINEL):
        hosts, password, database = _sentinels(url)
        places = ",".join(f"{host}:{port}" for host, port in hosts)
        options = {"password": password, "db": database, "sentinel_kwargs": {"password": None}}
        return f"redis+sentinel://{places}/{master}", options
    return url, {}


def _sentinels(url: str) -> tuple[list[tuple[str, int]], str | None, int]:
    parts = [urlsplit(part) for part in url.split(";")]
    hosts = [(part.hostname or "127.0.0.1", part.port or 26379) for part in parts]
    password = next((unquote(part.password) for part in parts if part.password), None)
    database = next((part.path.strip("/") for part in parts if part.path.strip("/")), "0")
    return hosts, password, int(database)

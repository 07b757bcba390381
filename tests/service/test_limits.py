"""Requests are counted over all processes; Redis away or silent never closes or slows the door."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from moderation.tables import Site
from service.limits import WINDOW_SECONDS, Limits
from tests.service.conftest import HELLO

NOON = 1_800_000_000.0 - 1_800_000_000.0 % WINDOW_SECONDS


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield server.getsockname()[1]


def counted(limits: Limits, times: int, limit: int = 8) -> list[bool]:
    return [limits.hit("key", "someone", limit).passed for _ in range(times)]


def test_the_limit_and_what_is_left_are_said(site):
    with site.database.writing() as session:
        session.get_one(Site, site.site_id).options = {"limits": {"per_key": 3}}

    answers = [site.get("/v1/comments") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert 0 < int(answers[3].headers["Retry-After"]) <= 60
    assert answers[3].json["type"] == "/docs#too-many-requests"


def test_one_reader_cannot_flood_a_site(site):
    with site.database.writing() as session:
        session.get_one(Site, site.site_id).options = {"limits": {"per_email": 2}}

    def sent(address):
        return site.post("/v1/comments", {**HELLO, "email": address}).status_code

    assert [sent("flood@example.org") for _ in range(3)] == [202, 202, 429]
    assert sent("other@example.org") == 202


def test_a_batch_counts_each_comment(site):
    with site.database.writing() as session:
        session.get_one(Site, site.site_id).options = {"limits": {"per_key": 3}}

    assert site.post("/v1/comments/batch", {"comments": [HELLO] * 4}).status_code == 429


def test_two_processes_share_a_limit(redis_url):
    one, other = (Limits(redis_url, clock=lambda: NOON) for _ in range(2))

    passed = [counted(limits, 1)[0] for _ in range(10) for limits in (one, other)]

    assert sum(passed) == 8


def test_a_new_minute_begins_anew():
    now = [NOON]
    limits = Limits("redis://127.0.0.1:1/0", clock=lambda: now[0])
    assert counted(limits, 9)[-1] is False

    now[0] += WINDOW_SECONDS

    assert counted(limits, 1) == [True]


def test_without_redis_the_process_counts_for_itself():
    assert counted(Limits("redis://127.0.0.1:1/0", clock=lambda: NOON), 10) == [True] * 8 + [False] * 2


def test_a_silent_redis_is_waited_for_once(silent_port):
    limits = Limits(f"redis://127.0.0.1:{silent_port}/0", clock=lambda: NOON)
    began = time.monotonic()

    counted(limits, 1_000)

    assert time.monotonic() - began < 20  # each of 750 would wait a tenth of a second


def test_redis_is_asked_again_after_a_while(redis_url):
    now = [NOON]
    limits = Limits("redis://127.0.0.1:1/0", clock=lambda: now[0])
    counted(limits, 4)
    limits._redis_url = redis_url  # it came back

    now[0] += 20
    counted(limits, 1)

    other = Limits(redis_url, clock=lambda: now[0])
    assert counted(other, 4) == [True] * 3 + [False]


def test_counting_from_many_threads_loses_nothing(redis_url):
    limits = Limits(redis_url, clock=lambda: NOON)
    passed: list[bool] = []
    threads = [threading.Thread(target=lambda: passed.extend(counted(limits, 25, 100))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(passed) == 200
    assert sum(passed) == 100

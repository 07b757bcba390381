"""A nudge reaches the broker when it can, and costs a request nothing when it cannot."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from moderation import jobs
from service import nudge as nudges
from service.nudge import Nudger


@pytest.fixture
def nudger_to() -> Iterator[Callable[[str], Nudger]]:
    made: list[Nudger] = []

    def make(url: str) -> Nudger:
        made.append(Nudger(url))
        return made[-1]

    yield make
    for nudger in made:
        nudger.stop()


def messages(client: redis.Redis, queue: str) -> list[str]:
    return [json.loads(raw)["headers"]["task"] for raw in client.lrange(queue, 0, -1)]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_a_job_is_published_by_name_to_its_queue(redis_url, nudger_to):
    nudger = nudger_to(redis_url)

    nudger.ask(jobs.SCORE)
    nudger.ask(jobs.DELIVER)

    with redis.Redis.from_url(redis_url) as client:
        until(lambda: messages(client, "score") and messages(client, "deliver"))
        assert messages(client, "score") == ["btl.score"]
        assert messages(client, "deliver") == ["btl.deliver"]


def test_many_nudges_become_few_messages(redis_url, nudger_to):
    nudger = nudger_to(redis_url)
    nudger.ask(jobs.SCORE)
    with redis.Redis.from_url(redis_url) as client:
        until(lambda: messages(client, "score"))

        for _ in range(1_000):
            nudger.ask(jobs.SCORE)
        nudger.ask(jobs.DELIVER)

        until(lambda: messages(client, "deliver"))
        assert len(messages(client, "score")) <= 20


def test_nudges_do_not_pile_up_behind_a_busy_worker(redis_url, nudger_to):
    nudger = nudger_to(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        until(lambda: nudger.ask(jobs.SCORE) or len(messages(client, "score")) == nudges.ENOUGH_WAITING)
        for _ in range(10):
            nudger.ask(jobs.SCORE)
            time.sleep(2 * nudges.SPACING_SECONDS)
        nudger.ask(jobs.DELIVER)
        until(lambda: messages(client, "deliver"))
        assert len(messages(client, "score")) == nudges.ENOUGH_WAITING

        client.lpop("score")  # a worker takes one up
        nudger.ask(jobs.SCORE)

        until(lambda: len(messages(client, "score")) == nudges.ENOUGH_WAITING)


def test_asking_never_waits_for_a_broker_that_is_down_or_silent(nudger_to):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        for url in ("redis://127.0.0.1:1/0", f"redis://127.0.0.1:{silent.getsockname()[1]}/0"):
            nudger = nudger_to(url)
            nudger.ask(jobs.SCORE)
            until(lambda nudger=nudger: nudger.is_open)

            asked = threading.Thread(
                target=lambda nudger=nudger: [nudger.ask(jobs.SCORE) for _ in range(10_000)]
            )
            asked.start()
            asked.join(timeout=30)

            assert not asked.is_alive()


def test_what_was_asked_while_the_broker_was_away_is_published_afterwards(redis_url, nudger_to, monkeypatch):
    monkeypatch.setattr(nudges, "LONGEST_PAUSE_SECONDS", 0.2)
    nudger = nudger_to("redis://127.0.0.1:1/0")
    nudger.ask(jobs.SCORE)
    until(lambda: nudger.is_open)

    nudger._broker_url = redis_url  # it came back

    with redis.Redis.from_url(redis_url) as client:
        until(lambda: messages(client, "score"))
    until(lambda: not nudger.is_open)


def test_a_forked_process_nudges_for_itself(redis_url, nudger_to):
    nudger = nudger_to(redis_url)
    nudger.ask(jobs.DELIVER)
    with redis.Redis.from_url(redis_url) as client:
        until(lambda: messages(client, "deliver"))

        child = os.fork()
        if child == 0:
            try:
                nudger.ask(jobs.SCORE)
                until(lambda: messages(redis.Redis.from_url(redis_url), "score"))
                os._exit(0)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        assert messages(client, "score") == ["btl.score"]


def test_a_stopped_nudger_starts_again_when_asked(redis_url, nudger_to):
    nudger = nudger_to(redis_url)
    nudger.ask(jobs.SCORE)
    nudger.stop()

    nudger.ask(jobs.DELIVER)

    with redis.Redis.from_url(redis_url) as client:
        until(lambda: messages(client, "deliver"))

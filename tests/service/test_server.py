"""Several processes of the real web server are one door: once is once, and counters add up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.processes import Processes, processes, wait_until


@pytest.fixture
def door(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Processes]:
    (tmp_path / "metrics").mkdir()
    with processes(tmp_path, postgres_url, redis_url, WEB_CONCURRENCY="2") as stack:
        stack.prepare()
        stack.start("web")
        stack.wait_alive(120)
        yield stack


@pytest.mark.processes
def test_two_processes_are_one_door(door):
    hello = {"name": "Ann", "email": "ann@example.org", "body": "Once only, please."}

    def send(_: int):
        status, answer = door.post("/v1/comments", hello, Idempotency_Key='"once"')
        return status, answer.get("id")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, range(50)))

    assert {status for status, _ in answers} <= {202, 409}
    assert len({comment for status, comment in answers if status == 202}) == 1
    assert len(door.children("web")) == 2

    def counted() -> int:
        found = re.search(
            r'^btl_requests_total\{method="POST",route="/v1/comments",status="202"\} (\d+)',
            door.get("/metrics")[1],
            re.MULTILINE,
        )
        return int(found[1]) if found else 0

    accepted = sum(status == 202 for status, _ in answers)
    wait_until(lambda: counted() == accepted, "a sum over both processes")
    assert "btl_comments_received_total" in door.get("/metrics")[1]
    assert door.site_key not in door.logs()
    assert "ann@example.org" not in door.logs()

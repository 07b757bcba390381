"""A small load generator: threads with kept-alive connections, in a process of its own."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any


@dataclass
class Sent:
    """What came of a load.

    :param per_second: answers of the 2xx kind only; a refusal is quick, and no work.
    :param latencies: of these, in milliseconds, sorted.
    :param failures: everything else: refused, faulty, no answer at all.
    """

    per_second: float
    latencies: list[float]
    failures: int

    def percentile(self, share: float) -> float:
        return (
            self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]
            if self.latencies
            else 0.0
        )


@dataclass
class Tally:
    """Failures over all rounds of a row, warm-up included."""

    failures: int = 0

    def take(self, sent: Sent) -> Sent:
        self.failures += sent.failures
        return sent


def send(
    port: int,
    path: str,
    bodies: list[str],
    *,
    seconds: float,
    threads: int = 8,
    rate: float | None = None,
    headers: dict[str, str] | None = None,
) -> Sent:
    """POST bodies in turn for some seconds.

    :param rate: requests per second in all; None: as fast as answers come.
    """
    job = {"port": port, "path": path, "bodies": bodies, "seconds": seconds, "threads": threads, "rate": rate,
           "headers": headers or {}}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return Sent(found["per_second"], found["latencies"], found["failures"])


def _worker(job: dict[str, Any], number: int, until: float, took: list[float], failures: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", job["port"], timeout=30)
    headers = {"content-type": "application/json", **job["headers"]}
    bodies, threads = job["bodies"], job["threads"]
    pause = threads / job["rate"] if job["rate"] else 0.0
    due = time.monotonic() + pause * number / threads
    place = number
    while time.monotonic() < until:
        if pause:
            time.sleep(max(0.0, due - time.monotonic()))
            began, due = due, due + pause  # from when it should have gone out: no coordinated omission
        else:
            began = time.monotonic()
        try:
            connection.request("POST", job["path"], bodies[place % len(bodies)].encode(), headers)
            answer = connection.getresponse()
            answer.read()
            if 200 <= answer.status < 300:
                took.append((time.monotonic() - began) * 1000)
            else:
                failures.append(answer.status)
        except (OSError, http.client.HTTPException):
            failures.append(0)
            connection.close()
        place += threads
    connection.close()


def main() -> None:
    job = json.load(sys.stdin)
    took: list[float] = []
    failures: list[int] = []
    began = time.monotonic()
    until = began + job["seconds"]
    workers = [
        threading.Thread(target=_worker, args=(job, number, until, took, failures))
        for number in range(job["threads"])
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = time.monotonic() - began
    json.dump(
        {"per_second": len(took) / elapsed, "latencies": sorted(took), "failures": len(failures)}, sys.stdout
    )


if __name__ == "__main__":
    main()

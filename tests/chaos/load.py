"""Readers: comments at a steady rate to two sites, some edited or withdrawn, every answer remembered."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

TEXTS = (
    "The new ferry timetable is a real improvement, thank you for the clear article. ({n})",
    "I read this twice and still do not see why the council waited three years. ({n})",
    "You are an idiot and everyone who agrees with you is an idiot too ({n})",
    "EARN $5000 A DAY!!! visit http://cheap-pills-{n}.example/win now now now",
    "Does anyone know whether the {n} bus still stops at the harbour on Sundays?",
    "Nobody wants you here. Leave, before somebody makes you leave. ({n})",
)
RATE = 20.0
PATIENCE_SECONDS = 30.0


@dataclass
class Sent:
    """One comment that was promised a decision."""

    id: str
    site: str
    at: float
    revisions: int = 1
    withdrawn: bool = False


@dataclass
class Load:
    """Sends while it runs.

    :param keys: site id -> its key; comments go to the sites in turn.
    :param seed: which texts, and which comments are edited or withdrawn.
    """

    port: int
    keys: dict[str, str]
    seed: int
    rate: float = RATE
    sent: dict[str, Sent] = field(default_factory=dict)
    #: (seconds since the epoch, milliseconds it took, status or 0)
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def start(self, threads: int = 8) -> None:
        for place in range(threads):
            thread = threading.Thread(target=self._run, args=(place, threads), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS + 5)

    def post(self, site: str, body: str, **fields: Any) -> tuple[int, Any]:
        """One comment by itself."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            return self._comment(line, site, body, **fields)
        finally:
            line.close()

    def _run(self, place: int, threads: int) -> None:
        dice = random.Random(f"{self.seed}:{place}")
        sites = sorted(self.keys)
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        due = time.monotonic() + place / self.rate
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += threads / self.rate
            with self._lock:
                self._number += 1
                number = self._number
            text = dice.choice(TEXTS).format(n=dice.randrange(10**6))
            status, answer = self._comment(line, sites[number % len(sites)], text)
            if status == 202:
                comment = self.sent[answer["id"]]
                what = dice.random()
                if what < 0.08:
                    path = f"/v1/comments/{comment.id}"
                    changed = {"body": dice.choice(TEXTS).format(n=dice.randrange(10**6))}
                    if self._ask(line, "PUT", path, comment.site, changed)[0] in (200, 202):
                        comment.revisions += 1
                elif what < 0.14:
                    status, _ = self._ask(line, "DELETE", f"/v1/comments/{comment.id}", comment.site)
                    comment.withdrawn = status in (0, 200, 202, 204)  # without an answer it may be so
        line.close()

    def _comment(
        self, line: http.client.HTTPConnection, site: str, body: str, **fields: Any
    ) -> tuple[int, Any]:
        # Each from another reader: nobody's own limit is reached.
        number = random.randrange(10**6)
        reader = {
            "email": f"r{number}@reader.example",
            "ip": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        }
        said = {"name": "Maya", "body": body} | reader | fields
        began = time.monotonic()
        status, answer = self._ask(line, "POST", "/v1/comments", site, said)
        self.answers.append((time.time(), (time.monotonic() - began) * 1000, status))
        if status == 202:
            self.sent[answer["id"]] = Sent(answer["id"], site, time.time())
        return status, answer

    def _ask(
        self, line: http.client.HTTPConnection, method: str, path: str, site: str, document: Any = None
    ) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.keys[site]}", "content-type": "application/json"}
        body = json.dumps(document) if document is not None else None
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        except (OSError, http.client.HTTPException, ValueError):
            line.close()
            return 0, None

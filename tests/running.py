"""Start the whole program as its users do, for tests that need all of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

BTL = Path(sys.executable).parent / "btl"
PATIENCE_SECONDS = 150


def wait_for(found: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true answer; a condition, never a guess at how long something takes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def free_ports(count: int) -> list[int]:
    """Different ports, free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def environment_of(data_dir: Path, **more: str) -> dict[str, str]:
    """An environment with no setting of the developer's, free ports, and this data folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BTL_")}
    port, news_site_port = free_ports(2)
    return clean | {
        "BTL_DATA_DIR": str(data_dir),
        "BTL_PORT": str(port),
        "BTL_NEWS_SITE_PORT": str(news_site_port),
        **more,
    }


@dataclass
class Running:
    """A `btl up`."""

    process: subprocess.Popen[str]
    data_dir: Path
    environment: dict[str, str]
    printed: Path

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.printed.read_text(encoding="utf-8")

    @property
    def addresses(self) -> dict[str, str]:
        """`run.json`: where everything answers, and the keys."""
        return json.loads((self.data_dir / "run.json").read_text(encoding="utf-8"))

    def pid_of(self, name: str) -> int:
        """The process id of a part, by its name in `processes.json`."""
        rows = json.loads((self.data_dir / "processes.json").read_text(encoding="utf-8"))
        return next(row["pid"] for row in rows if row["name"] == name)

    def tree(self) -> list[psutil.Process]:
        """Every process of it, its own first."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def wait_until_ready(self) -> None:
        """Until a first comment would be accepted."""

        def found() -> bool:
            assert self.process.poll() is None, self.output
            return "Ready after" in self.output

        wait_for(found, "readiness")

    def stop(self, number: int = signal.SIGINT) -> str:
        """Ask it to stop, wait for its end.

        :return: everything it printed.
        """
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=PATIENCE_SECONDS)
        return self.output


@contextmanager
def btl_up(data_dir: Path, **more: str) -> Iterator[Running]:
    """Run `btl up` on a data folder; when the block ends, everything is gone."""
    environment = environment_of(data_dir, **more)
    printed = data_dir.with_name(data_dir.name + ".out")
    with printed.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [str(BTL), "up"], env=environment, stdout=out, stderr=subprocess.STDOUT, text=True
        )
    running = Running(process, data_dir, environment, printed)
    try:
        yield running
    finally:
        try:
            running.stop()
        except subprocess.TimeoutExpired:
            for one in reversed(running.tree()):
                one.kill()
            process.wait()
            raise

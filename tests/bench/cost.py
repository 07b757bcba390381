"""Rows of cost: memory of the embedded stack, time to start, bytes stored for a comment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.rows import Bench, Figure, figure, in_turns, row
from tests.processes import ROOT, free_port, wait_until

IMPORTS = "import flask, flask_smorest, celery.bin.celery, sqlalchemy.orm, sklearn.linear_model, skops.io, numpy, gunicorn.app.wsgiapp, redis, cryptography.fernet"


@contextlib.contextmanager
def up(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str], float]]:
    """`btl up` on free ports; yields it, its run.json and the seconds until it was ready."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BTL_")}
    environment |= {
        "BTL_DATA_DIR": str(folder / "var"),
        "BTL_PORT": str(free_port()),
        "BTL_NEWS_SITE_PORT": str(free_port()),
        "HOME": str(folder),
    }
    began = time.monotonic()
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "up"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        run = folder / "var" / "run.json"
        wait_until(run.exists, "var/run.json", 120, every=0.02)
        yield process, json.loads(run.read_text()), time.monotonic() - began
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()


def pss_mb(process: psutil.Process) -> float:
    """Proportional set size: shared pages are counted once over all who share them."""
    with contextlib.suppress(psutil.Error):
        return process.memory_full_info().pss / 1e6
    return 0.0


@row("start")
def start(bench: Bench) -> list[Figure]:
    """`btl up`, already installed, to the first comment accepted, against Python importing the same packages."""
    folder = bench.fresh("start")

    def ours() -> float:
        with up(folder) as (_, _, seconds):
            return seconds

    def importing() -> float:
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", IMPORTS], check=True, cwd=ROOT)
        return time.monotonic() - began

    ours()  # the first start makes keys and schema; it is in the README, not in this row
    mine, theirs = in_turns(bench.rounds, ours, importing)
    return [
        figure(
            "start",
            "s",
            mine,
            theirs,
            3.0,
            at_least=False,
            reference_name="Python importing the same packages",
        )
    ]


@row("memory")
def memory(bench: Bench) -> list[Figure]:
    """Resident memory of the embedded stack and of its parts, against a bare import of the same."""
    folder = bench.fresh("memory")
    with up(folder) as (process, run, _):
        import urllib.request

        for number in range(60):
            request = urllib.request.Request(
                run["api_url"] + "/v1/comments?wait=5",
                data=json.dumps(
                    {"name": "A", "email": "a@example.com", "body": bench.texts[number % len(bench.texts)]}
                ).encode(),
                headers={"content-type": "application/json", "authorization": f"Bearer {run['site_key']}"},
            )
            urllib.request.urlopen(request, timeout=20).close()
        everything = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        parts = {one.pid: (one.name(), " ".join(one.cmdline())[:60], pss_mb(one)) for one in everything}
        total = sum(size for _, _, size in parts.values())
    bare = subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}\nimport psutil\nprint(psutil.Process().memory_full_info().pss / 1e6)"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    reference = float(bare.stdout)
    largest = max(size for _, _, size in parts.values())
    listed = ", ".join(
        f"{name} {size:.0f}" for name, _, size in sorted(parts.values(), key=lambda p: -p[2])[:6]
    )
    return [
        Figure("memory, whole embedded stack", "MB PSS", total, 700, total, 700, at_least=False, reference_name="bound", note=listed),
        Figure("memory, largest process", "MB PSS", largest, reference, largest / reference, 1.6, at_least=False,
               reference_name="bare import of Flask, Celery and scikit-learn"),
    ]  # fmt: skip

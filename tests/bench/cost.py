"""Rows of cost: memory of the embedded stack, time to start, processor time and bytes for a comment."""

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
from sqlalchemy import text

from tests.bench.load import send
from tests.bench.rows import Bench, Figure, figure, in_turns, postgres_database, redis_database, row
from tests.bench.work import all_told, bodies_of
from tests.processes import ROOT, UNLIMITED, Processes, free_port, processes, wait_until
from tests.receiver import receiving

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


#: A million comments a month in bursts of fifty times the average, 20 a second, on half a core.
COMMENTS_A_CORE_SECOND = 40.0
#: A billion comments are eight terabytes.
BYTES_OF_A_COMMENT = 8_000


@row("cost")
def a_comment(bench: Bench) -> list[Figure]:
    """Processor time and bytes of one comment on its whole way: accepted, judged, told by webhook; all processes."""
    seconds = 4.0 if bench.short else 12.0
    with (
        postgres_database() as url,
        redis_database() as broker,
        receiving() as receiver,
        processes(bench.fresh("cost"), url, broker, BTL_WEBHOOK_ALLOWED_HOSTS=receiver.host) as stack,
    ):
        stack.prepare(receiver.url, options=UNLIMITED)
        stack.start("web", "score", "deliver", "beat", WEB_CONCURRENCY="1")
        stack.wait_ready()
        bodies, headers = bodies_of(bench), {"authorization": f"Bearer {stack.site_key}"}
        send(stack.port, "/v1/comments", bodies, seconds=1, headers=headers)
        wait_until(lambda: all_told(stack), "the warm-up", 120)
        stored, used = _stored(stack), _core_seconds(stack)
        # Twice what a large newspaper sees in a burst: what is lost to an overload is not a comment's cost.
        sent = send(stack.port, "/v1/comments", bodies, seconds=seconds, rate=40, headers=headers)
        wait_until(lambda: all_told(stack), "all webhooks", 300)
        took = _core_seconds(stack) - used
        many = len(sent.latencies)
        each = (_stored(stack) - stored) / many
    a_second = many / took
    return [
        Figure("cost, comments per core-second", "comments", a_second, COMMENTS_A_CORE_SECOND, a_second / COMMENTS_A_CORE_SECOND,
               1.0, reference_name="a burst of 20/s on half a core", failures=sent.failures,
               note=f"{many:,} comments, {took:.1f} core-seconds of web, workers, schedule and PostgreSQL"),
        Figure("cost, bytes of a comment", "bytes", each, BYTES_OF_A_COMMENT, each / BYTES_OF_A_COMMENT, 1.0, at_least=False,
               reference_name="bound", note="comment, decision, event, delivery, attempt, fingerprints, search text and all indexes, packed"),
    ]  # fmt: skip


def _core_seconds(stack: Processes) -> float:
    """Of all our processes and of PostgreSQL's, one for each connection to this database."""
    with stack.database() as database, database.reading() as session:
        theirs = session.execute(text("select pid from pg_stat_activity where datname = current_database()"))
        backends = [psutil.Process(pid) for (pid,) in theirs]
        ours = [psutil.Process(one.pid) for one in stack.running.values()]
        children = [child for one in ours for child in one.children(recursive=True)]
        return float(sum(sum(one.cpu_times()[:2]) for one in [*ours, *children, *backends]))


def _stored(stack: Processes) -> int:
    """Bytes of all tables and indexes without the room that updates leave behind, which the next ones fill."""
    with (
        stack.database() as database,
        database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        connection.execute(text("VACUUM FULL"))
        return int(connection.scalar(text("select pg_database_size(current_database())")) or 0)

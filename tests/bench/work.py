"""Rows with real processes: accept, settle, the whole way, the compatible endpoints."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count

import redis
from sqlalchemy import func, select

from moderation.tables import Comment, Delivery
from tests.bench.load import Tally, send
from tests.bench.rows import Bench, Figure, figure, in_turns, postgres_database, redis_database, row
from tests.processes import ROOT, UNLIMITED, Processes, free_port, processes, wait_until
from tests.receiver import receiving

_numbers = count()


def bodies_of(bench: Bench, many: int = 2_000) -> list[str]:
    """Requests as a news site sends them; each author writes a few comments."""
    texts = bench.texts
    return [
        json.dumps(
            {
                "name": f"Reader {number % 700}",
                "email": f"reader{number % 700}@example.com",
                "body": texts[number % len(texts)][:10_000],
                "article": {
                    "id": f"a{number % 40}",
                    "url": f"https://news.example/a{number % 40}",
                    "title": "An article",
                },
            }
        )
        for number in range(many)
    ]


@contextmanager
def bare(stack: Processes) -> Iterator[int]:
    """The reference view on the same server with the same number of processes and threads."""
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--config",
            "python:service.gunicorn_conf",
            "tests.bench.bare:create_app()",
        ],
        cwd=stack.folder,
        env={**stack.environment, "BTL_PORT": str(port), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(port), "the bare view")
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    import urllib.request

    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).status == 200
    except OSError:
        return False


def _authorised(stack: Processes) -> dict[str, str]:
    return {"authorization": f"Bearer {stack.site_key}"}


@row("accept")
def accept(bench: Bench) -> list[Figure]:
    """Durable POST /v1/comments on PostgreSQL against a bare view that validates and inserts one row."""
    seconds = 2.0 if bench.short else 4.0
    with (
        postgres_database() as url,
        redis_database() as broker,
        processes(bench.fresh("accept"), url, broker) as stack,
    ):
        stack.prepare(options=UNLIMITED)
        stack.start("web", WEB_CONCURRENCY="1")
        stack.wait_alive()
        bodies, tally = bodies_of(bench), Tally()

        def posted(seconds: float) -> float:
            sent = send(stack.port, "/v1/comments", bodies, seconds=seconds, headers=_authorised(stack))
            return tally.take(sent).per_second

        with bare(stack) as port:
            posted(1)
            tally.take(send(port, "/bare", bodies, seconds=1))
            ours, theirs = in_turns(
                bench.rounds,
                lambda: posted(seconds),
                lambda: tally.take(send(port, "/bare", bodies, seconds=seconds)).per_second,
            )
    return [
        figure("accept", "comments/s", ours, theirs, 0.7, reference_name="bare Flask view, one insert",
               failures=tally.failures)
    ]  # fmt: skip


@row("settle")
def settle(bench: Bench) -> list[Figure]:
    """Pending comments decided with their deliveries by one worker, against no-op tasks of one worker."""
    many = 600 if bench.short else 2_000
    with (
        postgres_database() as url,
        redis_database() as broker,
        processes(bench.fresh("settle"), url, broker) as stack,
    ):
        stack.prepare("https://news.example/webhooks", options=UNLIMITED)
        ours = [_settled_per_second(bench, stack, many) for _ in range(bench.rounds)]
        theirs = [_noop_per_second(stack, broker, many) for _ in range(bench.rounds)]
    return [figure("settle", "comments/s", ours, theirs, 2.0, reference_name="Celery no-op tasks")]


def _settled_per_second(bench: Bench, stack: Processes, many: int) -> float:
    from moderation import lifecycle

    with stack.database() as database:
        with database.writing() as session:
            for number in range(many):
                lifecycle.receive(
                    session,
                    site_id=stack.site_id,
                    vault=stack.vault,
                    now=datetime.now(UTC),
                    name=f"Reader {number % 700}",
                    email=f"reader{number % 700}@example.com",
                    body=bench.texts[next(_numbers) % len(bench.texts)],
                    article={"id": f"a{number % 40}", "title": "An article"},
                )

        def waiting() -> int:
            with database.reading() as session:
                return session.scalar(select(func.count(Comment.id)).where(Comment.judged_at.is_(None))) or 0

        stack.start("score")

        nudged_at = 0.0

        def has_begun() -> bool:
            """There is no schedule here, and a nudge may be lost with the worker of the round before."""
            nonlocal nudged_at
            if stack.running["score"].poll() is not None:
                raise RuntimeError(f"the worker ended:\n{stack.logs()[-2000:]}")
            if time.monotonic() - nudged_at > 5:
                nudged_at = time.monotonic()
                _nudge(stack, "btl.score", "score")
            return waiting() < many

        # from the first settled one: starting a process and loading a model is another row
        wait_until(has_begun, "the first settled batch", 120, every=0.01)
        began, left = time.monotonic(), waiting()
        wait_until(lambda: waiting() == 0, "all settled", 600, every=0.02)
        took = time.monotonic() - began
        stack.kill("score")
        with database.reading() as session:
            assert session.scalar(select(func.count(Delivery.id)))
    return left / took


def _nudge(stack: Processes, job: str, queue: str) -> None:
    from celery import Celery

    with Celery("bench", broker=stack.redis_url) as app:
        app.send_task(job, queue=queue)


def _noop_per_second(stack: Processes, broker: str, many: int) -> float:
    from celery import Celery

    with redis.Redis.from_url(broker) as client, Celery("bench", broker=broker) as app:
        client.flushdb()
        for _ in range(many):
            app.send_task("bare.nothing", queue="celery")
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "--app", "tests.bench.bare:celery", "worker", "--concurrency", "1",
             "--without-gossip", "--without-mingle", "--loglevel", "ERROR"],
            cwd=stack.folder, env={**stack.environment, "BTL_REDIS_URL": broker},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until(lambda: client.llen("celery") < many, "the first no-op task", 60, every=0.01)
            began, left = time.monotonic(), client.llen("celery")
            wait_until(lambda: client.llen("celery") == 0, "all no-op tasks", 300, every=0.01)
            return left / (time.monotonic() - began)
        finally:
            worker.terminate()
            worker.wait()


@row("whole")
def whole(bench: Bench) -> list[Figure]:
    """Accepted to received: latency at 20 comments/s, and the rate at full load against accept alone."""
    seconds = 10.0 if bench.short else 30.0
    with (
        postgres_database() as url,
        redis_database() as broker,
        receiving() as receiver,
        processes(bench.fresh("whole"), url, broker, BTL_WEBHOOK_ALLOWED_HOSTS=receiver.host) as stack,
    ):
        stack.prepare(receiver.url, options=UNLIMITED)
        stack.start("web", "score", "deliver", "beat", WEB_CONCURRENCY="1")
        stack.wait_ready()
        bodies = bodies_of(bench)
        send(stack.port, "/v1/comments", bodies, seconds=3, rate=20, headers=_authorised(stack))
        wait_until(lambda: all_told(stack), "the warm-up", 60)
        receiver.got.clear()
        sent = send(stack.port, "/v1/comments", bodies, seconds=seconds, rate=20, headers=_authorised(stack))
        wait_until(lambda: all_told(stack), "all webhooks", 60)
        took = sorted(_latencies(stack, receiver))
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        full = send(stack.port, "/v1/comments", bodies, seconds=seconds / 2, headers=_authorised(stack))
        accepted = full.per_second
        began, before = time.monotonic(), len(receiver.got)
        time.sleep(seconds / 2)
        drained = (len(receiver.got) - before) / (time.monotonic() - began)
    return [
        Figure("whole way, p50 at 20/s", "ms", p50, 100, p50, 100, at_least=False, reference_name="bound",
               note=f"{len(took)} comments", failures=sent.failures),
        Figure("whole way, p99 at 20/s", "ms", p99, 400, p99, 400, at_least=False, reference_name="bound"),
        Figure("whole way, rate", "comments/s", drained, accepted, drained / accepted if accepted else 0.0, 0.5,
               reference_name="accept alone, the slowest part's rate", failures=full.failures),
    ]  # fmt: skip


def all_told(stack: Processes) -> bool:
    """Whether nothing waits for the machine and nothing is due to any endpoint."""
    with stack.database() as database, database.reading() as session:
        waiting = session.scalar(select(func.count(Comment.id)).where(Comment.judged_at.is_(None)))
        due = session.scalar(select(func.count(Delivery.id)).where(Delivery.status == "due"))
    return not waiting and not due


def _latencies(stack: Processes, receiver: object) -> Iterator[float]:
    received = {got.message["data"]["id"]: got.at for got in receiver.got}  # type: ignore[attr-defined]
    with stack.database() as database, database.reading() as session:
        for comment_id, at in session.execute(select(Comment.id, Comment.received_at)):
            if comment_id in received:
                yield (received[comment_id] - at.timestamp()) * 1000


@row("compat")
def compat(bench: Bench) -> list[Figure]:
    """p99 of Perspective's analyze at 20 and at 100 requests/s, on PostgreSQL."""
    figures = []
    with (
        postgres_database() as url,
        redis_database() as broker,
        processes(bench.fresh("compat"), url, broker) as stack,
    ):
        stack.prepare(options=UNLIMITED)
        stack.start("web", WEB_CONCURRENCY="2")
        stack.wait_alive()
        bodies = [
            json.dumps(
                {
                    "comment": {"text": text[:3000]},
                    "requestedAttributes": {"TOXICITY": {}},
                    "languages": ["en"],
                }
            )
            for text in bench.texts[:1000]
        ]
        path = f"/v1alpha1/comments:analyze?key={stack.site_key}"
        with bare(stack) as port:
            send(stack.port, path, bodies, seconds=6, rate=20)
            for rate in (20, 100):
                seconds = 8 if bench.short else 20
                reference = send(port, "/nothing", bodies, seconds=seconds, rate=rate, threads=16)
                ours = send(stack.port, path, bodies, seconds=seconds, rate=rate, threads=16)
                p99 = ours.percentile(0.99)
                bound = 100 if rate == 20 else 1000
                figures.append(
                    Figure(f"compatible endpoint, p99 at {rate}/s", "ms", p99, reference.percentile(0.99), p99, bound,
                           at_least=False, reference_name="bare Flask view",
                           note=f"p50 {ours.percentile(0.5):.0f} ms, {ours.per_second:.0f}/s",
                           failures=ours.failures + reference.failures)
                )  # fmt: skip
    return figures

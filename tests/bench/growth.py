"""Rows of growth: the same question at 10,000 and at 1,000,000 stored comments, and the backtest."""

from __future__ import annotations

import http.cookiejar
import re
import time
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import func, select

from moderation import seeding, sites
from moderation.store import Database
from tests.bench.load import Tally, send
from tests.bench.rows import Bench, Figure, postgres_database, redis_database, row
from tests.bench.work import bodies_of
from tests.processes import UNLIMITED, Processes, processes

#: A million comments within twenty minutes, or nobody would try.
SEED_A_SECOND = 1_000_000 / 1_200
PASSWORD = "a long enough password"
EMAIL = "bench@example.com"


def _signed_in(stack: Processes) -> urllib.request.OpenerDirector:
    with stack.database() as database, database.writing() as session:
        sites.add_moderator(
            session, email=EMAIL, name="Bench", password=PASSWORD, is_admin=True, now=datetime.now(UTC)
        )
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(f"{stack.url}/desk/sign-in").read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": token.group(1) if token else ""}
    opener.open(f"{stack.url}/desk/sign-in", urllib.parse.urlencode(form).encode())
    return opener


def _milliseconds(opener: urllib.request.OpenerDirector, url: str, times: int = 15) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        opener.open(url).read()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


def _bytes_of(database: Database) -> int:
    with database.reading() as session:
        return int(session.scalar(select(func.pg_database_size(func.current_database()))) or 0)


@row("growth")
def growth(bench: Bench) -> list[Figure]:
    """Accept, the queue page, a search and an author's page at the large size against 10,000 comments."""
    sizes = (10_000, 30_000) if bench.short else (10_000, 1_000_000)
    found: dict[int, dict[str, float]] = {}
    with (
        postgres_database() as url,
        redis_database() as broker,
        processes(bench.fresh("growth"), url, broker) as stack,
    ):
        stack.prepare(options=UNLIMITED)
        stack.start("web", WEB_CONCURRENCY="1")
        stack.wait_alive()
        opener = _signed_in(stack)
        stored, seeded, grown, tally = 0, 0.0, 0, Tally()
        for size in sizes:
            began = time.monotonic()
            with stack.database() as database:
                before = _bytes_of(database)
                seeding.seed(database, site_id=stack.site_id, vault=stack.vault, comments=size - stored, texts=bench.texts,
                             now=datetime.now(UTC), seed=size)  # fmt: skip
                author = seeding.author_of(database, stack.site_id)
                grown = (_bytes_of(database) - before) // (size - stored)
            seeded = time.monotonic() - began
            bench.say(f"  {size:,} comments stored in {seeded:.0f} s, {grown:,} bytes each")
            stored, added = size, size - stored
            accepted = tally.take(
                send(
                    stack.port, "/v1/comments", bodies_of(bench), seconds=4,
                    headers={"authorization": f"Bearer {stack.site_key}"},
                )
            )  # fmt: skip
            desk = f"{stack.url}/desk"
            found[size] = {
                "accept": 1000 / max(accepted.per_second, 0.001),
                "queue page": _milliseconds(opener, f"{desk}/held"),
                "search in the queue": _milliseconds(opener, f"{desk}/held?text=election&list=1"),
                "search in all": _milliseconds(opener, f"{desk}/decided?text=election&list=1"),
                "author page": _milliseconds(
                    opener, f"{desk}/decided?list=1&author={urllib.parse.quote(author, safe='')}"
                ),
            }
    small, large = found[sizes[0]], found[sizes[1]]
    a_second = added / seeded
    return [
        Figure("growth, btl seed", "comments/s", a_second, SEED_A_SECOND, a_second / SEED_A_SECOND, 1.0, reference_name="bound",
               note=f"{added:,} comments in {seeded:.0f} s, {grown:,} bytes each with decision, search text and indexes"),
    ] + [
        Figure(f"growth, {name}", "ms", large[name], small[name], large[name] / small[name], 1.5, at_least=False,
               reference_name=f"at {sizes[0]:,} comments", note=f"at {sizes[1]:,} comments", failures=tally.failures if name == "accept" else 0)
        for name in small
    ]  # fmt: skip


@row("backtest")
def backtest(bench: Bench) -> list[Figure]:
    """Another policy over stored scores against reading the same rows in SQL."""
    from moderation import backtest as tried
    from moderation.policy import PRESETS, Policy
    from moderation.tables import Comment

    many = 5_000 if bench.short else 100_000
    with (
        postgres_database() as url,
        redis_database() as broker,
        processes(bench.fresh("backtest"), url, broker) as stack,
    ):
        stack.prepare(options=UNLIMITED)
        with stack.database() as database:
            seeding.seed(database, site_id=stack.site_id, vault=stack.vault, comments=many, texts=bench.texts,
                         now=datetime.now(UTC), seed=1)  # fmt: skip
            began = time.perf_counter()
            with database.reading() as session:
                columns = (
                    Comment.id,
                    Comment.status,
                    Comment.verdict,
                    Comment.scores,
                    Comment.facts,
                    Comment.signals,
                )
                read = sum(1 for _ in session.execute(select(*columns).execution_options(yield_per=2000)))
            bare = time.perf_counter() - began
            began = time.perf_counter()
            with database.reading() as session:
                long_ago = datetime(2000, 1, 1, tzinfo=UTC)
                total, cases = tried.stored(session, stack.site_id, since=long_ago)
                tried_on = tried.run(cases, Policy.from_document(PRESETS["strict"]), total=total).comments
            took = time.perf_counter() - began
    return [
        Figure("backtest", "s", took, bare, took / bare, 3.0, at_least=False, reference_name=f"reading {read:,} rows in SQL",
               note=f"{tried_on:,} comments")
    ]  # fmt: skip

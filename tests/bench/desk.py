"""Row of the desk: how long each page takes at 100,000 comments, and how many questions it asks the database."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import event, select, update

from moderation import seeding, sites
from moderation.settings import Settings
from moderation.store import Database
from moderation.tables import Comment
from service import create_app
from service.door import door_of
from tests.bench.rows import Bench, Figure, postgres_database, redis_database, row
from tests.desk import PASSWORD, Visitor, token_in
from tests.processes import Processes, processes

#: The bound that the desk is built for: the next comment is there at once.
BOUND_MS = 100.0
RARE = "zwischendeckel"


@dataclass
class _Client:
    """One kept connection of a moderator who is signed in, as a browser keeps one."""

    connection: http.client.HTTPConnection
    cookie: str = ""
    token: str = ""

    def ask(self, path: str, form: dict[str, str] | None = None, *, part: bool = False) -> tuple[str, float]:
        headers = {
            "cookie": self.cookie,
            **({"HX-Request": "true", "X-CSRFToken": self.token} if part else {}),
        }
        body = None
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode({"csrf_token": self.token, **form})
        began = time.perf_counter()
        self.connection.request("POST" if form is not None else "GET", path, body, headers)
        answer = self.connection.getresponse()
        page = answer.read().decode()
        took = (time.perf_counter() - began) * 1000
        if answer.status >= 400:
            raise AssertionError(f"{path}: {answer.status}")
        for said in answer.headers.get_all("set-cookie") or ():
            self.cookie = said.split(";")[0]
        self.token = token_in(page) or self.token
        return page, took


@row("desk")
def desk(bench: Bench) -> list[Figure]:
    """Every page of the desk, 95th of 100, by one person on one web process; PostgreSQL."""
    many, times = (10_000, 30) if bench.short else (100_000, 60)
    with (
        postgres_database() as url,
        redis_database() as broker,
        processes(bench.fresh("desk"), url, broker) as stack,
    ):
        stack.prepare()
        with stack.database() as database:
            author, ids = _fill(bench, stack, database, many)
            questions = _questions(database, stack.settings, author, ids[-1])
        stack.start("web", WEB_CONCURRENCY="1")
        stack.wait_alive()
        client = _Client(http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30))
        client.ask("/desk/sign-in")
        client.ask("/desk/sign-in", {"email": "bench@example.com", "password": PASSWORD})
        client.ask("/desk/keys")
        figures = []
        for name, work in _pages(client, author, ids):
            busy = _processor_seconds(stack)
            took = sorted(work(number) for number in range(times))
            busy = _processor_seconds(stack) - busy
            at_95 = took[int(len(took) * 0.95)]
            # Processor time hardly depends on what else the machine does; the times above do.
            note = (
                f"median {took[len(took) // 2]:.0f} ms, {busy / times * 1000:.0f} ms of the web process, "
                f"{questions[name]} statements"
            )
            figures.append(
                Figure(
                    f"desk, {name}",
                    "ms",
                    at_95,
                    BOUND_MS,
                    at_95 / BOUND_MS,
                    1.0,
                    at_least=False,
                    reference_name="bound of the 95th",
                    note=f"{note}, {many:,} comments",
                )  # fmt: skip
            )
    return figures


def _processor_seconds(stack: Processes) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in stack.children("web"))


def _fill(bench: Bench, stack: Processes, database: Database, many: int) -> tuple[str, list[str]]:
    now = datetime.now(UTC)
    seeding.seed(
        database, site_id=stack.site_id, vault=stack.vault, comments=many, texts=bench.texts, now=now, seed=3
    )
    with database.writing() as session:
        sites.add_moderator(
            session, email="bench@example.com", name="Bench", password=PASSWORD, is_admin=True, now=now
        )
        held = list(
            session.scalars(
                select(Comment.id).where(Comment.status == "held").order_by(Comment.urgency.desc()).limit(900)
            )
        )
        # One comment in the oldest tenth holds a word that no other has.
        old = session.scalars(select(Comment.id).order_by(Comment.id).offset(many // 20).limit(1)).one()
        session.execute(update(Comment).where(Comment.id == old).values(body=f"The {RARE} again."))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    bench.say(f"  {many:,} comments stored")
    return seeding.author_of(database, stack.site_id), held


def _pages(client: _Client, author: str, ids: list[str]) -> Iterator[tuple[str, Callable[[int], float]]]:
    def page(path: str, *, part: bool = False) -> Callable[[int], float]:
        return lambda _number: client.ask(path, part=part)[1]

    for name, path in _paths(author).items():
        yield name, page(path)
    yield (
        "one comment",
        lambda number: client.ask(f"/desk/comments/{ids[300 + number]}?view=held", part=True)[1],
    )
    yield "pulse", page("/desk/pulse?view=held&shown=30", part=True)
    yield (
        "act and next",
        lambda number: client.ask(
            f"/desk/comments/{ids[number]}/decisions?view=held",
            {"action": "reject" if number % 2 else "approve", "expected": "held"},
            part=True,
        )[1],
    )


def _paths(author: str) -> dict[str, str]:
    named = quote(author, safe="")
    return {
        "queue": "/desk/held",
        "decided": "/desk/decided?list=1",
        "author": f"/desk/decided?list=1&author={named}",
        "search, a common word": "/desk/decided?list=1&text=people",
        "search, a rare word": f"/desk/decided?list=1&text={RARE}",
        "search, a word that is not there": f"/desk/decided?list=1&text={RARE}ung",
        "numbers": "/desk/numbers",
        "numbers of a month": "/desk/numbers?days=30",
    }


def _questions(database: Database, settings: Settings, author: str, comment_id: str) -> dict[str, int]:
    """Statements of each page, counted in this process."""
    app = create_app(settings, database)
    visitor = Visitor(app.test_client())
    page = visitor.get("/desk/sign-in")
    visitor.post(
        "/desk/sign-in", {"email": "bench@example.com", "password": PASSWORD}, token=token_in(page.text)
    )
    visitor.get("/desk/keys")
    part = {"headers": {"HX-Request": "true"}}
    asks: dict[str, Callable[[], Any]] = {
        name: (lambda path=path: visitor.get(path)) for name, path in _paths(author).items()
    }
    asks["one comment"] = lambda: visitor.get(f"/desk/comments/{comment_id}?view=held", **part)
    asks["pulse"] = lambda: visitor.get("/desk/pulse?view=held&shown=30", **part)
    asks["act and next"] = lambda: visitor.post(
        f"/desk/comments/{comment_id}/decisions?view=held", {"action": "approve"}, **part
    )
    counted = {}
    for name, ask in asks.items():
        with _counting(database) as asked:
            ask()
        counted[name] = len(asked)
    door = door_of(app)
    door.aside.stop()
    door.nudger.stop()
    return counted


@contextlib.contextmanager
def _counting(database: Database) -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", note)

"""Every fault of the table: what goes wrong, for how long, and what must hold besides the common invariants.

A fault is a generator: what stands before ``yield`` breaks something, what follows mends it. Load runs
before, during and after. What it yields (or raises) is told in the table.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from sqlalchemy import select

from moderation.tables import Comment, Endpoint, Notice
from tests.chaos.load import Load
from tests.chaos.seam.sitecustomize import CRASHES, STALLS
from tests.chaos.servers import Missing
from tests.chaos.stage import Stage
from tests.processes import wait_until
from tests.receiver import Behaviour, answering, flooding, hanging

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


@dataclass(frozen=True)
class Fault:
    """One line of the table.

    :param run: breaks, yields once, mends; may yield a second time with what it found wrong.
    :param seconds: how long it stays broken.
    :param api_answers: whether the API must go on promising decisions within half a second meanwhile.
    :param short: part of ``make test``.
    """

    name: str
    run: Callable[[Stage, Load, random.Random], Iterator[list[str] | None]]
    seconds: float = 4
    api_answers: bool = False
    others_undelayed: bool = False
    short: bool = False


# -- kill -9 ------------------------------------------------------------------------------------------


def kill_web(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    """One of gunicorn's processes; its master starts another."""
    dice.choice(stage.parts.children("web")).kill()
    yield


def kill_scoring_child(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    _kill_youngest(stage.parts.children("score"))
    yield


def kill_scoring_parent(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.restart("score")
    yield


def kill_delivery_worker(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.restart("deliver")
    yield


def kill_schedule(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.parts.kill("beat")
    yield
    stage.parts.start("beat")


def kill_broker(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.broker.kill()
    time.sleep(1)
    stage.broker.start()
    yield


def kill_database(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.cluster.kill()
    time.sleep(1)
    stage.cluster.start()
    yield


# -- the broker ---------------------------------------------------------------------------------------


def broker_gone(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.to_broker.set("gone")
    yield
    stage.to_broker.set("passing")


def broker_silent(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.to_broker.set("silent")
    yield
    stage.to_broker.set("passing")


def broker_resets(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    stage.to_broker.set("resetting")
    yield
    stage.to_broker.set("passing")


def broker_emptied(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    for _ in range(3):
        stage.broker.empty()
        time.sleep(dice.uniform(0.1, 0.6))
    yield


# -- a receiver ---------------------------------------------------------------------------------------


def _receiver(behave: Behaviour) -> Callable[[Stage, Load, random.Random], Iterator[None]]:
    def run(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
        listener = stage.listeners[stage.sites[1]]
        listener.fault = behave
        yield
        listener.fault = None

    return run


def receiver_down(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    """Nobody listens at the address; afterwards the owner finds everything was kept."""
    site = stage.sites[1]
    with stage.parts.database() as database, database.writing() as session:
        endpoint = session.scalars(select(Endpoint).where(Endpoint.site_id == site)).one()
        right = endpoint.url
        # Port 9 of an address that the operator allowed: nothing is there.
        endpoint.url = right.rsplit(":", 1)[0] + ":9/hooks"
    yield
    with stage.parts.database() as database, database.writing() as session:
        session.scalars(select(Endpoint).where(Endpoint.site_id == site)).one().url = right


def receiver_gone_for_good(stage: Stage, load: Load, dice: random.Random) -> Iterator[list[str] | None]:
    """410 disables the endpoint; enabled again, ``recover`` brings everything that it missed."""
    site, began = stage.sites[1], datetime.now(UTC)
    stage.listeners[site].fault = answering(410)
    yield None
    stage.listeners[site].fault = None
    endpoint = wait_until(
        lambda: (found := stage.endpoint_of(site)).status == "disabled" and found,
        "the endpoint to be disabled",
    )
    wrong = []
    with stage.parts.database() as database, database.reading() as session:
        if session.scalars(select(Notice).where(Notice.site_id == site)).first() is None:
            wrong.append("no notice at the desk")
    load.stop()
    _call(stage, site, "PATCH", f"/v1/endpoints/{endpoint.id}", {"status": "active"})
    since = urllib.parse.quote(began.isoformat())
    found = _call(stage, site, "POST", f"/v1/deliveries/recover?since={since}")
    if not found.get("deliveries"):
        wrong.append("nothing was recovered")
    yield wrong


# -- the database -------------------------------------------------------------------------------------


def database_read_only(stage: Stage, load: Load, dice: random.Random) -> Iterator[list[str] | None]:
    stage.cluster.ask("alter system set default_transaction_read_only = on")
    stage.cluster.ask("select pg_reload_conf()")
    yield None
    yield _says_so(stage, load)
    stage.cluster.ask("alter system reset default_transaction_read_only")
    stage.cluster.ask("select pg_reload_conf()")


def disk_full(stage: Stage, load: Load, dice: random.Random) -> Iterator[list[str] | None]:
    if not stage.cluster.has_small_disk:
        raise Missing("a small disk could not be mounted (it takes root)")
    stage.cluster.fill_disk()
    yield None
    yield _says_so(stage, load)
    stage.cluster.empty_disk()
    if not stage.cluster.is_running():  # it stops itself when it cannot write its log
        stage.cluster.start()


def _says_so(stage: Stage, load: Load) -> list[str]:
    """A comment that cannot be kept is not promised anything, and readiness names the reason."""
    status, answer = load.post(stage.sites[0], "Is anybody there?")
    wrong = [] if status in (500, 503, 507) else [f"POST answered {status}"]
    if not isinstance(answer, dict) or not (answer.get("title") or answer.get("detail")):
        wrong.append("the error says nothing")
    return wrong


# -- poison -------------------------------------------------------------------------------------------


def _poison(word: str) -> Callable[[Stage, Load, random.Random], Iterator[list[str] | None]]:
    def run(stage: Stage, load: Load, dice: random.Random) -> Iterator[list[str] | None]:
        status, poisonous = load.post(stage.sites[0], f"A harmless sentence, but {word}.")
        assert status == 202, status
        yield None
        load.stop()  # on a slow machine a backlog may stand before it

        def is_held() -> bool:
            with stage.parts.database() as database, database.reading() as session:
                return session.get_one(Comment, poisonous["id"]).judged_at is not None

        wait_until(is_held, "the poisonous comment to be given to a person", 240, every=0.3)
        with stage.parts.database() as database, database.reading() as session:
            comment = session.get_one(Comment, poisonous["id"])
            reasons = [reason["name"] for reason in comment.reasons or []]
        wrong = []
        if comment.status != "held" or "could_not_be_scored" not in reasons:
            wrong.append(f"it is {comment.status} because of {reasons}")
        yield wrong

    return run


# -- requests -----------------------------------------------------------------------------------------


def the_same_request_fifty_times(stage: Stage, load: Load, dice: random.Random) -> Iterator[list[str] | None]:
    yield None
    answers: list[tuple[int, Any]] = []
    key = f'"{dice.randrange(10**12)}"'
    said = {"name": "Ann", "email": "ann@reader.example", "body": "Fifty times the same."}

    def send() -> None:
        answers.append(stage.parts.post("/v1/comments", said, idempotency_key=key))

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    promised = {answer["id"] for status, answer in answers if status == 202}
    wrong = [] if len(promised) == 1 else [f"{len(promised)} comments"]
    others = {status for status, _ in answers} - {202, 409}
    if others:
        wrong.append(f"answered {sorted(others)}")
    yield wrong


# -- time and order -----------------------------------------------------------------------------------


def clock_steps_back(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    """The clock of every part, and then back again; the rows keep the times that they were given."""
    if not os.path.exists(FAKETIME):
        raise Missing("libfaketime is not installed (Debian: apt-get install faketime)")
    clock = stage.folder / "clock"
    clock.write_text("+0")
    faked = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
             "DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    _roll(stage, "score", "deliver", **faked)
    clock.write_text("-3600")
    yield
    clock.write_text("+0")
    time.sleep(1)
    _roll(stage, "score", "deliver")


def terminated_under_backlog(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    """The workers stop with work waiting, as in a deployment; the schedule of what was under way goes on."""
    for name in ("deliver", "score"):
        stage.restart(name, signal.SIGTERM, after=2)
    yield


def rolling_restart(stage: Stage, load: Load, dice: random.Random) -> Iterator[None]:
    """New processes beside the old ones, which finish and leave."""
    _roll(stage, "score", "deliver", "beat")
    master = psutil.Process(stage.parts.running["web"].pid)
    master.send_signal(signal.SIGHUP)  # gunicorn: new processes first, then the old ones finish
    yield


def power_cut_settings(stage: Stage, load: Load, dice: random.Random) -> Iterator[list[str] | None]:
    """What is acknowledged is on the disk: looked up, because no power can be cut here."""
    from moderation.store import open_database

    wrong = []
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        if stage.cluster.ask(f"show {name}") != [("on",)]:
            wrong.append(f"PostgreSQL runs without {name}")
    database = open_database(f"sqlite:///{stage.folder}/power.sqlite3")
    with (
        database.reading() as session,
        closing(session.connection().exec_driver_sql("pragma synchronous")) as it,
    ):
        if it.scalar() != 2:
            wrong.append("SQLite runs without synchronous=FULL")
    database.engine.dispose()
    yield None
    yield wrong


FAULTS = (
    Fault("kill -9 a web process", kill_web),
    Fault("kill -9 a scoring worker's child", kill_scoring_child, short=True),
    Fault("kill -9 the scoring worker", kill_scoring_parent, api_answers=True),
    Fault("kill -9 the delivery worker", kill_delivery_worker, api_answers=True),
    Fault("kill -9 the schedule", kill_schedule, seconds=20, api_answers=True),
    Fault("kill -9 the broker", kill_broker, api_answers=True),
    Fault("kill -9 PostgreSQL", kill_database),
    Fault("broker gone for 60 s", broker_gone, seconds=60, api_answers=True),
    Fault("broker accepts and never answers", broker_silent, seconds=60, api_answers=True),
    Fault("broker resets every connection", broker_resets, seconds=15, api_answers=True),
    Fault("broker emptied", broker_emptied, api_answers=True, short=True),
    Fault("receiver down", receiver_down, seconds=20, others_undelayed=True),
    Fault("receiver hangs for 60 s", _receiver(hanging(60)), seconds=45, others_undelayed=True),
    Fault("receiver answers 500", _receiver(answering(500)), seconds=8, others_undelayed=True, short=True),
    Fault(
        "receiver answers 429", _receiver(answering(429, retry_after="3")), seconds=15, others_undelayed=True
    ),
    Fault("receiver answers 410", receiver_gone_for_good, seconds=6, others_undelayed=True),
    Fault(
        "receiver redirects inward",
        _receiver(answering(302, location="http://169.254.169.254/")),
        seconds=8,
        others_undelayed=True,
    ),
    Fault("receiver sends 1 GB back", _receiver(flooding), seconds=8, others_undelayed=True),
    Fault("database read-only", database_read_only),
    Fault("disk full", disk_full),
    Fault("poison: crashes the scorer", _poison(CRASHES), short=True),
    Fault("poison: stalls the scorer", _poison(STALLS)),
    Fault("one request 50 times at once", the_same_request_fifty_times, short=True),
    Fault("clock steps back an hour", clock_steps_back, seconds=10),
    Fault("SIGTERM under backlog", terminated_under_backlog),
    Fault("rolling restart", rolling_restart, api_answers=True),
    Fault("power cut (settings)", power_cut_settings, seconds=0, short=True),
)


def _kill_youngest(children: list[psutil.Process]) -> None:
    max(children, key=lambda child: child.create_time()).kill()


def _roll(stage: Stage, *names: str, **environment: str) -> None:
    old: list[subprocess.Popen[bytes]] = [stage.parts.running[name] for name in names]
    stage.parts.start(*names, **environment)
    time.sleep(6)  # both generations at work
    for process in old:
        process.terminate()
    for process in old:
        process.wait(60)


def _call(stage: Stage, site: str, method: str, path: str, document: Any = None) -> Any:
    request = urllib.request.Request(
        stage.parts.url + path,
        data=json.dumps(document).encode() if document is not None else None,
        headers={"authorization": f"Bearer {stage.keys[site]}", "content-type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())

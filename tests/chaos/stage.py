"""The whole system in its real processes, between parts that can be broken, and what must hold of it."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from moderation import sites
from moderation.tables import Comment, Decision, Delivery, Endpoint, Event
from tests.chaos.load import Load, Sent
from tests.chaos.proxy import Proxy
from tests.chaos.servers import Broker, Cluster
from tests.processes import UNLIMITED, Processes
from tests.receiver import Behaviour, Got, Receiver, answering, flooding, receiving

SEAM = Path(__file__).parent / "seam"
PARTS = ("web", "score", "deliver", "beat")
#: How long after a fault nothing more may be judged or delivered before that counts as stuck.
PATIENCE_SECONDS = 120


class Listener:
    """A site's receiver: remembers what it took, and can be told to misbehave."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.fault: Behaviour | None = None
        self.taken: list[Got] = []
        receiver.behave = self._behave

    def _behave(self, got: Got, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes] | None:
        answer = (self.fault or answering(204))(got, handler)
        if (answer is not None and 200 <= answer[0] < 300) or self.fault is flooding:
            self.taken.append(got)
        return answer


@dataclass
class Stage:
    """Everything that a fault may break.

    ``sites`` are two, each with a listener of its own: when one is broken, the other must not notice.
    """

    folder: Path
    cluster: Cluster
    broker: Broker
    to_broker: Proxy
    parts: Processes
    listeners: dict[str, Listener] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def sites(self) -> list[str]:
        return list(self.keys)

    def restart(self, name: str, number: int = signal.SIGKILL, *, after: float = 1.0) -> None:
        """End a part and start it anew a moment later, as a supervisor would."""
        process = self.parts.running[name]
        self.parts.kill(name, number)
        process.wait(40)
        time.sleep(after)
        self.parts.start(name)

    def load(self, seed: int) -> Load:
        return Load(self.parts.port, self.keys, seed)

    def endpoint_of(self, site: str) -> Endpoint:
        with self.parts.database() as database, database.reading() as session:
            return session.scalars(select(Endpoint).where(Endpoint.site_id == site)).one()

    def mend(self) -> None:
        """Undo whatever a fault that broke off has left broken."""
        self.to_broker.set("passing")
        self.cluster.empty_disk()
        if not self.cluster.is_running():
            self.cluster.start()
        self.cluster.ask("alter system reset default_transaction_read_only")
        self.cluster.ask("select pg_reload_conf()")
        with self.parts.database() as database, database.writing() as session:
            for endpoint in session.scalars(select(Endpoint)):
                listener = self.listeners[endpoint.site_id]
                listener.fault = None
                endpoint.url, endpoint.status = listener.receiver.url, "active"

    def left(self) -> int:
        """How many comments wait for the machine, and deliveries for their receiver."""
        with self.parts.database() as database, database.reading() as session:
            unjudged = session.scalar(
                select(func.count()).select_from(Comment).where(Comment.judged_at.is_(None))
            )
            due = session.scalar(select(func.count()).select_from(Delivery).where(Delivery.status == "due"))
        return (unjudged or 0) + (due or 0)

    def settle(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until nothing is left; a busy machine may take long, as long as it goes on.

        :param seconds: without any progress.
        """
        fewest, until = float("inf"), time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(SQLAlchemyError):
                left = self.left()
                if not left:
                    return True
                if left < fewest:
                    fewest, until = left, time.monotonic() + seconds
            time.sleep(0.5)
        return False


@dataclass
class Found:
    """What a look at the rows and at the receivers found after a fault; all numbers but ``sent`` should be 0."""

    sent: int = 0
    lost: int = 0
    unjudged: int = 0
    judged_twice: int = 0
    events: int = 0
    not_received: int = 0
    two_payloads: int = 0
    went_back: int = 0
    received_again: int = 0

    @property
    def faults(self) -> list[str]:
        names = ("lost", "unjudged", "judged_twice", "not_received", "two_payloads", "went_back")
        return [f"{name.replace('_', ' ')}: {getattr(self, name)}" for name in names if getattr(self, name)]


def look(stage: Stage, sent: dict[str, Sent]) -> Found:
    """Check the invariants for the comments of one load."""
    found = Found(sent=len(sent))
    with stage.parts.database() as database, database.reading() as session:
        kept = {row.id: row for row in session.scalars(select(Comment).where(Comment.id.in_(sent)))}
        verdicts: dict[str, Counter[int]] = defaultdict(Counter)
        decisions = select(Decision).where(Decision.comment_id.in_(sent), Decision.by_kind == "policy")
        for line in session.scalars(decisions):
            verdicts[line.comment_id][line.revision] += 1
        events = list(session.scalars(select(Event).where(Event.site_id.in_(stage.sites))))
        cancelled = set(session.scalars(select(Delivery.event_id).where(Delivery.status == "cancelled")))
    found.lost = len(sent.keys() - kept.keys())
    for comment_id, row in kept.items():
        found.judged_twice += sum(count > 1 for count in verdicts[comment_id].values())
        if row.status != "withdrawn" and verdicts[comment_id][row.revision] != 1:
            found.unjudged += 1
    taken = {site: {got.id for got in listener.taken} for site, listener in stage.listeners.items()}
    announced = [event for event in events if event.comment_id in sent and event.id not in cancelled]
    found.events = len(announced)
    found.not_received = sum(event.id not in taken[event.site_id] for event in announced)
    for listener in stage.listeners.values():
        bodies: dict[str, set[bytes]] = defaultdict(set)
        for got in listener.receiver.got:
            bodies[got.id].add(got.body)
        found.two_payloads += sum(len(different) > 1 for different in bodies.values())
        last: dict[str, int] = {}
        seen: set[str] = set()
        for got in listener.taken:
            data = got.message["data"]
            if got.id in seen:
                found.received_again += data.get("id") in sent
                continue
            seen.add(got.id)
            if data.get("id") in sent and "sequence" in data:
                found.went_back += data["sequence"] <= last.get(data["id"], 0)
                last[data["id"]] = data["sequence"]
    return found


@contextlib.contextmanager
def stage(*, small_disk: bool = True, lease_seconds: int = 40) -> Iterator[Stage]:
    """Everything up and ready; nothing is left running, whatever happens.

    :param lease_seconds: of a claim, shorter than the product's so that a killed worker's is soon over.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="btl-chaos-")))
        cluster = Cluster(on_small_disk=small_disk)
        stack.callback(cluster.stop)
        cluster.start()
        cluster.create()
        broker = Broker()
        stack.callback(broker.stop)
        broker.start()
        to_broker = Proxy(broker.port)
        stack.callback(to_broker.close)
        receivers = [stack.enter_context(receiving()) for _ in range(2)]
        parts = Processes(
            folder,
            cluster.url,
            f"redis://127.0.0.1:{to_broker.port}/0",
            {
                "BTL_WEBHOOK_ALLOWED_HOSTS": ",".join(receiver.host for receiver in receivers),
                "CHAOS_LEASE_SECONDS": str(lease_seconds),
            },
        )
        parts.environment["PYTHONPATH"] = f"{SEAM}:{parts.environment['PYTHONPATH']}"
        stack.callback(parts.stop)
        made = Stage(folder, cluster, broker, to_broker, parts)
        parts.prepare(receivers[0].url, options=UNLIMITED)
        made.keys[parts.site_id] = parts.site_key
        made.listeners[parts.site_id] = Listener(receivers[0])
        _add_site(made, receivers[1])
        parts.start(*PARTS)
        parts.wait_ready(120)
        yield made


def _add_site(made: Stage, receiver: Receiver) -> None:
    now, key = datetime.now(UTC), sites.new_site_key()
    with made.parts.database() as database, database.writing() as session:
        site = sites.open_site(session, name="Second", slug="second", now=now)
        site.options = UNLIMITED
        sites.issue_key(session, made.parts.vault, site_id=site.id, key=key, now=now)
        sites.add_endpoint(
            session,
            made.parts.vault,
            site_id=site.id,
            url=receiver.url,
            secret=sites.new_webhook_secret(),
            now=now,
        )
    made.keys[site.id] = key
    made.listeners[site.id] = Listener(receiver)

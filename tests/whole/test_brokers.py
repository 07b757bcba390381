"""The whole life of a comment over each broker that settings may name: real servers, real workers."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from kombu import Connection

from moderation import jobs
from moderation.redis_address import client_of
from service.nudge import Nudger
from tests.moderation.test_redis_address import answers, make_certificate, server, tls_options
from tests.processes import Processes, processes, wait_until
from tests.receiver import receiving
from tests.running import free_ports

pytestmark = pytest.mark.processes
RABBITMQ = ("127.0.0.1", int(os.environ.get("BTL_TEST_RABBITMQ_PORT", "5672")))
FINE = "The new ferry timetable is a real improvement, thank you for the clear article."
MASTER = "line"


@contextmanager
def stack(folder: Path, database_url: str, redis_url: str, **more: str) -> Iterator[tuple[Processes, list]]:
    with (
        receiving() as receiver,
        processes(
            folder / "stack", database_url, redis_url, BTL_WEBHOOK_ALLOWED_HOSTS=receiver.host, **more
        ) as made,
    ):
        made.prepare(receiver.url)
        made.start("web", "score", "deliver", "beat")
        made.wait_ready(120)
        yield made, receiver.got


def goes_its_way(made: Processes, got: list, seconds: float = 60) -> None:
    """A comment is accepted, judged, and its webhook arrives."""
    status, comment = made.comment(FINE)
    assert status == 202
    wait_until(
        lambda: any(one.message["data"]["id"] == comment["id"] for one in got),
        f"the webhook, in the logs:\n{made.logs()[-3000:]}",
        seconds,
    )
    assert made.read(comment["id"])["status"] == "approved"


@pytest.fixture
def rabbitmq() -> Iterator[str]:
    """The address of a RabbitMQ virtual host of the test's own; the common one where we may not make any.

    That one does as well: what others left there, or take from us, is a nudge, and the schedule nudges again.
    """
    with socket.socket() as probe:
        if probe.connect_ex(RABBITMQ) != 0:
            pytest.skip(
                "RabbitMQ does not run here: apt-get install rabbitmq-server (BTL_TEST_RABBITMQ_PORT)"
            )
    name = f"btl-{secrets.token_hex(6)}"

    def control(*words: str) -> bool:
        program = shutil.which("rabbitmqctl")
        if program is None:
            return False
        done = subprocess.run([program, "--quiet", *words], capture_output=True, timeout=120)
        return done.returncode == 0

    is_ours = control("add_vhost", name)
    if is_ours:
        control("set_permissions", "--vhost", name, "guest", ".*", ".*", ".*")
    yield f"amqp://guest:guest@{RABBITMQ[0]}:{RABBITMQ[1]}/{name if is_ours else ''}"
    if is_ours:
        control("delete_vhost", name)


def test_a_queue_that_no_worker_has_made_yet_stops_no_other_nudge(rabbitmq):
    with Connection(rabbitmq) as connection:
        deliver = connection.SimpleQueue("deliver", queue_opts={"durable": True})
        before = deliver.qsize()
        nudger = Nudger(rabbitmq)

        nudger.ask(jobs.SCORE)  # RabbitMQ ends the channel over the question how much waits there
        nudger.ask(jobs.DELIVER)

        wait_until(lambda: deliver.qsize() > before, "the other nudge", 30)
        wait_until(lambda: not nudger._wanted, "the first one's turn", 30)
        time.sleep(0.3)
        assert not nudger.is_open
        nudger.stop()


def test_over_rabbitmq(tmp_path, postgres_url, redis_url, rabbitmq):
    with stack(tmp_path, postgres_url, redis_url, BTL_BROKER_URL=rabbitmq) as (made, got):
        goes_its_way(made, got)

        with client_of(redis_url, MASTER, timeout=2) as client:
            assert not [key for key in client.keys() if b"score" in key or b"kombu" in key], "jobs on Redis"


def test_over_tls(tmp_path, sqlite_url):
    [port] = free_ports(1)
    certificate = make_certificate(tmp_path)
    url = f"rediss://:hidden@localhost:{port}/0?ssl_ca_certs={certificate['certificate']}"
    with server(*tls_options(port, certificate), folder=tmp_path):
        wait_until(lambda: answers(url), "the server")
        with stack(tmp_path, sqlite_url, url) as (made, got):
            goes_its_way(made, got)


def test_over_sentinels_also_after_the_master_died(tmp_path, sqlite_url):
    first, second, watching = free_ports(3)
    url = f"sentinel://:hidden@127.0.0.1:{watching}/0"
    common = [
        "--save",
        "",
        "--requirepass",
        "hidden",
        "--masterauth",
        "hidden",
        "--repl-diskless-sync-delay",
        "0",
    ]
    (tmp_path / "sentinel.conf").write_text(
        f"port {watching}\nsentinel monitor {MASTER} 127.0.0.1 {first} 1\n"
        f"sentinel auth-pass {MASTER} hidden\nsentinel down-after-milliseconds {MASTER} 1000\n"
        f"sentinel failover-timeout {MASTER} 10000\n"
    )

    def replica_is_known() -> bool:
        with client_of(f"redis://127.0.0.1:{watching}", MASTER, timeout=2) as client:
            return any(one.get("master-link-status") == "ok" for one in client.sentinel_slaves(MASTER))

    with ExitStack() as all_of_it:
        master = all_of_it.enter_context(server("--port", str(first), *common, folder=tmp_path))
        replica = ["--port", str(second), "--replicaof", "127.0.0.1", str(first), *common]
        all_of_it.enter_context(server(*replica, folder=tmp_path))
        all_of_it.enter_context(server("sentinel.conf", "--sentinel", folder=tmp_path))
        wait_until(lambda: answers(url), "the sentinel")
        wait_until(replica_is_known, "the replica")
        named = all_of_it.enter_context(stack(tmp_path, sqlite_url, url, BTL_REDIS_MASTER=MASTER))
        goes_its_way(*named)

        master.kill()
        master.wait()

        goes_its_way(*named, seconds=120)

"""The embedded server answers on a socket of the data folder and keeps its jobs over a kill."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import redis

from moderation.kept import embedded_socket
from service import broker

pytestmark = pytest.mark.processes


def start(data_dir: Path) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(broker.command(data_dir), stdout=subprocess.DEVNULL)
    for _ in range(600):
        if broker.is_alive(data_dir):
            return server
        assert server.poll() is None, "the server stopped"
        time.sleep(0.05)
    raise AssertionError("the server does not answer")


@pytest.fixture(params=["short", "a" * 120], ids=["short path", "path too long for a socket"])
def data_dir(tmp_path, request):
    folder = tmp_path / request.param
    folder.mkdir(mode=0o700)
    return folder


def client(data_dir: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(embedded_socket(data_dir)))


def test_jobs_survive_a_kill_of_the_server(data_dir):
    server = start(data_dir)
    with client(data_dir) as line:
        line.lpush("score", "job")
        line.execute_command("WAITAOF", 1, 0, 5000)
    server.kill()
    server.wait()

    server = start(data_dir)

    with client(data_dir) as line:
        assert line.lrange("score", 0, -1) == [b"job"]
    assert broker.process_id(data_dir) == server.pid
    server.terminate()
    server.wait()


def test_without_a_server_nobody_answers(data_dir):
    assert not broker.is_alive(data_dir)
    assert broker.process_id(data_dir) is None


def test_damaged_jobs_are_set_aside_and_the_server_starts(data_dir):
    server = start(data_dir)
    with client(data_dir) as line:
        line.lpush("score", "job")
    server.terminate()
    server.wait()
    for file in (data_dir / broker.FOLDER / "appendonlydir").iterdir():
        file.write_bytes(b"not an append-only file")

    aside = broker.set_aside(data_dir)

    server = start(data_dir)
    assert any(aside.rglob("*"))
    server.terminate()
    server.wait()


def test_a_socket_folder_that_is_open_to_others_is_refused(tmp_path):
    data_dir = tmp_path / ("a" * 120)
    embedded_socket(data_dir).parent.mkdir(mode=0o777)
    embedded_socket(data_dir).parent.chmod(0o777)

    with pytest.raises(broker.UnsafeFolder, match="open to others"):
        broker.command(data_dir)

    embedded_socket(data_dir).parent.rmdir()

"""`make run`: one command starts everything, says where it answers, keeps its data, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import psutil
import pytest
import requests

from moderation.migrations import upgrade
from tests.running import BTL, btl_up, environment_of, wait_for

# On a machine with other work a start takes minutes instead of seconds.
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("whole"), pytest.mark.timeout(600)]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


def send(addresses: dict[str, str], body: str) -> requests.Response:
    return requests.post(
        f"{addresses['api_url']}/v1/comments",
        json={"name": "Ada", "email": "ada@example.org", "body": body},
        headers={"Authorization": f"Bearer {addresses['site_key']}"},
        timeout=10,
    )


def status_of(addresses: dict[str, str], comment_id: str) -> str:
    answer = requests.get(
        f"{addresses['api_url']}/v1/comments/{comment_id}",
        headers={"Authorization": f"Bearer {addresses['site_key']}"},
        timeout=10,
    )
    return answer.json()["status"]


def test_one_command_accepts_decides_stops_and_finds_its_data_again(data_dir):
    with btl_up(data_dir) as running:
        running.wait_until_ready()
        first = running.addresses
        file_mode = stat.S_IMODE((data_dir / "run.json").stat().st_mode)
        accepted = send(first, "Thank you for this report on the harbour, it was well researched.")
        comment_id = accepted.json()["id"]
        wait_for(lambda: status_of(first, comment_id) != "pending", "a decision")
        processes = running.tree()
        output = running.stop(signal.SIGINT)
    left = [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    with btl_up(data_dir) as again:
        again.wait_until_ready()
        second = again.addresses
        status = status_of(second, comment_id)

    assert accepted.status_code == 202
    assert file_mode == 0o600
    assert left == []
    assert not (data_dir / "run.json").exists()
    for name in ("news_site_url", "desk_url", "moderator_email", "moderator_password"):
        assert first[name] in output, name
    assert second["moderator_password"] == first["moderator_password"]
    assert second["site_key"] == first["site_key"]
    assert status != "pending"


def test_a_part_that_is_killed_is_back_and_a_killed_supervisor_leaves_nothing_for_long(data_dir):
    with btl_up(data_dir) as running:
        running.wait_until_ready()
        for part in ("web", "beat"):
            before = running.pid_of(part)
            os.kill(before, signal.SIGKILL)
            wait_for(
                lambda part=part, before=before: running.pid_of(part) != before, f"another {part} process"
            )
        processes = running.tree()[1:]
        running.process.kill()
        running.process.wait()
    with btl_up(data_dir) as again:
        again.wait_until_ready()
        left = [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        accepted = send(again.addresses, "After a crash the next start takes comments again.")

    assert left == []
    assert accepted.status_code == 202


def test_a_broker_that_does_not_answer_is_told_and_comments_are_taken_in(data_dir):
    with btl_up(data_dir, BTL_REDIS_URL="redis://127.0.0.1:1/0") as running:
        running.wait_until_ready()
        accepted = send(running.addresses, "Kept until the broker answers.")

        wait_for(lambda: "check BTL_REDIS_URL" in running.output, "a word about the broker")

    assert accepted.status_code == 202


@pytest.fixture
def refused(data_dir):
    """Run `btl up` where it must end by itself; returns its exit code and its words."""

    def run(**more: str) -> tuple[int, str]:
        environment = environment_of(data_dir, **more)
        ended = subprocess.run([str(BTL), "up"], env=environment, capture_output=True, text=True, timeout=200)
        return ended.returncode, ended.stdout + ended.stderr

    return run


def test_a_used_port_is_told_with_its_setting(refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        code, words = refused(BTL_NEWS_SITE_PORT=port)

    assert code == 1
    assert f"Port {port} cannot be used: Address already in use" in words
    assert "set BTL_NEWS_SITE_PORT" in words


def test_a_data_folder_that_cannot_be_made_is_told(refused, data_dir):
    data_dir.write_text("a file stands here")

    code, words = refused()

    assert code == 1
    assert f"The data folder {data_dir} cannot be used" in words
    assert "set BTL_DATA_DIR" in words


def test_a_second_start_on_the_same_folder_is_refused(refused, data_dir):
    with btl_up(data_dir) as running:
        wait_for(lambda: (data_dir / "processes.json").exists(), "the first start")

        code, words = refused()

        assert code == 1
        assert f"(process {running.process.pid}) already runs on {data_dir}" in words


def test_a_wrong_database_address_is_told_without_its_password(refused):
    code, words = refused(BTL_DATABASE_URL="postgresql://nobody:hidden@127.0.0.1:1/none")

    assert code == 1
    assert "The database postgresql+psycopg://nobody:***@127.0.0.1:1/none cannot be used" in words
    assert "Check BTL_DATABASE_URL" in words
    assert "hidden" not in words
    assert "Traceback" not in words


def test_faulty_settings_are_all_told_as_wrong_use(refused):
    code, words = refused(BTL_LOG_LEVEL="LOUD", BTL_REDIS_URL="localhost")

    assert code == 2
    assert "BTL_LOG_LEVEL" in words
    assert "BTL_REDIS_URL" in words


def test_a_newer_schema_is_left_alone(refused, data_dir):
    data_dir.mkdir()
    database = data_dir / "other.sqlite3"
    upgrade(f"sqlite:///{database}")
    subprocess.run(
        [
            "python3",
            "-c",
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
            "c.execute(\"update alembic_version set version_num = '9999'\"); c.commit()",
            str(database),
        ],
        check=True,
    )

    code, words = refused(BTL_DATABASE_URL=f"sqlite:///{database}")

    assert code == 1
    assert "schema 9999, which this version does not know" in words


def test_half_written_files_of_a_crash_are_no_obstacle(data_dir):
    (data_dir / "broker" / "appendonlydir").mkdir(parents=True)
    (data_dir / "broker" / "appendonlydir" / "appendonly.aof.manifest").write_text("file appendonly.aof")
    (data_dir / "processes.json").write_text('[{"name": "web", "p')
    (data_dir / "run.json").write_text("{")
    (data_dir / ".secrets-half").write_text("{")
    (data_dir / "lock").write_text("1")

    with btl_up(data_dir) as running:
        running.wait_until_ready()
        accepted = send(running.addresses, "Half-written files are no obstacle.")

        wait_for(lambda: "set aside" in running.output, "the repair of the broker's folder")

    assert accepted.status_code == 202

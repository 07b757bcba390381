"""The supervisor restarts what dies, stops everything, and cleans up after its own sudden death."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from service.data_folder import end_strays

pytestmark = pytest.mark.processes

# A process with a child of its own, as gunicorn and Celery have; it writes both ids down.
PARENT_AND_CHILD = """
    import os, pathlib, sys, time
    child = os.fork()
    if child:
        path = pathlib.Path(sys.argv[1])
        path.with_suffix(".new").write_text(f"{os.getpid()} {child}")
        path.with_suffix(".new").replace(path)
    time.sleep(600)
"""
SUPERVISOR = """
    import sys
    from pathlib import Path
    from service.stack import Died, Process, Stack

    folder = Path(sys.argv[1])
    with Stack(folder, lambda line: print(line, flush=True)) as stack:
        stack.add(Process("pair", (sys.executable, "-c", sys.argv[2], str(folder / "pair"))))
        stack.watch(lambda: True, lambda: print("ready", flush=True))
"""


def wait_for(found: Callable[[], object], what: str) -> object:
    for _ in range(600):
        result = found()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited 30 s for {what}")


def python(source: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(source), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    running = python(SUPERVISOR, str(tmp_path), textwrap.dedent(PARENT_AND_CHILD))
    yield running
    running.kill()
    running.communicate()
    end_strays(tmp_path)


@pytest.fixture
def pair(supervisor: subprocess.Popen[str], tmp_path: Path) -> tuple[int, int]:
    return read_pair(tmp_path)


def read_pair(folder: Path) -> tuple[int, int]:
    wait_for((folder / "pair").exists, "the pair")
    parent, child = (folder / "pair").read_text().split()
    return int(parent), int(child)


def test_a_process_that_is_killed_is_started_again_and_its_children_do_not_outlive_it(
    supervisor, pair, tmp_path
):
    (tmp_path / "pair").unlink()

    os.kill(pair[0], signal.SIGKILL)

    again = read_pair(tmp_path)
    assert again[0] != pair[0]
    wait_for(lambda: not is_running(pair[1]), "the orphan's end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_leaves_nothing_running(supervisor, pair, tmp_path, number):
    supervisor.send_signal(number)

    output, _ = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 0, output
    assert not any(map(is_running, pair))
    assert not (tmp_path / "processes.json").exists()


def test_when_it_is_killed_outright_its_processes_are_asked_to_stop(supervisor, pair):
    supervisor.kill()

    wait_for(lambda: not is_running(pair[0]), "the end of a process whose supervisor is gone")


def test_what_a_killed_supervisor_left_is_ended_by_the_next_start(supervisor, pair, tmp_path):
    supervisor.kill()
    supervisor.wait()

    end_strays(tmp_path)

    assert not any(map(is_running, pair))


def test_a_process_id_that_belongs_to_somebody_else_by_now_is_left_alone(tmp_path):
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    row = {"name": "web", "pid": stranger.pid, "started": psutil.Process(stranger.pid).create_time() - 100}
    (tmp_path / "processes.json").write_text(json.dumps([row]))

    end_strays(tmp_path)

    assert is_running(stranger.pid)
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("damage", ["", "[{", '{"a": 1}', '[{"pid": "x"}]'])
def test_a_half_written_list_of_processes_is_no_obstacle(tmp_path, damage):
    (tmp_path / "processes.json").write_text(damage)

    assert end_strays(tmp_path) == 0


def test_a_process_that_cannot_run_is_reported_with_its_last_words(tmp_path):
    source = """
        import sys
        from pathlib import Path
        from service.stack import Died, Process, Stack

        try:
            with Stack(Path(sys.argv[1]), lambda line: None) as stack:
                stack.add(Process("web", (sys.executable, "-c", "raise SystemExit('no such table')")))
                stack.watch(lambda: False, lambda: None)
        except Died as died:
            print(died)
    """

    output, _ = python(source, str(tmp_path)).communicate(timeout=30)

    assert "web process stops as soon as it is started: no such table" in output
    assert str(tmp_path / "logs" / "web.log") in output


def test_a_program_of_the_virtual_environment_runs_inside_the_fork(tmp_path):
    source = """
        import sys
        from pathlib import Path
        from service.stack import Process, Stack

        with Stack(Path(sys.argv[1]), lambda line: None) as stack:
            stack.add(Process("tool", ("pytest", "--version"), environment={"PYTEST_ADDOPTS": ""}))
            log = Path(sys.argv[1]) / "logs" / "tool.log"
            stack.watch(lambda: b"pytest" in log.read_bytes(), lambda: stack._asked_to_stop())
            print(log.read_text())
    """

    output, _ = python(source, str(tmp_path)).communicate(timeout=60)

    assert output.startswith("pytest ")

"""The data folder of an embedded stack: who owns it, what runs from it, what was left in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from moderation.errors import Refused

LOCK_FILE = "lock"
PROCESSES_FILE = "processes.json"
SUPERVISOR = "btl up"
LARGEST_LOG_BYTES = 20_000_000


class FolderRefused(Refused):
    """The data folder cannot be used.

    :param data_dir: the folder.
    :param reason: what the system says.
    """

    def __init__(self, data_dir: Path, reason: str) -> None:
        super().__init__(
            f"The data folder {data_dir} cannot be used: {reason}. "
            "Make it writable, or set BTL_DATA_DIR to another one."
        )
        self.data_dir = data_dir


class AlreadyRuns(Refused):
    """Another ``btl up`` owns the data folder.

    :param data_dir: the folder.
    :param pid: its process id, as far as is known.
    """

    def __init__(self, data_dir: Path, pid: str) -> None:
        super().__init__(
            f"Another `btl up` (process {pid or 'unknown'}) already runs on {data_dir}: "
            "stop it first, or set BTL_DATA_DIR, BTL_PORT and BTL_NEWS_SITE_PORT for a second one."
        )


@contextlib.contextmanager
def own(data_dir: Path) -> Iterator[int]:
    """Make the data folder and hold its lock: two supervisors on one folder would fight over its children."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise FolderRefused(data_dir, fault.strerror or str(fault)) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns(data_dir, os.read(lock, 20).decode("ascii", "replace").strip()) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        yield lock
    finally:
        os.close(lock)


def note_processes(data_dir: Path, running: dict[str, int]) -> None:
    """Write down what runs, for whoever must clean up after a crash of this very process.

    :param running: process ids by name.
    """
    rows = []
    for name, pid in {SUPERVISOR: os.getpid(), **running}.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            rows.append({"name": name, "pid": pid, "started": psutil.Process(pid).create_time()})
    write_private(data_dir / PROCESSES_FILE, rows)


def end_strays(data_dir: Path, patience_seconds: float = 5.0) -> int:
    """End what an earlier stack on this folder left running when it was killed.

    A process counts as left when it, or the leader of its group, is on the list with the same start time:
    a process id alone may belong to a stranger by now.

    :returns: how many processes were ended.
    """
    path = data_dir / PROCESSES_FILE
    try:
        listed = json.loads(path.read_text("utf-8"))
        rows = {int(row["pid"]): float(row["started"]) for row in listed if row["name"] != SUPERVISOR}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        rows = {}
    left = [process for process in psutil.process_iter() if _was_left(process, rows)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=patience_seconds)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience_seconds)
    path.unlink(missing_ok=True)
    return len(left)


def _was_left(process: psutil.Process, rows: dict[int, float]) -> bool:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        started = rows.get(os.getpgid(process.pid))
        if started is None or process.pid == os.getpid() or process.uids().real != os.getuid():
            return False
        if process.pid in rows:
            return process.create_time() == started
        return process.create_time() > started - 0.1
    return False


def write_private(path: Path, content: object) -> None:
    """Write JSON that only this user may read, whole or not at all."""
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(content, out, indent=1)
    os.replace(beside, path)


def log_of(data_dir: Path, name: str) -> Path:
    """The log of a process, in a folder that is there; one that grew too large is put aside once."""
    folder = data_dir / "logs"
    folder.mkdir(exist_ok=True, mode=0o700)
    log = folder / f"{name.replace(' ', '-')}.log"
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LARGEST_LOG_BYTES:
            os.replace(log, log.with_suffix(".log.1"))
    return log


def last_line(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it says nothing"
    return "it says nothing"

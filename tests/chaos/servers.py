"""A PostgreSQL cluster and a Redis of the harness's own: killed, filled and emptied without harming anybody."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import redis

from service import broker
from tests.processes import free_port, wait_until

#: Room for the cluster, small enough to be filled in a second.
DISK_MEGABYTES = 400


class Missing(Exception):
    """Something the harness needs is not installed; the text says what to install."""


class Cluster:
    """PostgreSQL from ``initdb``, its data on a small disk of its own where one can be mounted.

    PostgreSQL refuses to run as root: there, it runs as the user postgres.
    """

    def __init__(self, *, on_small_disk: bool = True) -> None:
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb") or ""]
        if not found[-1]:
            raise Missing("PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)")
        self._programs = Path(found[-1]).parent
        self._user = "postgres" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="btl-chaos-pg-"))
        self.folder.chmod(0o755)
        self.has_small_disk = on_small_disk and self._mount()
        self._data = self.folder / "data"
        self._data.mkdir(mode=0o700)
        if self._user:
            shutil.chown(self.folder, self._user)
            shutil.chown(self._data, self._user)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "btl", "-A", "trust", "-E", "UTF8", "--locale", "C")

    @property
    def server(self) -> str:
        return f"postgresql://btl@127.0.0.1:{self.port}/postgres"

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://btl@127.0.0.1:{self.port}/btl"

    def start(self) -> None:
        # fsync and synchronous_commit stay as PostgreSQL has them: that is what is being tested.
        options = (
            "listen_addresses=127.0.0.1",
            "max_connections=80",
            "shared_buffers=32MB",
            "max_wal_size=64MB",
        )
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._programs / "postgres"),
                    *("-D", str(self._data), "-p", str(self.port), "-k", str(self.folder)),
                    *(word for option in options for word in ("-c", option)),
                ],
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,
            )
        wait_until(self._answers, "the PostgreSQL cluster")

    def create(self) -> None:
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute("create database btl")

    def ask(self, query: str) -> list[tuple]:
        with psycopg.connect(self.server.replace("/postgres", "/btl"), autocommit=True) as line:
            cursor = line.execute(query)
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """As a power cut for this program: the postmaster and every backend, at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def fill_disk(self) -> None:
        # Unbuffered: closing would write what is left, and fail.
        with (self.folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(1 << 12))

    def empty_disk(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)

    def stop(self) -> None:
        if self._process is not None and self.is_running():
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.has_small_disk:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mount(self) -> bool:
        command = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={DISK_MEGABYTES}m,mode=755",
            "tmpfs",
            str(self.folder),
        ]
        return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.server, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
        )


class Broker:
    """A Redis or Valkey server with an append-only file, as ``btl up`` runs it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="btl-chaos-redis-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"--port": str(self.port), "--bind": "127.0.0.1", "--dir": str(self.folder), "--save": "",
                   "--appendonly": "yes", "--appendfsync": "everysec"}  # fmt: skip
        self._process = subprocess.Popen(
            [broker.program(), *(word for option in options.items() for word in option)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self._answers, "the broker")

    def empty(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            time.sleep(0.05)
            return False

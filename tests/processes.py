"""The real processes, with the command lines of docker-compose, on free ports and a folder of their own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from cryptography.fernet import Fernet

from moderation import migrations, sites
from moderation.settings import Settings
from moderation.store import Database, open_database
from moderation.vault import Vault, vault_of

ROOT = Path(__file__).parent.parent
CELERY = f"{sys.executable} -m celery --app worker"
COMMANDS = {
    "web": f"{sys.executable} -m gunicorn --config python:service.gunicorn_conf service:create_app()",
    "score": f"{CELERY} worker --loglevel INFO --hostname score@%h --queues score --concurrency 1",
    "deliver": f"{CELERY} worker --loglevel INFO --hostname deliver@%h --queues deliver --pool threads --concurrency 8",
    "beat": f"{CELERY} beat --loglevel INFO --schedule {{folder}}/beat-schedule",
}


#: Options of a site that is measured: nobody is refused for sending too fast.
UNLIMITED = {"limits": {"per_key": 10**9, "per_email": 10**9}}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_until(is_so: Callable[[], Any], what: str, seconds: float = 60, every: float = 0.05) -> Any:
    """Wait for a condition, and say what was waited for when it does not come."""
    until = time.monotonic() + seconds
    while True:
        found = is_so()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(every)


@dataclass
class Processes:
    """Starts, kills and stops parts; everything is gone at the end.

    :param more: environment variables besides the ordinary ones.
    """

    folder: Path
    database_url: str
    redis_url: str
    more: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    site_id: str = ""
    site_key: str = ""
    webhook_secret: str = ""

    def __post_init__(self) -> None:
        ours = {
            "BTL_DATA_DIR": str(self.folder),
            "BTL_PORT": str(self.port),
            "BTL_DATABASE_URL": self.database_url,
            "BTL_REDIS_URL": self.redis_url,
            "BTL_SECRET_KEY": secrets.token_hex(32),
            "BTL_EMAIL_KEYS": Fernet.generate_key().decode(),
            "BTL_HASH_KEY": secrets.token_hex(32),
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "OMP_NUM_THREADS": "1",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BTL_")}
        self.environment = {**kept, **ours, **self.more}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @property
    def vault(self) -> Vault:
        return vault_of(self.settings.email_keys, self.settings.hash_key)

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        opened = open_database(self.database_url)
        try:
            yield opened
        finally:
            opened.engine.dispose()

    def prepare(
        self,
        webhook_url: str | None = None,
        slug: str = "estuary-post",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """The newest schema, a site with a key, and an endpoint when an address is given.

        :param options: the site's own; a load that is heavier than any site's needs ``UNLIMITED``.
        """
        migrations.upgrade(self.database_url)
        now = datetime.now(UTC)
        self.site_key, self.webhook_secret = sites.new_site_key(), sites.new_webhook_secret()
        with self.database() as database, database.writing() as session:
            site = sites.open_site(session, name=slug, slug=slug, now=now)
            site.options = dict(options or {})
            self.site_id = site.id
            sites.issue_key(
                session, self.vault, site_id=site.id, key=self.site_key, kind="site", label="test", now=now
            )
            if webhook_url:
                sites.add_endpoint(
                    session, self.vault, site_id=site.id, url=webhook_url, secret=self.webhook_secret,
                    description="test", now=now,
                )  # fmt: skip

    def start(self, *names: str, **more: str) -> None:
        """Start parts by name; does not wait."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True, parents=True)
        for name in names:
            command = COMMANDS[name].format(folder=self.folder).split(" ")
            with (logs / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env={**self.environment, **more},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def wait_ready(self, seconds: float = 60) -> None:
        """Until /readyz is content: database, broker and workers."""
        wait_until(lambda: self.get("/readyz")[0] == 200, f"{self.url}/readyz", seconds)

    def wait_alive(self, seconds: float = 60) -> None:
        """Until the web door answers at all."""
        wait_until(lambda: self.get("/healthz")[0] == 200, f"{self.url}/healthz", seconds)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to a part and everything that it started."""
        process = self.running[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if number == signal.SIGKILL:
            process.wait()

    def children(self, name: str) -> list[psutil.Process]:
        return psutil.Process(self.running[name].pid).children(recursive=True)

    def stop(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        until = time.monotonic() + 15
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def logs(self) -> str:
        return "\n".join(
            path.read_text(errors="replace") for path in sorted((self.folder / "logs").glob("*.log"))
        )

    def get(self, path: str, timeout: float = 10) -> tuple[int, Any]:
        return self._ask(urllib.request.Request(self.url + path), timeout)

    def post(self, path: str, document: Any, timeout: float = 30, **headers: str) -> tuple[int, Any]:
        """:return: the status (0: no answer) and the JSON document."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(document).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {self.site_key}", **named},
        )
        return self._ask(request, timeout)

    def comment(self, body: str, **fields: Any) -> tuple[int, Any]:
        said = {"name": "Ann", "email": "ann@example.com", "body": body} | fields
        return self.post("/v1/comments", said)

    def read(self, comment_id: str) -> Any:
        request = urllib.request.Request(
            f"{self.url}/v1/comments/{comment_id}", headers={"authorization": f"Bearer {self.site_key}"}
        )
        return self._ask(request, 10)[1]

    def _ask(self, request: urllib.request.Request, timeout: float) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())
        except OSError:
            return 0, None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


@contextlib.contextmanager
def processes(folder: Path, database_url: str, redis_url: str, **more: str) -> Iterator[Processes]:
    """Parts to start; whatever happens, none is left running."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Processes(folder, database_url, redis_url, more)
    try:
        yield made
    finally:
        made.stop()

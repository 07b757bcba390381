"""A running server with the compatible endpoints, and clients that others wrote."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from werkzeug.serving import make_server

from moderation.keys import issue_key
from moderation.settings import Settings
from moderation.store import Database, open_database
from moderation.tables import Site
from moderation.vault import Vault, vault_of
from service import create_app
from service.door import door_of
from tests.conftest import NOON, make_site

NODE = Path(__file__).with_name("node")
SPAM = "Earn $5000 a day with bitcoin!!! Click https://best-crypto-profits.top/join now, guaranteed"
HAM = "The new ferry timetable is a real improvement, thank you for the clear article."
RUDE = "You are a stupid idiot and everybody hates you. Shut up, moron."
CORAL_SECRET = "empsec_9f8a1c0e5b7d4e2f6a3c8b1d0e9f7a5c"


@dataclass(frozen=True)
class Server:
    """A server that listens, one site on it, and its keys."""

    url: str
    app: Flask
    database: Database
    vault: Vault
    site_id: str
    key: str
    akismet_key: str
    coral_secret: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def write_aside(self) -> None:
        """Wait until what requests left for later is written."""
        door_of(self.app).aside.wait()

    def another_site(self, slug: str, **options: Any) -> dict[str, str]:
        """A further site with its keys: kind -> key, and its id under ``id``."""
        with self.database.writing() as session:
            site = make_site(session, self.vault, slug=slug)
            site.options = options
            keys = {
                kind: issue_key(session, self.vault, site_id=site.id, kind=kind, now=NOON)[1]
                for kind in ("site", "akismet")
            }
            return {"id": site.id, **keys}


@pytest.fixture(scope="session")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all these tests: the model is loaded once."""
    folder = tmp_path_factory.mktemp("compat")
    shutil.copy(sqlite_template, folder / "btl.sqlite3")
    url = f"sqlite:///{folder / 'btl.sqlite3'}"
    database = open_database(url)
    # a socket first: its port is part of the public address that the discovery document tells
    listening = make_server("127.0.0.1", 0, Flask("none"), threaded=True)
    address = f"http://127.0.0.1:{listening.server_port}"
    settings = Settings.from_environment(
        {
            "BTL_DATA_DIR": str(folder),
            "BTL_DATABASE_URL": url,
            "BTL_REDIS_URL": "redis://127.0.0.1:1/0",
            "BTL_SECRET_KEY": secrets.token_hex(32),
            "BTL_EMAIL_KEYS": Fernet.generate_key().decode(),
            "BTL_HASH_KEY": secrets.token_hex(32),
            "BTL_PUBLIC_URL": address,
        }
    )
    app = create_app(settings, database)
    listening.app = app
    vault = vault_of(settings.email_keys, settings.hash_key)
    with database.writing() as session:
        site: Site = make_site(session, vault)
        keys = {
            kind: issue_key(session, vault, site_id=site.id, kind=kind, now=NOON)[1]
            for kind in ("site", "akismet")
        }
        issue_key(session, vault, site_id=site.id, kind="coral", secret=CORAL_SECRET, now=NOON)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield Server(address, app, database, vault, site.id, keys["site"], keys["akismet"], CORAL_SECRET)
    listening.shutdown()
    thread.join()
    listening.server_close()
    door_of(app).aside.stop()
    door_of(app).nudger.stop()
    database.engine.dispose()


@pytest.fixture(scope="session")
def node() -> Callable[..., Any]:
    """Run one client from npm: ``node("openai", url, key)`` answers what it printed."""
    if shutil.which("node") is None or not (NODE / "node_modules" / "openai").is_dir():
        pytest.skip("the clients from npm are not installed: bash scripts/test_parts.sh says why")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        pytest.skip(f"the clients from npm need Node 20 or newer, here is {version.strip()}")

    def run(client: str, url: str, key: str, **variables: str) -> Any:
        done = subprocess.run(
            ["node", "--require", "./hosts.cjs", "calls.mjs", client, url, key],
            cwd=NODE,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run

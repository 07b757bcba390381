"""What docker-compose.yml promises is there, and the very commands it names carry a comment through."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import yaml
from sqlalchemy import select

from moderation import sites
from moderation.settings import Settings, settings, variable
from moderation.store import open_database
from moderation.tables import Comment
from moderation.vault import Vault
from service.commands.up import processes
from tests.running import free_ports, wait_for

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("below-the-line")]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_kept_small_and_watched(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]
    if name == "migrate":
        assert service["restart"] == "on-failure:5"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", [*OURS, "postgres", "redis"])
def test_nothing_of_ours_runs_as_root(name):
    assert SERVICES[name]["user"].split(":")[0] not in ("", "0", "root")


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_database_and_broker_cannot_be_reached_from_outside(name):
    assert SERVICES[name]["networks"] == ["inside"]
    assert "ports" not in SERVICES[name]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_the_file_follows_the_compose_specification():
    checked = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"],
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout


def test_the_dockerfile_has_no_fault_that_hadolint_knows():
    checked = subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout


def test_every_setting_named_in_compose_and_its_example_exists():
    known = {variable(one.name) + end for one in settings() for end in ("", "_FILE")}
    used = set(re.findall(r"\bBTL_\w+", (ROOT / ".env.example").read_text()))
    for name in OURS:
        if name != "news-site":
            used |= {word for word in SERVICES[name]["environment"] if word.startswith("BTL_")}

    assert used <= known


def test_the_secrets_that_are_mounted_are_the_ones_that_the_script_makes(tmp_path):
    subprocess.run(
        ["bash", ROOT / "scripts" / "make_secrets.sh", tmp_path / "secrets"], check=True, stdout=-3
    )
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run(
        ["bash", ROOT / "scripts" / "make_secrets.sh", tmp_path / "secrets"], check=True, stdout=-3
    )
    again = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    found = Settings.from_environment(
        {
            f"BTL_{name.upper()}_FILE": str(tmp_path / "secrets" / name)
            for name in ("secret_key", "email_keys", "hash_key", "database_url")
        }
    )

    assert set(made) == set(COMPOSE["secrets"])
    assert again == made
    assert found.database_url.endswith(f":{made['postgres_password']}@postgres:5432/btl")


def test_the_embedded_stack_runs_the_same_programs(settings):
    embedded = {process.name: process.command for process in processes(settings, _Any())}

    for name, service in (("web", "web"), ("score worker", "score"), ("deliver worker", "deliver")):
        named = SERVICES[service]["command"]
        options = {word for word in named if word.startswith("--")}
        assert embedded[name][0] == named[0]
        assert options <= set(embedded[name]), name
    assert embedded["news site"][-1] == SERVICES["news-site"]["command"][-1]


class _Any(dict):
    def __missing__(self, key):
        return "x"


class Translated:
    """A service of compose on this machine: its command and environment with this machine's places."""

    def __init__(self, tmp_path: Path, places: dict[str, str], chosen: dict[str, str]) -> None:
        self.tmp_path = tmp_path
        self.places = places
        self.chosen = chosen

    def text(self, value: object) -> str:
        """Compose's own substitution, then the places."""
        words = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: self.chosen.get(m[1], m[2]), str(value))
        there = "|".join(map(re.escape, self.places))
        return re.sub(there, lambda m: self.places[m[0]], words).replace("$$", "$")

    def command(self, name: str) -> list[str]:
        first, *rest = map(self.text, SERVICES[name]["command"])
        return [str(BIN / first), *rest]

    def environment(self, name: str) -> dict[str, str]:
        given = {key: self.text(value) for key, value in SERVICES[name]["environment"].items()}
        # What the image sets, see Dockerfile.
        image = {"PATH": f"{BIN}:/usr/bin:/bin", "BTL_DATA_DIR": str(self.tmp_path / "data")}
        return image | {"OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"} | given

    def healthy(self, name: str) -> bool:
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        command = ["sh", "-c", self.text(words[0])] if kind == "CMD-SHELL" else list(map(self.text, words))
        environment = self.environment(name)
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True).returncode == 0

    @contextmanager
    def run(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.tmp_path / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(name), env=self.environment(name), cwd=ROOT, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.fixture
def here(tmp_path, postgres_server, redis_url) -> Iterator[Translated]:
    """The services with an empty PostgreSQL database and a Redis database of their own."""
    import psycopg

    (tmp_path / "data").mkdir()
    secrets = tmp_path / "secrets"
    subprocess.run(["bash", ROOT / "scripts" / "make_secrets.sh", secrets], check=True, stdout=-3)
    name = f"btl_compose_{tmp_path.name.replace('-', '_')}"[:60]
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'drop database if exists "{name}" with (force)')
        admin.execute(f'create database "{name}"')
    (secrets / "database_url").write_text(postgres_server.rsplit("/", 1)[0] + f"/{name}")
    web, news_site = free_ports(2)
    places = {
        "/run/secrets": str(secrets),
        "redis://redis:6379/0": redis_url,
        "web:8000": f"127.0.0.1:{web}",
        "0.0.0.0": "127.0.0.1",
        "8000": str(web),
        "8001": str(news_site),
        "/data/": f"{tmp_path}/data/",
        "/tmp/": f"{tmp_path}/",
    }
    key, secret = sites.new_site_key(), sites.new_webhook_secret()
    chosen = {
        "BTL_WEBHOOK_ALLOWED_HOSTS": f"127.0.0.1:{news_site}",
        "NEWS_SITE_KEY": key,
        "NEWS_SITE_WEBHOOK_SECRET": secret,
        "WEB_CONCURRENCY": "1",
        "SCORE_CONCURRENCY": "1",
    }
    yield Translated(tmp_path, places, chosen)
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'drop database if exists "{name}" with (force)')


@pytest.mark.processes
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.xdist_group("whole")
def test_the_commands_of_compose_carry_a_comment_through_and_pass_their_health_checks(here, tmp_path):
    environment = here.environment("web")
    port, news_site = here.text("8000"), here.text("8001")
    migrated = subprocess.run(
        here.command("migrate"), env=here.environment("migrate"), cwd=ROOT, capture_output=True, text=True
    )
    assert migrated.returncode == 0, migrated.stderr
    found = Settings.from_environment(environment)
    database, vault, now = (
        open_database(found.database_url),
        Vault(found.email_keys, found.hash_key),
        datetime.now(UTC),
    )
    with database.writing() as session:
        site = sites.open_site(session, name="Post", slug="post", now=now)
        sites.issue_key(session, vault, site_id=site.id, key=here.chosen["NEWS_SITE_KEY"], now=now)
        sites.add_endpoint(
            session,
            vault,
            site_id=site.id,
            url=f"http://127.0.0.1:{news_site}/webhooks",
            secret=here.chosen["NEWS_SITE_WEBHOOK_SECRET"],
            now=now,
        )

    with ExitStack() as running:
        for name in ("web", "score", "deliver", "beat", "news-site"):
            running.enter_context(here.run(name))
        wait_for(lambda: here.healthy("web") and here.healthy("news-site"), "the web processes")
        accepted = requests.post(
            f"http://127.0.0.1:{port}/v1/comments",
            json={
                "name": "Ada",
                "email": "ada@example.org",
                "body": "A thoughtful article about the harbour, thank you.",
            },
            headers={"Authorization": f"Bearer {here.chosen['NEWS_SITE_KEY']}"},
            timeout=10,
        )
        assert accepted.status_code == 202, accepted.text

        def delivered() -> bool:
            url = f"http://127.0.0.1:{port}/v1/comments/{accepted.json()['id']}"
            answer = requests.get(
                url, headers={"Authorization": f"Bearer {here.chosen['NEWS_SITE_KEY']}"}, timeout=10
            ).json()
            return answer["status"] != "pending" and all(
                delivery["status"] == "delivered" for delivery in answer["deliveries"]
            )

        wait_for(delivered, "a decision that the news site knows of")
        unhealthy = [name for name in ("score", "deliver", "beat") if not here.healthy(name)]
        with database.reading() as session:
            status = session.scalar(select(Comment.status))
    database.engine.dispose()

    assert unhealthy == []
    assert status in ("approved", "held")

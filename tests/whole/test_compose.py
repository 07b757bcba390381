"""What docker-compose.yml promises is there, and the very commands it names carry a comment through."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from moderation import sites
from moderation.settings import Settings, settings, variable
from moderation.store import open_database
from moderation.vault import Vault
from service.commands.up import processes
from tests.running import free_ports, wait_for

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
together = pytest.mark.xdist_group("compose")
pytestmark = pytest.mark.timeout(600)
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("below-the-line")]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_kept_small_and_watched(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]
    if name == "migrate":  # it ends by itself
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

    def __init__(
        self, tmp_path: Path, places: dict[str, str], chosen: dict[str, str], ports: dict[str, int]
    ) -> None:
        self.tmp_path = tmp_path
        self.places = places
        self.chosen = chosen
        self.ports = ports  # where each answers Prometheus

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
        # Each container has its own port 9100; here they share one machine.
        own = {"BTL_METRICS_PORT": str(self.ports[name])} if "BTL_METRICS_PORT" in given else {}
        return image | {"OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"} | given | own

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


@pytest.fixture(scope="module")
def here(tmp_path_factory, postgres_server, redis_server) -> Iterator[Translated]:
    """The services with an empty PostgreSQL database and a Redis database of their own."""
    import psycopg
    import redis

    folder = tmp_path_factory.mktemp("compose")
    for name in ("data", "metrics"):
        (folder / name).mkdir()
    secrets = folder / "secrets"
    subprocess.run(["bash", ROOT / "scripts" / "make_secrets.sh", secrets], check=True, stdout=-3)
    name = f"btl_compose_{uuid.uuid4().hex[:12]}"
    redis_url = f"{redis_server}/15"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'create database "{name}"')
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    (secrets / "database_url").write_text(postgres_server.rsplit("/", 1)[0] + f"/{name}")
    web, news_site, score, deliver = free_ports(4)
    places = {
        "/run/secrets": str(secrets),
        "redis://redis:6379/0": redis_url,
        "web:8000": f"127.0.0.1:{web}",
        "0.0.0.0": "127.0.0.1",
        "8000": str(web),
        "8001": str(news_site),
        "/data/": f"{folder}/data/",
        "/metrics": f"{folder}/metrics",
        "/tmp/": f"{folder}/",
    }
    chosen = {
        "BTL_WEBHOOK_ALLOWED_HOSTS": f"127.0.0.1:{news_site}",
        "NEWS_SITE_KEY": sites.new_site_key(),
        "NEWS_SITE_WEBHOOK_SECRET": sites.new_webhook_secret(),
        "WEB_CONCURRENCY": "1",
        "SCORE_CONCURRENCY": "1",
    }
    yield Translated(folder, places, chosen, {"web": web, "score": score, "deliver": deliver})
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture(scope="module")
def carried(here) -> Iterator[dict[str, Any]]:
    """Every service runs, and one comment has gone all the way; its own account of that."""
    migrated = subprocess.run(
        here.command("migrate"), env=here.environment("migrate"), cwd=ROOT, capture_output=True, text=True
    )
    assert migrated.returncode == 0, migrated.stderr
    _open_site(here)
    key = {"Authorization": f"Bearer {here.chosen['NEWS_SITE_KEY']}"}
    comments = f"http://127.0.0.1:{here.text('8000')}/v1/comments"
    with ExitStack() as running:
        for name in ("web", "score", "deliver", "beat", "news-site"):
            running.enter_context(here.run(name))
        wait_for(lambda: here.healthy("web") and here.healthy("news-site"), "the web processes")
        words = "A thoughtful article about the harbour, thank you."
        comment = {"name": "Ada", "email": "ada@example.org", "body": words}
        accepted = requests.post(comments, json=comment, headers=key, timeout=10)
        assert accepted.status_code == 202, accepted.text

        def delivered() -> dict[str, Any] | None:
            found = requests.get(f"{comments}/{accepted.json()['id']}", headers=key, timeout=10).json()
            sent = [delivery["status"] == "delivered" for delivery in found["deliveries"]]
            return found if found["status"] != "pending" and sent and all(sent) else None

        yield wait_for(delivered, "a decision that the news site knows of")


def _open_site(here: Translated) -> None:
    found = Settings.from_environment(here.environment("web"))
    database, vault = open_database(found.database_url), Vault(found.email_keys, found.hash_key)
    now = datetime.now(UTC)
    with database.writing() as session:
        site = sites.open_site(session, name="Post", slug="post", now=now)
        sites.issue_key(session, vault, site_id=site.id, key=here.chosen["NEWS_SITE_KEY"], now=now)
        url = f"http://127.0.0.1:{here.text('8001')}/webhooks"
        secret = here.chosen["NEWS_SITE_WEBHOOK_SECRET"]
        sites.add_endpoint(session, vault, site_id=site.id, url=url, secret=secret, now=now)
    database.engine.dispose()


@together
def test_the_commands_of_compose_carry_a_comment_through(carried):
    assert carried["status"] in ("approved", "held")
    assert carried["decisions"]


@together
@pytest.mark.parametrize("name", ["web", "score", "deliver", "beat", "news-site"])
def test_a_working_service_passes_its_health_check(here, carried, name):
    assert here.healthy(name)


@together
def test_every_query_of_the_dashboard_and_the_alerts_runs_on_real_figures(here, carried, tmp_path):
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed: apt-get install prometheus")
    [port] = free_ports(1)
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = [str(ROOT / "deploy" / "prometheus" / "alerts.yml")]
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{here.ports[job['job_name']]}"]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "below-the-line.json").read_text())
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [alert["expr"] for alert in alerts]
    names = sorted(set(re.findall(r"\bbtl_\w+", " ".join(queries))))

    def ask(query: str) -> Any:
        answer = requests.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=10)
        assert answer.json()["status"] == "success", f"{query}: {answer.text}"
        return answer.json()["data"]["result"]

    def is_up() -> bool:
        try:
            return len(ask("up == 1")) == 3 and bool(ask("btl_comments_settled_total"))
        except requests.RequestException:  # not there yet, or there and not ready
            return False

    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    server = subprocess.Popen(
        [program, *options, f"--web.listen-address=127.0.0.1:{port}"], stdout=-3, stderr=-3, cwd=tmp_path
    )
    try:
        wait_for(is_up, "figures of web, score and deliver")
        for query in queries:
            ask(query)
        without_figures = [name for name in names if not ask(name)]
    finally:
        server.terminate()
        server.wait(timeout=30)

    # Nobody called a compatible endpoint, so that one has no series yet.
    # Nobody called a compatible endpoint, and a week's people have not decided: these have no series yet.
    assert set(without_figures) <= {"btl_foreign_calls_total", "btl_calibration_error"}


def test_every_alert_has_its_chapter():
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    chapters = re.findall(r"^## (\w+)$", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE)

    assert [alert["alert"] for alert in alerts] == chapters
    for alert in alerts:
        assert alert["annotations"]["runbook"] == f"docs/alerts.md#{alert['alert'].lower()}"

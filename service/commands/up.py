"""Run everything here, on embedded parts, until Ctrl-C (``make run``)."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import click
import psutil
import setproctitle

from moderation.errors import Refused
from moderation.settings import Settings
from service import VIEWS, broker
from service.data_folder import end_strays, last_line, log_of, own, write_private
from service.stack import Died, Process, Stack, warm_up

RUN_FILE = "run.json"
NEWS_SITE_FILE = "news-site.sqlite3"

#: What several children need, imported once before they are forked.
WARM = (
    "flask_babel",
    "flask_smorest",
    "flask_wtf",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.sqlite",
    "cryptography.fernet",
    "argon2",
    "structlog",
    "celery.apps.beat",
    "celery.bin.beat",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.apps.worker",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.app.task",
    "celery.worker.consumer",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "kombu.transport.redis",
    "requests",
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "numpy",
    "models.scorer",
    "moderation.judging",
)


class PortTaken(Refused):
    """A port is in use.

    :param variable: the setting that names it.
    :param port: its number.
    :param reason: what the system says.
    """

    def __init__(self, variable: str, port: int, reason: str) -> None:
        super().__init__(
            f"Port {port} cannot be used: {reason}. "
            f"Stop what listens there, or set {variable} to another port."
        )


class NotPrepared(Refused):
    """The database could not be made ready; the sentence says why."""


def processes(settings: Settings, kept: dict[str, str]) -> list[Process]:
    """The parts of the embedded stack besides its broker; compose names the same commands."""
    worker = (
        f"celery --app worker worker --loglevel {settings.log_level} "
        "--without-mingle --without-gossip --hostname"
    )
    return [
        # One process with more threads: a second one would hold the model a second time.
        _process("web", "gunicorn --config python:service.gunicorn_conf --threads 8 service:create_app()"),
        _process("score worker", f"{worker} score@%h --queues score --concurrency 1"),
        _process(
            "deliver worker",
            f"{worker} deliver@%h --queues deliver --pool threads --concurrency 8",
        ),
        # Not within a worker (`--beat`): what dies there is not started again, and nothing is swept any more.
        _process(
            "beat",
            f"celery --app worker beat --loglevel {settings.log_level} --schedule",
            str(settings.data_dir / "beat-schedule"),
        ),
        _process(
            "news site",
            f"gunicorn --no-control-socket --bind 127.0.0.1:{settings.news_site_port} --worker-class gthread "
            "--workers 1 --threads 8 examples.news_site:create_app()",
            environment={
                "BTL_API_URL": f"http://127.0.0.1:{settings.port}",
                "BTL_SITE_KEY": kept["site_key"],
                "BTL_WEBHOOK_SECRET": kept["webhook_secret"],
                "NEWS_SITE_DATABASE": str(settings.data_dir / NEWS_SITE_FILE),
                "NEWS_SITE_PORT": str(settings.news_site_port),
            },
        ),
    ]


def _process(name: str, words: str, *more: str, environment: Mapping[str, str] | None = None) -> Process:
    return Process(name, (*words.split(), *more), environment=environment or {})


@click.command("up")
def command() -> None:
    """Run everything here, on embedded parts, until Ctrl-C.

    API, desk, workers, schedule, broker, database and an example news site. The settings that matter most:
    BTL_PORT, BTL_NEWS_SITE_PORT, BTL_DATA_DIR, BTL_DATABASE_URL, BTL_REDIS_URL; all are in docs/settings.md.
    """
    began = time.monotonic()
    os.umask(0o077)  # databases and logs are for this user alone
    setproctitle.setproctitle("btl up")  # before the environment changes: it cannot find its place later
    data_dir = Path(os.environ.get("BTL_DATA_DIR", "").strip() or "var").expanduser().absolute()
    try:
        with own(data_dir) as lock:
            _run(data_dir, lock, began)
    except (Refused, Died) as refused:
        click.echo(f"Error: {refused}", err=True)
        raise SystemExit(1) from None


def _say(line: str) -> None:
    """Tell the operator. A terminal that was closed must not keep us from stopping everything."""
    with contextlib.suppress(OSError):
        click.echo(line)


def _run(data_dir: Path, lock: int, began: float) -> None:
    from service import first_start

    _tidy(data_dir)
    try:
        kept = first_start.keep_all_secrets(data_dir)
    except (OSError, ValueError) as fault:
        raise NotPrepared(str(fault)) from None
    settings = Settings.from_environment(os.environ)
    _refuse_taken_ports(settings)
    _set_environment(settings)
    settings = Settings.from_environment(os.environ)
    webhook_url = f"http://127.0.0.1:{settings.news_site_port}/webhooks"
    run_file = data_dir / RUN_FILE
    with Stack(data_dir, _say, let_go=(lock,)) as stack:
        if settings.embeds_broker:
            stack.add(
                Process("broker", broker.command(data_dir), last=True, mend=lambda: _set_jobs_aside(data_dir))
            )
        preparing = stack.run_once(lambda: _prepare(settings, kept, webhook_url))
        warm_up((*WARM, *VIEWS), between=stack.tend)
        prepared = stack.finished(preparing)
        if prepared:
            raise NotPrepared(last_line(log_of(data_dir, "prepare")))
        try:
            for process in processes(settings, kept) if prepared == 0 else ():
                stack.add(process)
            stack.watch(
                lambda: _accepts(settings.port) and _get(settings.news_site_port, "/") is not None,
                lambda: _tell(settings, kept, run_file, time.monotonic() - began),
            )
        finally:
            run_file.unlink(missing_ok=True)
        _say("\nStopping …")
    _say(f"Stopped. Nothing is left running; the data stays in {data_dir}")


def _set_jobs_aside(data_dir: Path) -> None:
    _say(f"Jobs that cannot be read are set aside: {broker.set_aside(data_dir)}")


def _prepare(settings: Settings, kept: dict[str, str], webhook_url: str) -> None:
    from service import first_start

    try:
        first_start.check_news_site(settings.data_dir / NEWS_SITE_FILE)
        first_start.prepare(settings, kept, webhook_url)
    except Refused as refused:
        raise SystemExit(str(refused)) from None


def _tidy(data_dir: Path) -> None:
    """Clear away what an earlier run left when it was killed."""
    ended = end_strays(data_dir)
    if ended:
        _say(f"Ended {ended} processes that an earlier run left behind when it was killed.")
    (data_dir / RUN_FILE).unlink(missing_ok=True)
    # Figures of processes that are gone; prometheus_client would add them up for ever.
    shutil.rmtree(data_dir / "metrics", ignore_errors=True)
    pid = broker.process_id(data_dir)
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            server = psutil.Process(pid)
            server.terminate()
            server.wait(timeout=10)


def _refuse_taken_ports(settings: Settings) -> None:
    news = ("BTL_NEWS_SITE_PORT", "127.0.0.1", settings.news_site_port)
    for variable, host, port in (("BTL_PORT", settings.host, settings.port), news):
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            with socket.socket(found[0], socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(found[4])
        except OSError as fault:
            raise PortTaken(variable, port, fault.strerror or str(fault)) from None
    if settings.port == settings.news_site_port:
        raise PortTaken("BTL_NEWS_SITE_PORT", settings.port, "the API and the news site need one each")


def _set_environment(settings: Settings) -> None:
    """Give the children, through the environment they inherit, what holds for this stack."""
    metrics = settings.data_dir / "metrics"
    metrics.mkdir(exist_ok=True)
    news_site = f"127.0.0.1:{settings.news_site_port}"
    os.environ["BTL_DATA_DIR"] = str(settings.data_dir)
    os.environ["BTL_WEBHOOK_ALLOWED_HOSTS"] = ",".join({*settings.webhook_allowed_hosts, news_site})
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    os.environ.setdefault("WEB_CONCURRENCY", "1")
    # BLAS starts a thread for each core when it is loaded: the parent must have none when it forks, and
    # processes that share two cores only get in each other's way with more.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def _accepts(port: int) -> bool:
    """Whether a first comment would be accepted; who judges it may still be on the way up."""
    answer = _get(port, "/readyz")
    return answer is not None and b'"accepts":true' in answer.replace(b" ", b"")


def _get(port: int, path: str) -> bytes | None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        return answer.read() if answer.status in (200, 503) else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        line.close()


def _tell(settings: Settings, kept: dict[str, str], run_file: Path, seconds: float) -> None:
    api, news_site = f"http://127.0.0.1:{settings.port}", f"http://127.0.0.1:{settings.news_site_port}"
    names = ("site", "site_key", "akismet_key", "webhook_secret", "coral_secret")
    people = ("moderator_email", "moderator_password")
    urls = {"api_url": api, "desk_url": f"{api}/desk", "news_site_url": news_site}
    write_private(run_file, urls | {name: kept[name] for name in (*names, *people)})
    _say(
        f"Ready after {seconds:.1f} s.\n\n"
        f"  News site   {news_site}        write a comment as a reader\n"
        f"  Desk        {api}/desk   decide what is held\n"
        f"              sign in as {kept['moderator_email']} with {kept['moderator_password']}\n"
        f"  API         {api}/docs   key {kept['site_key']}\n"
        f"  Logs, data  {settings.data_dir}\n\n"
        "`btl demo` sends a few hundred comments. Stop with Ctrl-C.",
    )
    broker_says = "" if settings.embeds_broker else _broker_says(settings.port)
    if broker_says:
        _say(
            f"\nThe broker {broker_says}. Comments are taken in and kept, and decided once it answers: "
            "check BTL_REDIS_URL; `btl doctor` tells more."
        )


def _broker_says(port: int) -> str:
    """What is wrong with the broker, ``""`` for nothing."""
    said = str(json.loads(_get(port, "/readyz") or b"{}").get("parts", {}).get("broker", "ready"))
    return "" if said == "ready" else said

"""Everything an operator can set, read once and checked as a whole.

The doors read the environment and hand a :class:`Settings` in; no room looks at ``os.environ`` itself.
Each field below is the variable ``BTL_<NAME>``; a secret one can also be given as the path of a file in
``BTL_<NAME>_FILE``. ``docs/settings.md`` lists them all, and a test holds that page to this module.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from moderation.kept import SECRETS_FILE, embedded_socket, kept_secrets

PREFIX = "BTL_"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsFaults(Exception):
    """The settings cannot be used as they stand.

    :param faults: one sentence for each fault, naming the variable and saying what to do.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


# -- how one value is read: text in, value out, ValueError with the reason ---------------------------


def _text(value: str) -> str:
    return value


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise ValueError("must be a port number from 1 to 65535")
    return int(value)


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise ValueError("must be a whole number, 0 or more")
    return int(value)


def _level(value: str) -> str:
    if value.upper() not in LOG_LEVELS:
        raise ValueError("must be one of " + ", ".join(LOG_LEVELS))
    return value.upper()


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address, such as https://comments.example.org")
    return value.rstrip("/")


def _database(value: str) -> str:
    # Hosting platforms hand out these two spellings; both mean PostgreSQL, which we speak with psycopg 3.
    for spelling in ("postgres://", "postgresql://"):
        if value.startswith(spelling):
            value = "postgresql+psycopg://" + value.removeprefix(spelling)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with postgresql+psycopg:// or sqlite:///")
    return value


def _redis(value: str) -> str:
    if value.startswith("unix://"):
        value = "redis+socket://" + value.removeprefix("unix://")
    if not value.startswith(("redis://", "rediss://", "sentinel://", "redis+socket://")):
        raise ValueError("must begin with redis://, rediss://, sentinel:// or redis+socket://")
    return value


def _broker(value: str) -> str:
    if value.startswith(("amqp://", "amqps://")):
        return value
    try:
        return _redis(value)
    except ValueError as fault:
        raise ValueError(f"{fault}, or amqp:// for RabbitMQ") from None


def _long_secret(value: str) -> str:
    if len(value) < 32:
        raise ValueError("must have at least 32 characters; make one with: openssl rand -hex 32")
    return value


def _hash_key(value: str) -> bytes:
    return _long_secret(value).encode()


def _fernet_keys(value: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in value.split(",") if key.strip())
    for key in keys:
        try:
            size = len(base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True))
        except (binascii.Error, UnicodeError):
            size = 0
        if size != 32:
            raise ValueError(
                "must be Fernet keys, 32 random bytes in URL-safe base64, the encrypting one first; "
                "make one with: openssl rand -base64 32 | tr '+/' '-_'"
            )
    if not keys:
        raise ValueError("must hold at least one Fernet key")
    return keys


def _hosts(value: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in value.split(",") if host.strip())
    for host in hosts:
        name, colon, port = host.rpartition(":")
        if not name or not colon or not port.isdigit():
            raise ValueError("must list host:port, separated by commas, such as news-site:8001")
    return hosts


def _addresses(value: str) -> tuple[str, ...]:
    addresses = tuple(value.split())
    for address in addresses:
        if "://" not in address:
            raise ValueError("must list addresses such as mailto://user:password@mail.example.org")
    return addresses


def _folder(value: str) -> Path:
    return Path(value).expanduser().absolute()


def _setting(
    says: str, default: Any, *, reads: Callable[[str], Any] = _text, secret: bool = False, kept: bool = False
) -> Any:
    """Declare one setting.

    :param says: what it is, in a sentence for the operator.
    :param default: what holds without it; None: worked out from other settings, or demanded when ``kept``.
    :param reads: turns the text into the value, raising ValueError with the reason.
    :param secret: never shown, and may be given as a file.
    :param kept: one of the keys that ``btl up`` makes and keeps in the data folder.
    """
    return field(metadata={"says": says, "default": default, "reads": reads, "secret": secret, "kept": kept})


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What the operator decided. Built by :meth:`from_environment`."""

    data_dir: Path = _setting("Folder for everything kept on this machine", "var", reads=_folder)
    host: str = _setting("Address the web server listens on", "127.0.0.1")
    port: int = _setting("Port of the API and the desk", 8000, reads=_port)
    public_url: str = _setting(
        "Address under which people and sites reach the API and the desk", None, reads=_web_address
    )
    trusted_proxies: int = _setting(
        "How many reverse proxies stand before the web server and set X-Forwarded-*", 0, reads=_count
    )
    news_site_port: int = _setting("Port of the example news site", 8001, reads=_port)
    database_url: str = _setting("Database address", None, reads=_database, secret=True)
    redis_url: str = _setting("Redis or Valkey address", None, reads=_redis, secret=True)
    redis_master: str = _setting("Name of the master that Sentinel watches", "mymaster")
    broker_url: str = _setting("Broker for jobs, where not that Redis", None, reads=_broker, secret=True)
    secret_key: str = _setting(
        "Signs sessions and form tokens", None, reads=_long_secret, secret=True, kept=True
    )
    email_keys: tuple[str, ...] = _setting(
        "Fernet keys for e-mail addresses, separated by commas; the first encrypts, all decrypt",
        None,
        reads=_fernet_keys,
        secret=True,
        kept=True,
    )
    hash_key: bytes = _setting(
        "Keys the hashes by which addresses, IPs and API keys are matched",
        None,
        reads=_hash_key,
        secret=True,
        kept=True,
    )
    webhook_allowed_hosts: tuple[str, ...] = _setting(
        "host:port of private addresses that webhooks may reach", (), reads=_hosts
    )
    ip_keep_days: int = _setting("Days after which a comment's IP address is dropped", 30, reads=_count)
    log_level: str = _setting("Least severe log line that is written", "INFO", reads=_level)
    notify_urls: tuple[str, ...] = _setting(
        "Where notices to the operators go, as Apprise spells addresses (mailto://, slack://, json://…), "
        "separated by spaces; empty: to the desk alone",
        (),
        reads=_addresses,
        secret=True,
    )
    metrics_port: int = _setting(
        "Port on which each worker answers Prometheus, in a container of its own; 0: none", 0, reads=_count
    )
    oidc_issuer: str = _setting(
        "OpenID Connect issuer with which moderators may sign in, such as https://login.example.org; "
        "empty: with passwords alone",
        "",
        reads=_web_address,
    )
    oidc_client_id: str = _setting("Client id that this issuer knows the desk by", "")
    oidc_client_secret: str = _setting("Client secret at this issuer", "", secret=True)
    oidc_name: str = _setting("What the button for this sign-in says", "OpenID Connect")
    sentry_dsn: str = _setting("Where to report errors (Sentry); empty: nowhere", "", secret=True)
    otlp_endpoint: str = _setting("Where to send traces (OpenTelemetry, OTLP over HTTP); empty: nowhere", "")

    def __repr__(self) -> str:
        """Name the place only: a settings object ends up in tracebacks, and half of it is secret."""
        return f"Settings(data_dir={str(self.data_dir)!r})"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read every setting.

        Keys that are not given are taken from ``secrets.json`` in the data folder, where ``btl up`` keeps
        them, so that every command run beside it agrees with it.

        :raises SettingsFaults: with every fault, not only the first.
        """
        faults: list[str] = []
        values: dict[str, Any] = {}
        for one in settings():
            try:
                values[one.name] = _read(one, environ)
            except ValueError as fault:
                faults.append(str(fault))
        data_dir = values.get("data_dir", Path("var"))
        try:
            kept = kept_secrets(data_dir)
        except ValueError as fault:
            kept = {}
            faults.append(str(fault))
        for one in settings():
            if one.metadata["kept"] and values.get(one.name, "") is None:
                if one.name in kept:
                    try:
                        values[one.name] = one.metadata["reads"](kept[one.name])
                    except ValueError as fault:
                        faults.append(f"{one.name} in {data_dir / SECRETS_FILE} {fault}.")
                else:
                    faults.append(
                        f"{variable(one.name)} is missing: set it (or {variable(one.name)}_FILE), "
                        "or run `btl up` once, which makes the keys and keeps them in the data folder."
                    )
        if faults:
            raise SettingsFaults(tuple(faults))
        if values["public_url"] is None:
            values["public_url"] = f"http://127.0.0.1:{values['port']}"
        if values["database_url"] is None:
            values["database_url"] = f"sqlite:///{data_dir / 'btl.sqlite3'}"
        if values["redis_url"] is None:
            values["redis_url"] = "redis+socket://" + quote(str(embedded_socket(data_dir)))
        if values["broker_url"] is None:
            values["broker_url"] = values["redis_url"]
        return cls(**values)

    @property
    def embeds_broker(self) -> bool:
        """Whether Redis is the embedded server of the data folder."""
        return self.redis_url == "redis+socket://" + quote(str(embedded_socket(self.data_dir)))

    @property
    def is_public(self) -> bool:
        """Whether people come by https, so that cookies must never travel without it."""
        return self.public_url.startswith("https://")


def settings() -> tuple[Field[Any], ...]:
    """Every setting there is, in the order of the documentation."""
    return fields(Settings)


def variable(name: str) -> str:
    """The environment variable of a setting: ``port`` is ``BTL_PORT``."""
    return PREFIX + name.upper()


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none: a typo must not pass in silence (``btl doctor``)."""
    known = {variable(one.name) for one in settings()}
    known |= {variable(one.name) + "_FILE" for one in settings() if one.metadata["secret"]}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def _read(one: Field[Any], environ: Mapping[str, str]) -> Any:
    name = variable(one.name)
    text = environ.get(name, "").strip()
    path = environ.get(name + "_FILE", "").strip() if one.metadata["secret"] else ""
    if text and path:
        raise ValueError(f"{name} and {name}_FILE are both set: keep one of them.")
    if path:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8 text"
            raise ValueError(f"{name}_FILE names {path}, which cannot be read: {reason}.") from None
        if not text:
            raise ValueError(f"{name}_FILE names {path}, which is empty.")
    if not text:
        default = one.metadata["default"]
        return one.metadata["reads"](default) if isinstance(default, str) and default else default
    try:
        return one.metadata["reads"](text)
    except ValueError as fault:
        raise ValueError(f"{name} {fault}.") from None

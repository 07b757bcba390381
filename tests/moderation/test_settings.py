"""Settings are read once, all faults are told together, secrets stay secret, and the page lists them all."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from moderation.kept import LONGEST_SOCKET_PATH, embedded_socket, keep_secrets
from moderation.redis_address import for_limits, for_redis_py
from moderation.settings import (
    Settings,
    SettingsFaults,
    settings,
    unknown_variables,
    variable,
)

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "BTL_DATA_DIR": str(tmp_path),
        "BTL_SECRET_KEY": "s" * 32,
        "BTL_EMAIL_KEYS": Fernet.generate_key().decode(),
        "BTL_HASH_KEY": "h" * 32,
    }


def faults_of(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsFaults) as caught:
        Settings.from_environment(environ)
    return str(caught.value)


def test_without_any_setting_everything_is_embedded_in_the_data_folder(environ, tmp_path):
    found = Settings.from_environment(environ)

    assert found.database_url == f"sqlite:///{tmp_path}/btl.sqlite3"
    assert found.embeds_broker
    assert found.broker_url == found.redis_url
    assert found.public_url == "http://127.0.0.1:8000"


def test_every_fault_is_told_not_only_the_first(environ):
    faults = faults_of(environ | {"BTL_PORT": "no", "BTL_DATABASE_URL": "mysql://x", "BTL_HASH_KEY": "short"})

    assert faults.count("\n") == 2
    for name in ("BTL_PORT", "BTL_DATABASE_URL", "BTL_HASH_KEY"):
        assert name in faults


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BTL_PORT", "0", "1 to 65535"),
        ("BTL_PORT", "٨٠٨٠", "1 to 65535"),  # digits to Python, not to an operator's firewall
        ("BTL_NEWS_SITE_PORT", "99999", "1 to 65535"),
        ("BTL_TRUSTED_PROXIES", "-1", "whole number"),
        ("BTL_PUBLIC_URL", "comments.example.org", "https://"),
        ("BTL_REDIS_URL", "localhost:6379", "redis://"),
        ("BTL_BROKER_URL", "localhost:5672", "amqp://"),
        ("BTL_EMAIL_KEYS", "not-a-key", "Fernet"),
        ("BTL_EMAIL_KEYS", ",", "at least one"),
        ("BTL_WEBHOOK_ALLOWED_HOSTS", "news-site", "host:port"),
        ("BTL_LOG_LEVEL", "LOUD", "WARNING"),
    ],
)
def test_a_faulty_value_is_named_with_what_would_be_right(environ, name, value, says):
    faults = faults_of(environ | {name: value})

    assert name in faults
    assert says in faults


def test_a_secret_may_come_as_a_file(environ, tmp_path):
    (tmp_path / "database").write_text("postgres://btl:secret@db/btl\n")

    found = Settings.from_environment(environ | {"BTL_DATABASE_URL_FILE": str(tmp_path / "database")})

    assert found.database_url == "postgresql+psycopg://btl:secret@db/btl"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"BTL_SECRET_KEY_FILE": "/nowhere/key", "BTL_SECRET_KEY": ""}, "No such file"),
        ({"BTL_SECRET_KEY_FILE": "/dev/null", "BTL_SECRET_KEY": ""}, "empty"),
        ({"BTL_SECRET_KEY_FILE": "/dev/null"}, "both set"),
        ({"BTL_SECRET_KEY": ""}, "btl up"),
    ],
)
def test_a_secret_that_cannot_be_had_is_told(environ, more, says):
    assert says in faults_of(environ | more)


def test_no_secret_shows_when_settings_are_printed(environ):
    found = Settings.from_environment(environ)

    assert "s" * 32 not in f"{found!r} {found!s}"


def test_kept_secrets_are_made_once_readable_by_us_alone_and_found_again(tmp_path):
    first = keep_secrets(tmp_path, moderator_password="x")

    second = keep_secrets(tmp_path, moderator_password="y")

    found = Settings.from_environment({"BTL_DATA_DIR": str(tmp_path)})
    assert second == first
    assert found.secret_key == first["secret_key"]
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"secret_key": 1}', "\x00"])
def test_damaged_secrets_are_never_replaced(tmp_path, damage):
    (tmp_path / "secrets.json").write_text(damage)

    with pytest.raises(ValueError, match="put a copy of it back"):
        keep_secrets(tmp_path)

    assert (tmp_path / "secrets.json").read_text() == damage
    assert "put a copy of it back" in faults_of({"BTL_DATA_DIR": str(tmp_path)})


def test_a_socket_is_spelt_for_each_library(environ):
    found = Settings.from_environment(environ | {"BTL_REDIS_URL": "unix:///run/a%20b.sock"})

    assert found.redis_url == "redis+socket:///run/a%20b.sock"
    assert for_redis_py(found.redis_url) == "unix:///run/a%20b.sock"
    assert for_limits(found.redis_url, "")[0] == "redis+unix:///run/a b.sock"


def test_the_socket_moves_when_the_data_folder_is_too_deep(tmp_path):
    deep = tmp_path / ("d" * 120)

    assert len(str(embedded_socket(deep))) <= LONGEST_SOCKET_PATH
    assert embedded_socket(deep) == embedded_socket(deep)
    assert embedded_socket(deep) != embedded_socket(tmp_path / ("e" * 120))


def test_a_misspelt_variable_is_noticed():
    assert unknown_variables({"BTL_PROT": "1", "BTL_PORT": "1", "BTL_PORT_FILE": "x", "HOME": "/"}) == [
        "BTL_PORT_FILE",
        "BTL_PROT",
    ]


def test_the_page_lists_every_setting_as_the_code_has_it():
    rows = re.findall(r"^\| `(BTL_\w+)`( or `_FILE`)? \| (.*?) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    listed = {name: (bool(file), says, default) for name, file, says, default in rows}

    for one in settings():
        file, says, default = listed.pop(variable(one.name))
        assert (file, says) == (one.metadata["secret"], one.metadata["says"]), one.name
        if isinstance(one.metadata["default"], (str, int)) and one.metadata["default"] != "":
            assert default == f"`{one.metadata['default']}`", one.name
    assert not listed, "the page lists settings that are gone"

"""The doctor finds what is broken, says what to do, and changes nothing."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from moderation.kept import keep_secrets
from service.commands.doctor import command

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def consult(monkeypatch, tmp_path):
    monkeypatch.setenv("BTL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BTL_REDIS_URL", NOBODY)

    def ask(*arguments, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(command, arguments)

    return ask


def states(result):
    return {finding["about"]: finding["state"] for finding in json.loads(result.output)}


def test_a_set_up_that_answers_everywhere_is_sound(consult, tmp_path, sqlite_url, redis_url):
    keep_secrets(tmp_path)

    found = states(consult("--json", BTL_DATABASE_URL=sqlite_url, BTL_REDIS_URL=redis_url))

    assert [found[part] for part in ("settings", "data folder", "database", "redis")] == ["sound"] * 4


def test_faulty_settings_are_all_named_and_nothing_else_is_tried(consult):
    result = consult(BTL_PORT="x", BTL_DATABASE_URL="mysql://", BTL_PROT="8000")

    assert result.exit_code == 1
    for name in ("BTL_PORT", "BTL_DATABASE_URL", "BTL_SECRET_KEY", "BTL_PROT is no setting"):
        assert name in result.output
    assert "redis" not in result.output


def test_what_does_not_answer_is_broken_and_the_advice_says_what_to_do(consult, tmp_path):
    keep_secrets(tmp_path)

    result = consult(BTL_DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/none")

    assert result.exit_code == 1
    assert "Check BTL_DATABASE_URL" in result.output
    assert "Check BTL_REDIS_URL" in result.output
    assert "secret@" not in result.output
    assert "Traceback" not in result.output


def test_an_old_schema_is_broken_and_named(consult, tmp_path):
    keep_secrets(tmp_path)
    (tmp_path / "btl.sqlite3").touch()

    result = consult()

    assert "has schema none" in result.output
    assert "btl migrate" in result.output


def test_secrets_that_others_can_read_are_broken(consult, tmp_path):
    keep_secrets(tmp_path)
    (tmp_path / "secrets.json").chmod(0o644)

    assert "chmod 600" in consult().output

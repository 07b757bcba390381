"""`btl` lists every command, imports only the one that is called, and fails with a sentence and an exit code."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from moderation.errors import Refused
from moderation.settings import SettingsFaults
from service import cli, commands

NAMES = sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))


def test_help_lists_every_command_with_a_line_of_its_own():
    lines = CliRunner().invoke(cli.group, ["--help"], terminal_width=200).output.splitlines()

    for name in NAMES:
        [line] = [line for line in lines if line.startswith(f"  {name} ")]
        assert len(line.split()) > 2, line


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_of_its_own(name):
    result = CliRunner().invoke(cli.group, [name, "--help"])

    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: {cli.group.name} {name}")


def test_help_imports_neither_the_web_door_nor_the_model():
    source = (
        "import sys\nfrom service.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'flask', 'sqlalchemy', 'celery', 'numpy', 'models'} & set(sys.modules)))"
    )

    output = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout

    assert output.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (Refused("The comment is gone."), 1, "Error: The comment is gone."),
        (SettingsFaults(("BTL_PORT is odd.", "BTL_HOST is odder.")), 2, "Error: BTL_HOST is odder."),
    ],
)
def test_what_is_refused_ends_with_a_sentence_and_no_traceback(monkeypatch, capsys, raised, code, says):
    @click.command()
    def command():
        raise raised

    monkeypatch.setattr(cli.Commands, "get_command", lambda *_: command)

    with pytest.raises(SystemExit) as ended:
        cli.main(["sites"])

    assert ended.value.code == code
    assert says in capsys.readouterr().err


def test_an_unknown_command_is_wrong_use(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["nonsense"])

    assert ended.value.code == 2
    assert "No such command" in capsys.readouterr().err

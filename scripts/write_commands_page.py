"""Write docs/commands.md from the commands' own help: `.venv/bin/python scripts/write_commands_page.py`."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli import group

HEAD = """# Commands

`btl` is in `.venv/bin`; `python -m service` is the same. `btl COMMAND --help` lists every option.
Exit codes: 0 done, 1 failed, 2 wrong use. Long work shows its progress; `--json` prints for scripts.
Every command reads the same [settings](settings.md) as the program, and finds the keys of `make run`
in the data folder.

| command | what it does |
|---|---|
"""


def row(name: str, command: click.Command) -> str:
    """One line: the first paragraph of the command's help."""
    first = " ".join((command.help or "").split("\n\n")[0].split())
    return f"| `btl {name}` | {first.replace('|', '&#124;')} |\n"


def main() -> None:
    """Write the page."""
    context = click.Context(group)
    page = HEAD
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        page += row(name, command)
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                below = command.get_command(context, sub)
                assert below is not None
                page += row(f"{name} {sub}", below)
    (Path(__file__).parents[1] / "docs" / "commands.md").write_text(page, encoding="utf-8")


main()

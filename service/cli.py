"""``btl``, the command line: one module in ``service/commands/`` for each command.

A module is imported only when its command is called: ``btl score`` must not pay for the web door, nor
``btl --help`` for the model.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence

import click

from service import commands


class Commands(click.Group):
    """The modules of ``service.commands``, each of which exposes ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command: a module's name with dashes."""
        return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that was called, and no other."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"service.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the first line of each one's module, without importing any."""
        rows = [(name, _first_line(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first_line(name: str) -> str:
    spec = importlib.util.find_spec(f"service.commands.{name.replace('-', '_')}")
    if spec is None or spec.origin is None:
        return ""
    with open(spec.origin, encoding="utf-8") as source:
        line = source.readline().strip().strip('"')
    return line.replace("`", "").rstrip(".")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="below-the-line", prog_name="btl")
def group() -> None:
    """Below the Line: self-hosted comment moderation for news sites."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Exit codes: 0 done, 1 failed, 2 wrong use; a fault of the settings is wrong use."""
    from moderation.errors import Refused
    from moderation.settings import SettingsFaults

    try:
        group.main(args=arguments, prog_name="btl")
    except Refused as refused:
        click.echo(f"Error: {refused}", err=True)
        raise SystemExit(1) from None
    except SettingsFaults as faults:
        for fault in faults.faults:
            click.echo(f"Error: {fault}", err=True)
        raise SystemExit(2) from None
    except Exception as error:
        # Asked of what is imported already: `btl --help` must not wait for the library.
        library = sys.modules.get("sqlalchemy.exc")
        if library is None or not isinstance(error, library.DBAPIError):
            raise
        # The library's message holds the statement and its values; the driver's first line is enough.
        reason = str(error.orig).strip().splitlines()[0] if error.orig is not None else type(error).__name__
        click.echo(f"Error: the database failed: {reason}. `btl doctor` says more.", err=True)
        raise SystemExit(1) from None

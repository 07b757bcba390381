"""Check the set-up and say what to do."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import click

from service.checkup import BROKEN, DOUBTFUL, SOUND, findings

MARKS = {SOUND: ("✓", "green"), DOUBTFUL: ("!", "yellow"), BROKEN: ("✗", "red")}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(as_json: bool) -> None:
    """Check the set-up and say what to do.

    Looks at the settings, the data folder, the machine, the database and its schema, the workers, Redis and
    the model; changes nothing. Exit code 1 when something is broken.
    """
    found = []
    for finding in findings(os.environ):
        found.append(finding)
        if not as_json:
            mark, colour = MARKS[finding.state]
            click.echo(f"{click.style(mark, fg=colour)} {finding.about}: {finding.says}")
            if finding.advice:
                click.echo(f"    {finding.advice}")
    broken = sum(finding.state == BROKEN for finding in found)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=1))
    elif not broken:
        click.echo("Nothing is broken.")
    if broken:
        raise SystemExit(1)

"""What there is has documentation, and what is documented is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from service.cli import group

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


def commands() -> set[str]:
    context = click.Context(group)
    found = set()
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.add(f"btl {name}")
        if isinstance(command, click.Group):
            found |= {f"btl {name} {sub}" for sub in command.list_commands(context)}
    return found


def test_every_command_stands_on_its_page_and_no_other():
    listed = re.findall(r"^\| `(btl [\w -]+)` \| \S", (DOCS / "commands.md").read_text(), re.MULTILINE)

    assert set(listed) == commands(), "run scripts/write_commands_page.py"


def test_every_metric_stands_on_its_page_and_no_other():
    source = "\n".join(
        path.read_text() for room in ("service", "worker") for path in (ROOT / room).rglob("*.py")
    )
    counters = re.findall(r'Counter\(\s*"(btl_\w+)"', source)
    others = re.findall(r'(?:Histogram|Gauge|Summary|_gauge)\(\s*"(btl_\w+)"', source)
    others += re.findall(r'name = "(btl_\w+)"', source)

    listed = re.findall(r"^\| `(btl_\w+)` \|", (DOCS / "operating.md").read_text(), re.MULTILINE)

    assert set(listed) == {f"{name}_total" for name in counters} | set(others)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)

    missing = [
        link for link in links if "://" not in link and not (ROOT / page).parent.joinpath(link).exists()
    ]

    assert missing == []


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text()

    missing = [
        path
        for path in (page.removeprefix("docs/") for page in PAGES if page.startswith("docs/"))
        if path not in nav
    ]

    assert missing == []

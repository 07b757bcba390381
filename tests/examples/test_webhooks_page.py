"""docs/webhooks.md, held to the code: every event, every retry, and a receiver's arithmetic."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Request

from moderation.delivery import SCHEDULE_SECONDS
from moderation.events import EVENTS

from .conftest import SECRET, signed

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")
UNITS = {"s": 1, "min": 60, "h": 3600}


def test_every_event_is_described_and_no_other():
    described = re.findall(r"^\| `([a-z.]+)` \|", PAGE, re.MULTILINE)

    assert sorted(described) == sorted(EVENTS)


def test_the_retries_are_those_of_the_code():
    row = re.search(r"^\| after the one before \|(.*)\|$", PAGE, re.MULTILINE)
    waits = [cell.strip() for cell in row[1].split("|")]

    seconds = [0 if wait == "at once" else int(wait.split()[0]) * UNITS[wait.split()[1]] for wait in waits]

    assert tuple(seconds) == SCHEDULE_SECONDS


def test_the_python_on_the_page_runs_as_printed():
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    headers, body = signed("comment.approved", {"id": "x", "sequence": 1})
    request = Request.from_values(method="POST", data=body, headers=headers)
    names = {"request": request, "secret": SECRET}

    exec(code, names)

    assert names["event"]["type"] == "comment.approved"

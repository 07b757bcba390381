"""The examples of docs/api.md, run as they stand there: each sends the same comment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.schemas import CommentIn

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
PROGRAMS = {
    "sh": ["bash", "-euo", "pipefail"],
    "python": [sys.executable],
    "js": ["node", "--input-type=module", "-"],
    "php": ["php"],
}
#: PHP is in no list of what the tests need; where it is there, it runs.
HERE = [name for name, words in PROGRAMS.items() if name != "php" or shutil.which(words[0])]


def example(language: str) -> str:
    return next(
        code
        for code in re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
        if "/v1/comments" in code
    )


@pytest.mark.parametrize("language", HERE)
def test_an_example_sends_its_comment(language, api):
    ended = subprocess.run(
        PROGRAMS[language],
        input=example(language),
        env={**os.environ, "BTL_API_URL": api.url, "BTL_SITE_KEY": "btl_key"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
    [(path, headers, document)] = api.calls
    assert (path, headers["Authorization"]) == ("/v1/comments", "Bearer btl_key")
    assert document == {"name": "Ana", "email": "ana@example.org", "body": "A fine article, thank you."}
    assert CommentIn().load(document)


def test_every_language_has_one():
    assert all(example(language) for language in PROGRAMS)

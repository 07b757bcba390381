"""What is installed is whole: `btl up` finds every part that it starts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import find_namespace_packages

ROOT = Path(__file__).parents[1]


def test_every_part_that_btl_up_starts_is_packaged():
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    packaged = set(find_namespace_packages(str(ROOT), include=said["include"]))
    up = (ROOT / "service" / "commands" / "up.py").read_text()

    started = set(re.findall(r"([\w.]+):create_app\(\)", up)) | set(re.findall(r"--app (\w+)", up))

    assert started == {"service", "examples.news_site", "worker"}
    assert started <= packaged

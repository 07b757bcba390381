"""The tests cannot reach the outside world, so what passes them needs nobody there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.cut_off.sitecustomize import KEPT, is_here


@pytest.fixture
def apart(tmp_path, monkeypatch) -> Path:
    """Tries of this test are on purpose: they are kept elsewhere."""
    path = tmp_path / "tries"
    path.touch()
    monkeypatch.setenv(KEPT, str(path))
    return path


def test_another_machine_cannot_be_reached_by_address_or_by_name(apart):
    with socket.socket() as line, pytest.raises(OSError, match="cut off"):
        line.connect(("192.0.2.1", 80))
    with pytest.raises(requests.ConnectionError):
        requests.get("https://example.org/", timeout=5)

    assert apart.read_text().split(" by ")[0] == "connect to 192.0.2.1"
    assert "look up example.org" in apart.read_text()


def test_nor_by_a_process_that_a_test_starts(apart):
    words = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=5)"
    ended = subprocess.run(
        [sys.executable, "-c", words], env=dict(os.environ), capture_output=True, text=True
    )

    assert ended.returncode == 1
    assert "cut off from 192.0.2.1" in ended.stderr
    assert "connect to 192.0.2.1" in apart.read_text()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", True), ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False), ("169.254.169.254", False), ("example.org", False), ("::ffff:192.0.2.1", False),
    ],
)  # fmt: skip
def test_what_is_this_machine(host, here):
    assert is_here(host) is here

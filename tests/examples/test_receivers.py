"""The receivers in four languages, started as their first lines say. Runtimes that are not here are named."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from .conftest import SECRET, signed, wait_until_it_listens

pytestmark = pytest.mark.processes
RECEIVERS = Path(__file__).parents[2] / "examples" / "receivers"
COMMANDS = {
    "python": [sys.executable, "receiver.py"],
    "node": ["node", "receiver.mjs"],
    "php": ["php", "-S", "127.0.0.1:{port}", "receiver.php"],
    "go": ["{built}"],
}
AT_HAND = [name for name in COMMANDS if name == "python" or shutil.which(name)]
APPROVED = {
    "id": "01COMMENT",
    "sequence": 1,
    "status": "approved",
    "name": "Ann",
    "body": "Hello from the quay. سلام",
}


@dataclass
class Receiver:
    url: str
    folder: Path

    def deliver(self, message: tuple[dict[str, str], bytes]) -> int:
        headers, body = message
        return requests.post(f"{self.url}/webhooks", data=body, headers=headers, timeout=20).status_code

    def announce(self, kind: str, **data: Any) -> int:
        return self.deliver(signed(kind, {**APPROVED, **data}))

    def keeps(self) -> dict[str, Any]:
        return json.loads((self.folder / "01COMMENT.json").read_text("utf-8"))


@pytest.fixture(scope="module", params=AT_HAND)
def command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    words = COMMANDS[request.param]
    if request.param != "go":
        return words
    built = tmp_path_factory.mktemp("go") / "receiver"
    subprocess.run(["go", "build", "-o", built, "receiver.go"], cwd=RECEIVERS, check=True, timeout=240)
    return [str(built)]


@pytest.fixture
def receiver(command: list[str], free_port: int, tmp_path: Path) -> Iterator[Receiver]:
    environment = os.environ | {
        "BTL_WEBHOOK_SECRET": SECRET,
        "COMMENTS_DIR": str(tmp_path / "comments"),
        "PORT": str(free_port),
    }
    words = [word.format(port=free_port) for word in command]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=RECEIVERS, env=environment, stdout=log, stderr=log)
    try:
        wait_until_it_listens(process, free_port)
        yield Receiver(f"http://127.0.0.1:{free_port}", tmp_path / "comments")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def test_it_publishes_replaces_and_takes_down_once_and_in_order(receiver):
    approved = signed("comment.approved", APPROVED)

    assert receiver.deliver(approved) == 204
    assert receiver.keeps() == {"sequence": 1, "status": "approved", "name": "Ann", "body": APPROVED["body"]}

    assert receiver.announce("comment.edited", sequence=2, body="Hello again.") == 204
    assert receiver.deliver(approved) == 204
    assert receiver.keeps()["body"] == "Hello again."

    assert receiver.announce("comment.retracted", sequence=4, status="withdrawn") == 204
    assert receiver.announce("comment.edited", sequence=3, body="Too late.") == 204
    assert receiver.keeps() == {"sequence": 4, "status": "withdrawn"}


def test_it_believes_only_what_is_signed_and_fresh(receiver):
    headers, body = signed("comment.approved", APPROVED)
    stale = signed("comment.approved", APPROVED, age_seconds=400)
    unsigned = {name: value for name, value in headers.items() if name != "webhook-signature"}

    assert receiver.deliver((headers, body.replace(b"Ann", b"Eve"))) == 401
    assert receiver.deliver((unsigned, body)) == 401
    assert receiver.deliver((headers | {"webhook-timestamp": "soon"}, body)) == 401
    assert receiver.deliver(stale) == 401
    assert not (receiver.folder / "01COMMENT.json").exists()


def test_it_believes_either_secret_while_one_is_changed(receiver):
    headers, body = signed("comment.approved", APPROVED)
    both = f"v1,{'A' * 44} {headers['webhook-signature']}"

    assert receiver.deliver((headers | {"webhook-signature": both}, body)) == 204


def test_it_answers_a_ping_and_writes_no_file_outside_its_folder(receiver):
    assert receiver.deliver(signed("ping", {"message": "hello"})) == 204
    assert receiver.announce("comment.approved", id="../outside") == 500
    assert not (receiver.folder.parent / "outside.json").exists()


def test_the_receivers_of_runtimes_that_are_not_here_are_named(capsys):
    with capsys.disabled():
        for name in set(COMMANDS) - set(AT_HAND):
            print(f"\nNot run here, its runtime is not installed: examples/receivers, {name}")

    assert {path.suffix for path in RECEIVERS.iterdir() if path.is_file()} == {".py", ".mjs", ".php", ".go"}

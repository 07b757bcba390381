"""The audit finds holes, and never passes for one that did not take place."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("audit", Path(__file__).parents[1] / "scripts" / "audit.py")
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)
CLEAN = {"name": "flask", "version": "3.1", "vulns": []}
HOLE = {"name": "lxml", "version": "1.0", "vulns": [{"id": "CVE-2020-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "numpy", "skip_reason": "Dependency not found on PyPI"}


def answering(tmp_path, text, code=0):
    program = tmp_path / "pip_audit.py"
    program.write_text(
        f"import sys; sys.stdout.write({text!r}); sys.stderr.write('no route'); sys.exit({code})"
    )
    return (sys.executable, program)


@pytest.mark.parametrize(
    ("packages", "has_hole", "is_whole", "says"),
    [
        ([CLEAN], False, True, "1 packages, no known hole"),
        ([CLEAN, HOLE], True, True, "lxml 1.0 has CVE-2020-1; mended in 1.1"),
        ([CLEAN, UNKNOWN], False, False, "NOT AUDITED, 1 of 2 packages are unknown"),
        ([HOLE, UNKNOWN], True, False, "NOT AUDITED"),
    ],
)
def test_what_was_found_and_what_was_not_looked_up_is_said(
    tmp_path, capsys, packages, has_hole, is_whole, says
):
    program = answering(tmp_path, json.dumps({"dependencies": packages}), code=int(has_hole))

    assert audit.audit("some.lock", program) == (has_hole, is_whole)
    assert says in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{}", "Traceback"])
def test_a_service_that_does_not_answer_is_no_clean_bill(tmp_path, capsys, text):
    assert audit.audit("some.lock", answering(tmp_path, text, code=1)) == (False, False)
    assert "NOT AUDITED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ci", "found", "code"),
    [("", (False, False), 0), ("1", (False, False), 1), ("", (True, True), 1), ("1", (False, True), 0)],
)
def test_only_in_ci_an_audit_that_did_not_take_place_fails(monkeypatch, capsys, ci, found, code):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(audit, "audit", lambda lock: found)

    assert audit.main() == code
    assert ("is not done" in capsys.readouterr().out) is not found[1]

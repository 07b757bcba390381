"""Look for known holes in the locked requirements, and say plainly what could not be looked up.

Exit 1 for a hole. Where the vulnerability service does not answer, or does not know the packages (a mirror of
an index knows no vulnerabilities), nothing was audited: that is said, and in CI it counts as a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LOCKS = ("requirements.lock", "requirements-dev.lock")
PROGRAM = (
    Path(sys.executable).with_name("pip-audit"),
    *("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--requirement"),
)


def audit(lock: str, program: tuple[object, ...] = PROGRAM) -> tuple[bool, bool]:
    """Audit one file and say what was found.

    :return: whether a hole is known, and whether every package was looked up.
    """
    done = subprocess.run([*map(str, program), lock], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        print(f"{lock}: NOT AUDITED, the vulnerability service does not answer from here ({last[:200]})")
        return False, False
    skipped = [package for package in packages if "skip_reason" in package]
    holes = [(package, hole) for package in packages for hole in package.get("vulns", ())]
    for package, hole in holes:
        mended = ", ".join(hole.get("fix_versions", ())) or "no version yet"
        print(f"{lock}: {package['name']} {package['version']} has {hole['id']}; mended in {mended}")
    if skipped:
        names = ", ".join(package["name"] for package in skipped[:5])
        which = f"{len(skipped)} of {len(packages)} packages"
        print(f"{lock}: NOT AUDITED, {which} are unknown to the service that answers here ({names} …)")
    elif not holes:
        print(f"{lock}: {len(packages)} packages, no known hole")
    return bool(holes), not skipped and bool(packages)


def main() -> int:
    found = [audit(lock) for lock in LOCKS]
    is_whole = all(whole for _, whole in found)
    if not is_whole:
        print("The audit is not done: run `make sure` where the vulnerability service answers.")
    return int(any(hole for hole, _ in found) or (not is_whole and bool(os.environ.get("CI"))))


if __name__ == "__main__":
    raise SystemExit(main())

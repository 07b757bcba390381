"""An artifact on disk: a folder of plain numbers, verified before anything of it is used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "artifacts"
MANIFEST = "manifest.json"
FORMAT = 1


class ArtifactRefused(Exception):
    """The artifact is missing, of another format, or its files are not the ones its manifest names."""


def champion() -> Path:
    """The folder of the model that decides: the one named in ``models/artifacts/champion``.

    :raises ArtifactRefused: none is named.
    """
    named = SHIPPED / "champion"
    if not named.is_file():
        raise ArtifactRefused(f"no champion is named in {named}; train one: make model")
    return SHIPPED / named.read_text("utf-8").strip()


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verified(directory: Path) -> dict[str, Any]:
    """The manifest, after every file it names was found unchanged.

    :raises ArtifactRefused: names the file and what is wrong with it.
    """
    path = directory / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ArtifactRefused(f"{path} is missing") from None
    except (OSError, ValueError) as fault:
        raise ArtifactRefused(f"{path} cannot be read: {fault}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ArtifactRefused(f"{path} is not an artifact of format {FORMAT}")
    for name, expected in manifest["files"].items():
        file = directory / name
        if Path(name).name != name or not file.is_file():
            raise ArtifactRefused(f"{file} is named in the manifest and missing")
        if sha256_of(file) != expected["sha256"]:
            raise ArtifactRefused(
                f"{file} is not the file that was trained: its sha256 differs from the manifest's"
            )
    if not {"weights.npy", "numbers.json"} <= manifest["files"].keys():
        raise ArtifactRefused(f"{path} names no weights.npy and numbers.json")
    return manifest


def numbers(directory: Path) -> dict[str, Any]:
    """Scales, intercepts, calibration, stacker, gate and lines: all that is not in ``weights.npy``."""
    found: dict[str, Any] = json.loads((directory / "numbers.json").read_text("utf-8"))
    return found


def write_manifest(directory: Path, about: dict[str, Any], names: list[str]) -> None:
    """Seal an artifact: the manifest with the sha256 and size of each of its files."""
    files = {
        name: {"sha256": sha256_of(directory / name), "bytes": (directory / name).stat().st_size}
        for name in names
    }
    manifest = {"format": FORMAT, **about, "files": files}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", "utf-8")

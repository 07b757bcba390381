"""What the data folder of an embedded stack holds for every process beside it: keys, and a socket's place."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import cast

SECRETS_FILE = "secrets.json"

# sun_path holds 108 bytes on Linux and 104 on macOS, with the closing zero.
LONGEST_SOCKET_PATH = 100


def embedded_socket(data_dir: Path) -> Path:
    """Where the embedded server listens for this data folder.

    In the folder itself, unless its path is too long for a socket's address: then in a private folder
    under the system's temporary one, whose name follows from the data folder, so that every command
    finds the same place.
    """
    inside = data_dir / "valkey.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"btl-{os.getuid()}-{digest}" / "valkey.sock"


def kept_secrets(data_dir: Path) -> dict[str, str]:
    """The keys kept in the data folder; empty when there are none yet.

    :raises ValueError: when the file is there and cannot be used; a new key in its place would make
        every stored e-mail address unreadable.
    """
    path = data_dir / SECRETS_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as fault:
        raise ValueError(f"{path} cannot be read: {fault.strerror}.") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(
            f"{path} is damaged: put a copy of it back. If the data may be lost, empty the folder instead."
        )
    return cast("dict[str, str]", found)


def keep_secrets(data_dir: Path, **more: str) -> dict[str, str]:
    """Make the keys that are not kept yet, and keep them with ``more``; what is kept is never replaced.

    The file is written beside its place and moved over it, so that a crash leaves the old one or the new.

    :returns: everything that is kept now.
    """
    kept = kept_secrets(data_dir)
    made = {
        "secret_key": secrets.token_hex(32),
        "email_keys": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "hash_key": secrets.token_hex(32),
        **more,
    }
    if made.keys() <= kept.keys():
        return kept
    kept = {**made, **kept}
    data_dir.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=data_dir, prefix=".secrets-")  # mkstemp makes it mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(kept, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    os.replace(beside, data_dir / SECRETS_FILE)
    return kept

"""The background door reads its settings when imported: here it gets some, and the environment stays clean."""

import secrets
import tempfile

import pytest
from cryptography.fernet import Fernet

with pytest.MonkeyPatch.context() as environment:
    environment.setenv("BTL_DATA_DIR", tempfile.mkdtemp(prefix="btl-worker-"))
    environment.setenv("BTL_REDIS_URL", "redis://127.0.0.1:1/0")
    environment.setenv("BTL_SECRET_KEY", secrets.token_hex(32))
    environment.setenv("BTL_EMAIL_KEYS", Fernet.generate_key().decode())
    environment.setenv("BTL_HASH_KEY", secrets.token_hex(32))
    import worker  # noqa: F401

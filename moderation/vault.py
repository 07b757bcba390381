"""What is kept secret about people: addresses encrypted, matching by keyed hash.

Fernet (AES-128-CBC with HMAC-SHA256, spec github.com/fernet/spec) encrypts; several keys may
be given, the first encrypts and all decrypt, so that a key can be rotated (`btl keys rotate-email`).
The hash is HMAC-SHA256 (RFC 2104) over a normalised value, one name space for each kind, so
that an e-mail and an IP never share a hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Vault:
    """Encrypts and hashes with the operator's keys.

    :param email_keys: Fernet keys, URL-safe base64 of 32 bytes; the first one encrypts.
    :param hash_key: at least 16 random bytes; changing it forgets who wrote what.
    """

    def __init__(self, email_keys: Sequence[str], hash_key: bytes) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in email_keys])
        self._hash_key = hash_key

    def encrypt(self, value: str) -> str:
        """:return: an ASCII token; the empty string stays empty."""
        return self._fernet.encrypt(value.encode()).decode() if value else ""

    def decrypt(self, token: str) -> str:
        """:raises ValueError: for a token of another key or one that was changed."""
        if not token:
            return ""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise ValueError("encrypted with a key that is not in BTL_EMAIL_KEYS") from error

    def rotate(self, token: str) -> str:
        """:return: the same value under the first key.

        :raises ValueError: as :meth:`decrypt`.
        """
        try:
            return self._fernet.rotate(token.encode()).decode() if token else ""
        except InvalidToken as error:
            raise ValueError("encrypted with a key that is not in BTL_EMAIL_KEYS") from error

    def email_hash(self, address: str) -> str:
        """:return: 64 hexadecimal digits; case and surrounding space do not matter."""
        return self._hash("email", address.strip().casefold())

    def ip_hash(self, ip: str) -> str:
        return self._hash("ip", ip.strip().lower())

    def token_hash(self, token: str) -> str:
        """Of a random token (a session, an invitation): looked up by this, never kept itself."""
        return self._hash("token", token)

    def text_hash(self, text: str) -> str:
        """Of a comment's words: case and spacing do not matter."""
        return self._hash("text", " ".join(text.split()).casefold())

    def _hash(self, kind: str, value: str) -> str:
        return hmac.new(self._hash_key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=4)
def vault_of(email_keys: tuple[str, ...], hash_key: bytes) -> Vault:
    """One vault for each set of keys in a process."""
    return Vault(email_keys, hash_key)


def key_digest(key: str) -> str:
    """SHA-256 of a site key. Keys are 256 random bits, so a slow hash would protect nothing more."""
    return hashlib.sha256(key.encode()).hexdigest()

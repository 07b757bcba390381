"""Sentinel, TLS, passwords and sockets: real servers, each asked by every library that we use."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kombu import Connection
from limits.storage import storage_from_string
from redis import RedisError

from moderation.redis_address import client_of, for_limits, transport_options
from tests.running import free_ports, wait_for

pytestmark = pytest.mark.processes
MASTER = "line"


@contextmanager
def server(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    process = subprocess.Popen([program, *arguments], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        with client_of(url, MASTER, timeout=2) as client:
            return bool(client.ping())
    except RedisError:
        return False


def use_from_everywhere(url: str) -> None:
    """Send a job with kombu, count with limits, and see both with redis-py."""
    with Connection(url, transport_options=transport_options(url, MASTER)) as connection:
        queue = connection.SimpleQueue("score")
        queue.put({"job": "btl.score"})
        queue.close()
    address, options = for_limits(url, MASTER)
    storage_from_string(address, **options).incr("LIMITS/key", 60)

    with client_of(url, MASTER, timeout=2) as client:
        assert client.llen("score") == 1
        assert [key for key in client.scan_iter() if b"key" in key]


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Path]:
    return make_certificate(tmp_path)


def make_certificate(folder: Path) -> dict[str, Path]:
    """A certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = {"certificate": folder / "cert.pem", "key": folder / "key.pem"}
    paths["certificate"].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths["key"].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def test_sentinels_lead_every_library_to_the_master(tmp_path):
    port, first, second = free_ports(3)
    url = f"sentinel://:hidden@127.0.0.1:{first};sentinel://:hidden@127.0.0.1:{second}/0"
    with server("--port", str(port), "--save", "", "--requirepass", "hidden", folder=tmp_path):
        for one in (first, second):
            (tmp_path / f"{one}.conf").write_text(
                f"port {one}\nsentinel monitor {MASTER} 127.0.0.1 {port} 1\nsentinel auth-pass {MASTER} hidden\n"
            )
        with (
            server(f"{first}.conf", "--sentinel", folder=tmp_path),
            server(f"{second}.conf", "--sentinel", folder=tmp_path),
        ):
            wait_for(lambda: answers(url), "the sentinels")

            use_from_everywhere(url)


def tls_options(port: int, certificate: dict[str, Path]) -> list[str]:
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--requirepass", "hidden"]
    options += ["--tls-cert-file", str(certificate["certificate"]), "--tls-key-file", str(certificate["key"])]
    return [*options, "--save", ""]


def test_tls_with_a_private_authority(tmp_path, certificate):
    [port] = free_ports(1)
    url = f"rediss://:hidden@localhost:{port}/0?ssl_ca_certs={certificate['certificate']}"
    with server(*tls_options(port, certificate), folder=tmp_path):
        wait_for(lambda: answers(url), "the server")

        use_from_everywhere(url)

        assert not answers(f"rediss://:hidden@localhost:{port}/0"), "a certificate nobody vouches for"


def test_a_socket_in_a_folder_with_a_space(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    url = f"redis+socket://{folder}/redis.sock".replace(" ", "%20")
    with server("--port", "0", "--unixsocket", str(folder / "redis.sock"), "--save", "", folder=tmp_path):
        wait_for(lambda: answers(url), "the server")

        use_from_everywhere(url)


def test_rabbitmq_is_told_nothing_that_only_redis_knows():
    assert transport_options("amqp://rabbit//", MASTER, visibility_timeout=120) == {}
    assert transport_options("redis://redis/0", MASTER, visibility_timeout=120) == {"visibility_timeout": 120}

"""The address is pinned; the name is still what the certificate is checked for."""

import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.moderation.egress.names import resolving_to
from tests.receiver import receiving


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority, a server context for receiver.example and a client context trusting it."""
    folder = tmp_path_factory.mktemp("tls")
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    names = []
    server.sni_callback = lambda connection, name, context: names.append(name)
    client = ssl.create_default_context(cafile=str(path))
    return server, client, names


def test_tls_checks_the_name_while_the_address_is_pinned(egress_to, authority):
    server, client, names = authority
    with receiving(tls=server) as receiver:
        allowed = [f"receiver.example:{receiver.port}", f"other.example:{receiver.port}"]
        egress = egress_to(*allowed, resolve=resolving_to(["127.0.0.1"]), tls=client)

        right = egress.post(f"https://receiver.example:{receiver.port}/", b"{}", {})
        wrong = egress.post(f"https://other.example:{receiver.port}/", b"{}", {})

    assert right.status == 204
    assert names == ["receiver.example", "other.example"]
    assert receiver.got[0].headers["host"] == f"receiver.example:{receiver.port}"
    assert "No secure connection" in wrong.error
    assert len(receiver.got) == 1


def test_a_certificate_of_nobody_we_trust_is_refused(egress_to, authority):
    server, _, _ = authority
    with receiving(tls=server) as receiver:
        egress = egress_to(f"receiver.example:{receiver.port}", resolve=resolving_to(["127.0.0.1"]))

        answer = egress.post(f"https://receiver.example:{receiver.port}/", b"{}", {})

    assert "No secure connection" in answer.error
    assert receiver.got == []
